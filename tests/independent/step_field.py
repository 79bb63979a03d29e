"""Section "Step field": how fine the steps of a coefficient are, by its frequency and its place."""

from __future__ import annotations

import numpy as np

from .weights import Weights

N_LIMIT = 24
MAP_CELL = 4  # blocks of z[1] along each side that share a symbol of the activity map


def rounded(v: np.ndarray, bits: int) -> np.ndarray:
    """The page's R(v, s)."""
    return (v + (1 << bits >> 1)) >> bits


class StepField:
    def __init__(self, weights: Weights, fall: int, activity: np.ndarray | None, shape: tuple[int, int]):
        """activity: the map, (1, H/32, W/32). shape: rows and columns of blocks of the padded picture."""
        self.gains = weights.table("gains")
        by_channel = weights.table("fields")[fall][:, None, None]
        self.by_place = np.zeros((1, *shape), np.int64)  # the page's A
        if activity is not None:
            twice = (2 * activity).clip(-N_LIMIT, N_LIMIT)
            self.by_place = twice.repeat(MAP_CELL, 1).repeat(MAP_CELL, 2)
        self.has_map = activity is not None
        self.n = (by_channel + self.by_place).clip(-N_LIMIT, N_LIMIT)

    def gain(self, n: np.ndarray) -> np.ndarray:
        """The page's G(n)."""
        return self.gains[n + N_LIMIT]

    def local(self, mean: np.ndarray, level: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What symbols are coded with, of what a network gives."""
        return rounded(mean * self.gain(n), 12).clip(-32767, 32767), (level + n).clip(0, 63)

    def known(self, symbols: np.ndarray, channels: slice) -> np.ndarray:
        """Symbols as networks see them, in quarters of D."""
        seen = rounded(symbols.clip(-2032, 2032) * self.gain(-self.n[channels]), 10)
        return seen.clip(-508, 508)

    def in_steps(self, z: np.ndarray) -> np.ndarray:
        """Coefficients of all channels, in 1/256 of the local step -> in 1/256 of D."""
        return rounded(z * self.gain(-self.n), 12).clip(-(1 << 23), 1 << 23)

    def ends(self) -> np.ndarray:
        """n of the lowest and of the highest frequency, which two networks see."""
        return self.n[[0, -1]]

    def half_step(self) -> np.ndarray:
        """The most that the synthesis network may add where there is a map, in 1/256 of D."""
        return np.minimum(128, rounded(128 * self.gain(-self.by_place), 12))
