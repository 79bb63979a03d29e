"""Section "Corrections by neighbours": residuals move the means and scale levels of those coded after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cells import SUB_LATTICES
from .step_field import rounded
from .symbols import Reader

BESIDE, ABOVE_BELOW = [(0, -1), (0, 1)], [(-1, 0), (1, 0)]
ASLANT = [(-1, -1), (-1, 1), (1, -1), (1, 1)]

# Neighbours in the colour itself that a quarter knows: whose e are summed for the mean, and whose t for the level.
MEAN_NEIGHBOURS = [], [ASLANT], [BESIDE, ABOVE_BELOW], [BESIDE, ABOVE_BELOW, ASLANT]
LEVEL_NEIGHBOURS = [], [ASLANT], [BESIDE + ABOVE_BELOW], [BESIDE + ABOVE_BELOW]
OF_COLOURS_BEFORE = [BESIDE, ABOVE_BELOW, ASLANT]

# By quarter and colour the weights of means and those of scale levels, None where a row has none.
Corrections = dict[tuple[int, int], tuple[np.ndarray | None, np.ndarray | None]]


def read(reader: Reader) -> Corrections | None:
    """None where no row has any."""
    rows: Corrections = {}
    for quarter in range(4):
        for colour in range(3):
            of_means = len(MEAN_NEIGHBOURS[quarter]) + len(OF_COLOURS_BEFORE) * colour
            of_levels = len(LEVEL_NEIGHBOURS[quarter]) + colour
            of_levels += of_levels > 0  # 64
            rows[quarter, colour] = _row(reader, of_means), _row(reader, of_levels)
    return rows if any(row is not None for pair in rows.values() for row in pair) else None


def _row(reader: Reader, count: int) -> np.ndarray | None:
    if not count or not reader.number(1):
        return None
    s, level = reader.number(4), reader.number(6)
    return reader.around_zero(np.full(count, level)) << s


def _log2_in_eighths(v: np.ndarray) -> np.ndarray:
    """The page's L(v)."""
    n = np.frexp(v)[1].astype(np.int64) - 1
    return 8 * n + (8 * (v - (1 << n)) >> n)


@dataclass
class Neighbours:
    """What is known of a sub-lattice: e and t of three colours, with a border of 0 around them."""

    e: np.ndarray
    t: np.ndarray

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Neighbours:
        return cls(*(np.pad(np.zeros(shape, np.int64), ((0, 0), (1, 1), (1, 1))) for _ in range(2)))

    def corrected(self, weights: tuple, quarter: int, colour: int, mean: np.ndarray, level: np.ndarray):
        """Of the mean and the level of a quarter, as they would be without corrections."""
        of_means, of_levels = weights
        at = SUB_LATTICES[quarter]
        if of_means is not None:
            f = [self._sum(self.e[colour], at, places) for places in MEAN_NEIGHBOURS[quarter]]
            f += [self._sum(self.e[before], at, places) for before in range(colour) for places in OF_COLOURS_BEFORE]
            mean = mean + rounded(_weighted(of_means, f), 12)
        if of_levels is not None:
            f = [self._sum(self.t[colour], at, places) for places in LEVEL_NEIGHBOURS[quarter]]
            f += [4 * self._sum(self.t[before], at, [(0, 0)]) for before in range(colour)]
            level = (level + rounded(_weighted(of_levels, [*f, np.full_like(level, 64)]), 12)).clip(0, 63)
        return mean, level

    def learn(self, quarter: int, colour: int, residual: np.ndarray, mean: np.ndarray, level: np.ndarray) -> None:
        """mean and level: without corrections."""
        e = (64 * residual - mean).clip(-2047, 2047)
        usual = np.floor(3.2 * 2 ** (0.15 * level) + 0.5).astype(np.int64)
        row, column = SUB_LATTICES[quarter]
        here = np.s_[colour, 1 + row : -1 : 2, 1 + column : -1 : 2]
        self.e[here] = e
        self.t[here] = _log2_in_eighths(np.abs(e) + 20) - _log2_in_eighths(usual + 20)

    @staticmethod
    def _sum(known: np.ndarray, at: tuple[int, int], places: list[tuple[int, int]]) -> np.ndarray:
        (H, W), (row, column) = known.shape, at
        first = [(1 + row + down, 1 + column + right) for down, right in places]
        return sum(known[i : H - 1 + down : 2, j : W - 1 + right : 2] for (i, j), (down, right) in zip(first, places))


def _weighted(weights: np.ndarray, f: list[np.ndarray]) -> np.ndarray:
    return sum(w * v for w, v in zip(weights, f, strict=True))
