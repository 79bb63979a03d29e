"""Corrections by neighbours: residuals of a sub-lattice that are known move what its network says of the others.

A network sees none of the pixels of its own sub-lattice. So a colour of it is coded in quarters, the sub-lattices of
its 2x2 cells: the first stands alone, and each other lies between positions that are known by then. How far these came
to lie from their means moves a mean, and how surprising they were a scale level; so do those of the colours before. By
how much is fitted to a picture and sent with it (fitted.py), in integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import WeightsError
from ..models.tables import MEAN_UNITS, SCALE_LEVELS, scale_values
from ..models.walk import COLOURS, LATTICE

BITS = 12  # a correction is a sum of products in 1/2^BITS
DISTANCE_LIMIT = 2047  # of a position from its mean, in 1/MEAN_UNITS
SURPRISE_LIMIT = 64  # surprises are below
SUM_LIMIT = 1 << 30
WHOLE = np.iinfo(np.int32)
CONSTANT = 64  # what the last weight of a level is the weight of
NEAR = 20  # added to distances, so that the logarithm of small ones is not far from that of none

Group = tuple[tuple[int, int], ...]  # of neighbours that share a weight: how far down and along they lie
Term = tuple[int, Group, int]  # what a weight is multiplied with: a colour, positions around, how often they count
HERE = (0, 0)
ALONG, DOWN, ASIDE = ((0, -1), (0, 1)), ((-1, 0), (1, 0)), ((-1, -1), (-1, 1), (1, -1), (1, 1))
KNOWN: tuple[tuple[Group, ...], ...] = (
    (),
    (ASIDE,),
    (ALONG, DOWN),
    (ALONG, DOWN, ASIDE),
)  # by quarter, of the same colour
SURPRISING = (ASIDE, ASIDE, ALONG + DOWN, ALONG + DOWN)  # whose surprises a quarter goes by, but for the first


def logarithm(v: np.ndarray) -> np.ndarray:
    """Of whole numbers from 1 to 2^16 - 1 to the base 2, in eighths, between powers of two by a line; int32."""
    return LOGARITHMS[v]


def _logarithms() -> np.ndarray:
    v = np.arange(1 << 16)
    whole = np.frexp(np.maximum(v, 1))[1] - 1
    return (8 * whole + ((v - (1 << whole)) * 8 >> whole)).astype(np.int32)


LOGARITHMS = _logarithms()
EXPECTED = logarithm(np.rint(MEAN_UNITS * scale_values()).astype(np.int32) + NEAR)  # by scale level


@dataclass(frozen=True)
class Weights:
    """What corrects one colour of one quarter: integers, of means and of levels; none: nothing."""

    of_mean: np.ndarray
    of_level: np.ndarray


Corrections = Sequence[Sequence[Weights]]  # of a sub-lattice: by quarter and colour


def counts() -> list[int]:
    """How many weights there are: by quarter and colour those of a mean, then those of a level."""
    places = [(quarter, colour) for quarter in range(len(LATTICE)) for colour in range(len(COLOURS))]
    return [len(limits(*place)) for place in places for limits in (_mean_limits, _level_limits)]


def corrections(rows: Sequence[np.ndarray], name: str) -> Corrections:
    """Corrections with these weights, in the order of ``counts``, for the network of this name.

    Raises WeightsError where a sum could reach SUM_LIMIT.
    """
    out = []
    for quarter in range(len(LATTICE)):
        pairs = [rows[2 * (len(COLOURS) * quarter + colour) :][:2] for colour in range(len(COLOURS))]
        for colour, pair in enumerate(pairs):
            for weights, limits in zip(pair, (_mean_limits, _level_limits)):
                if not np.abs(weights.astype(np.int64)) @ np.array(limits(quarter, colour), np.int64) < SUM_LIMIT:
                    where = f"quarter {quarter + 1}, colour {colour + 1} of {name}"
                    raise WeightsError(f"weights refused: a correction by neighbours in {where} can reach 2^30")
        out.append([Weights(*(v.astype(np.int32) for v in pair)) for pair in pairs])
    return out


def mean_terms(quarter: int, colour: int) -> list[Term]:
    """Of distances, one for each weight of a mean."""
    own = [(colour, group, 1) for group in KNOWN[quarter]]
    return own + [(other, group, 1) for other in range(colour) for group in (ALONG, DOWN, ASIDE)]


def level_terms(quarter: int, colour: int) -> list[Term]:
    """Of surprises, one for each weight of a level but the last, that of the constant."""
    own = [(colour, SURPRISING[quarter], 1)] if KNOWN[quarter] else []
    return own + [(other, (HERE,), 4) for other in range(colour)]


def _mean_limits(quarter: int, colour: int) -> list[int]:
    """Of what each weight is multiplied with."""
    return [DISTANCE_LIMIT * len(group) for _, group, _ in mean_terms(quarter, colour)]


def _level_limits(quarter: int, colour: int) -> list[int]:
    limits = [SURPRISE_LIMIT * len(group) * times for _, group, times in level_terms(quarter, colour)]
    return [*limits, CONSTANT] if limits else []


class Around:
    """What is known of one sub-lattice, colour by colour, while it is walked; of size (height, width)."""

    def __init__(self, height: int, width: int):
        self._size = height, width
        shape = len(COLOURS), height + 2, width + 2  # 0 where nothing is known; in small types, since a picture has a
        self._distances = np.zeros(shape, np.int16)  # quarter of its pixels here at once
        self._surprises = np.zeros(shape, np.int8)
        self._colour = -1

    def begin(self) -> None:
        """The next colour."""
        self._colour += 1

    def know(self, quarter: int, mean: np.ndarray, level: np.ndarray, residual: np.ndarray) -> None:
        """Residuals of a quarter of this colour, int16, and what the network says of them, int32: (h, w) each."""
        distance = (MEAN_UNITS * residual.astype(np.int32) - mean).clip(-DISTANCE_LIMIT, DISTANCE_LIMIT)
        self._at(self._distances[self._colour], quarter)[:] = distance
        self._at(self._surprises[self._colour], quarter)[:] = logarithm(np.abs(distance) + NEAR) - EXPECTED[level]

    def of_mean(self, quarter: int) -> list[np.ndarray]:
        """What weights of means are multiplied with: sums of distances around each position of a quarter, int32."""
        return [self._sum(self._distances, quarter, *term) for term in mean_terms(quarter, self._colour)]

    def of_level(self, quarter: int) -> list[np.ndarray]:
        """What weights of levels are multiplied with, but for the constant."""
        return [self._sum(self._surprises, quarter, *term) for term in level_terms(quarter, self._colour)]

    def corrected(self, weights: Weights, quarter: int, mean: np.ndarray, level: np.ndarray):
        """Mean and level of a quarter of this colour, int32 (h, w)."""
        if weights.of_mean.any():
            terms = mean_terms(quarter, self._colour)
            mean = self._moved(mean, self._distances, quarter, terms, weights.of_mean, WHOLE.min, WHOLE.max)
        if weights.of_level.any():
            terms = level_terms(quarter, self._colour)
            level = self._moved(level, self._surprises, quarter, terms, weights.of_level, 0, SCALE_LEVELS - 1)
        return mean, level

    def _moved(self, given, values, quarter: int, terms: Sequence[Term], weights: np.ndarray, low: int, high: int):
        """Means or levels, moved by what is known around them and kept from low to high."""
        features = [self._sum(values, quarter, *term) for term in terms]
        return (given + _correction(weights, features)).clip(low, high)

    def _sum(self, values: np.ndarray, quarter: int, colour: int, group: Group, times: int) -> np.ndarray:
        first, *others = group
        found = self._at(values[colour], quarter, first).astype(np.int32)
        for offset in others:
            found += self._at(values[colour], quarter, offset)
        return times * found

    def _at(self, values: np.ndarray, quarter: int, offset: tuple[int, int] = HERE) -> np.ndarray:
        """A view of what lies at an offset from the positions of a quarter."""
        (i, j), (down, along), (height, width) = LATTICE[quarter], offset, self._size
        return values[1 + i + down : 1 + height + down : 2, 1 + j + along : 1 + width + along : 2]


def _correction(weights: np.ndarray, features: list[np.ndarray]) -> np.ndarray:
    moved = np.full(features[0].shape, 1 << BITS - 1, np.int32)
    moved += CONSTANT * weights[len(features) :].sum(dtype=np.int32)
    for weight, feature in zip(weights, features):
        if weight:
            moved += weight * feature
    return moved >> BITS
