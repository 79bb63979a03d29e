"""What a file says of how its picture is restored (models/exact/restoration.py), behind a plane of latents.

What coding takes of a picture depends on the picture: how sharp it was, how much of it is noise, how colours follow
light. Each plane of colour moves by differences to its neighbours, with weights that an encoder fits
(choice/restoring.py) and sends as whole steps of a power of two. Differences are clipped at a share of the step, about
as large as what coding does to a pixel, or at LIMIT_FAR, where nearly all are whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file

from ..errors import ChecksumError
from ..models.exact.inference import DELTA_BITS
from ..models.exact.restoration import LIMIT_MOST, PLANES, SUM_LIMITS, Filter, Term
from ..models.units import FINE
from . import fitted
from .fitted import Numbers

Places = tuple[tuple[int, int], ...]  # of neighbours, one of each pair: how far down and along they lie
NEAR: Places = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
AROUND: Places = (
    *NEAR,
    *((1, 2), (2, 1), (1, -2), (2, -1), (2, 2), (2, -2)),
    *((0, 3), (3, 0), (1, 3), (3, 1), (1, -3), (3, -1), (0, 4), (4, 0)),
)
LIMIT_FAR = LIMIT_MOST // 2
# What a plane moves by: differences of which plane, to which places, limited to how many 1/256 of a step; 0: LIMIT_FAR
GROUPS: tuple[tuple[tuple[int, Places, int], ...], ...] = (
    ((0, AROUND, 46), (0, AROUND, 154), (0, NEAR, 461), (0, NEAR, 0)),
    ((1, NEAR, 63), (1, NEAR, 0), (0, NEAR, 77), (0, NEAR, 0)),
    ((2, NEAR, 109), (2, NEAR, 0), (0, NEAR, 77), (0, NEAR, 0)),
)


BASES = Path(__file__).parents[1] / "format" / "restoration.safetensors"
BASIS_BITS = 7


class Basis(NamedTuple):
    """What numbers are the coordinates in.

    directions: int64 (N, N), a column for each, in 1/2^BASIS_BITS; levels: int64 (N,), how far the scale level of each
    lies from the first one's.
    """

    directions: np.ndarray
    levels: np.ndarray

    def weights(self, numbers: Numbers) -> np.ndarray:
        """int64 (N,), in 1/2^BITS."""
        return (self.directions @ numbers.differences() + (1 << BASIS_BITS - 1)) >> BASIS_BITS


@cache
def bases() -> tuple[Basis, ...]:
    """Of each plane of colour."""
    told = {name: v.astype(np.int64) for name, v in load_file(BASES).items()}
    return tuple(
        Basis(told[f"P{plane}.directions"] << told[f"P{plane}.shifts"], told[f"P{plane}.levels"])
        for plane in range(PLANES)
    )


@dataclass(frozen=True)
class Restoration:
    """How planes of colour move: numbers of each, None where it stays."""

    rows: Sequence[Numbers | None]

    def filters(self, delta: int) -> list[Filter]:
        """delta: the step in 1/2^DELTA_BITS. Raises ChecksumError where sums could overflow."""
        return [
            filter_of(plane, delta, basis.weights(numbers) if numbers else None)
            for plane, (basis, numbers) in enumerate(zip(bases(), self.rows))
        ]


def terms(plane: int, delta: int) -> list[Term]:
    """What the weights of a plane are multiplied with. delta: as of ``Restoration.filters``."""

    def limit(share: int) -> int:
        return min(LIMIT_MOST, max(1, FINE * share * delta >> DELTA_BITS + 8)) if share else LIMIT_FAR

    return [Term(source, *place, limit(share)) for source, places, share in GROUPS[plane] for place in places]


def filter_of(plane: int, delta: int, weights: np.ndarray | None) -> Filter:
    """Raises ChecksumError where sums could overflow: no encoder writes such weights."""
    if weights is None:
        return Filter((), np.zeros(0, np.int16))
    told = Filter(terms(plane, delta), weights)
    if np.abs(weights).max() > np.iinfo(np.int16).max or told.most >= SUM_LIMITS[plane]:
        raise ChecksumError("a level is damaged: it moves pixels farther than any encoder does")
    return told._replace(weights=weights.astype(np.int16))


def settle(coder: fitted.Coder, actual: Restoration | None, known: bool) -> Restoration | None:
    """Let a coder settle whether there is a restoration, and its numbers. known: whether an encoder says ``actual``."""
    if not coder.variant(2, int(actual is not None) if known else None):
        return None
    rows = []
    for plane, basis in enumerate(bases()):
        wanted = actual.rows[plane] if actual else None
        rows.append(fitted.settle_row(coder, len(basis.levels), wanted, known, beside=basis.levels))
    return Restoration(rows)
