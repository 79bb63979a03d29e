"""Which set of gains and biases codes the exact pixels of a picture: the one that takes the fewest bits of a sample.

Sets differ in what they expect noise to be made of (models/networks/pixels.py), which is much the same all over a
picture: a few tiles say which one suits it.
"""

from __future__ import annotations

import numpy as np

from ..coding import residuals
from ..coding.lookup import symbol_tables
from ..coding.walk import Exact, Walk
from ..models.tables import ESCAPE, PRECISION, TAIL

TILE = 32  # side, pixels
TILES = 5  # down and along: what a set says of them takes a 15th of what it says of 768x512 pixels


class Count:
    """Counts the bits that residuals would take."""

    expects = False

    def __init__(self, frequencies: np.ndarray):
        """frequencies: of the pixels' tables."""
        self._frequencies, self.bits = frequencies, 0.0

    def pixels(self, mean, level, actual):
        base, table = symbol_tables(mean, level)
        offset = actual - base
        found = self._frequencies[table, np.where(np.abs(offset) > TAIL, ESCAPE, offset + TAIL)]
        self.bits += float((PRECISION - np.log2(found)).sum())
        return actual


def best_set(walk: Walk, exact: Exact) -> int:
    """The set for a walk that has come to the pixels. exact: of ``Walk.to_exact``."""
    count = walk.plan.config.pixel_sets
    if count == 1:
        return 0
    x_hat, owed, actual = exact
    assert actual is not None  # an encoder knows the picture
    x_hat, actual = sampled(x_hat, TILE), sampled(actual, TILE)
    owed = None if owed is None else sampled(owed, TILE // 2)
    bits = []
    for chosen in range(count):
        counter = Count(walk.nets.weights.tables["pixels"])
        residuals.settle(walk.nets, chosen, (x_hat, owed, actual), x_hat.shape[1:], counter, grey=walk.plan.grey)
        bits.append(counter.bits)
    return int(np.argmin(bits))


def sampled(v: np.ndarray, side: int) -> np.ndarray:
    """Tiles of (C, H, W), spread over it and put side by side, or all of it if it is not larger than these.

    Tiles begin at multiples of a quarter of their side, so that those of arrays of half the size cover the same pixels.
    """
    _, height, width = v.shape
    if height * width <= (TILES * side) ** 2:
        return v
    tops, lefts = (_starts(length, side) for length in (height, width))
    rows = [np.concatenate([v[:, i : i + side, j : j + side] for j in lefts], 2) for i in tops]
    return np.concatenate(rows, 1)


def _starts(length: int, side: int) -> list[int]:
    unit = side // 4
    count = min(TILES, length // side) or 1
    return [int(at) * unit for at in np.linspace(0, max(0, length - side) // unit, count)]
