"""What tables and transforms of a weights file must be for a decoder to rely on them, whoever made the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import WeightsError
from ..config import FALLS, Y_STEPS
from ..tables import (
    EDGE_LOGIT_MAX,
    EDGE_UNITS,
    ESCAPE,
    FIELD_LIMIT,
    FRACTIONS,
    MEAN_UNITS,
    OFFSETS,
    PRECISION,
    SCALE_LEVELS,
    TAIL,
)
from .layers import T_UNITS
from .shipped import remedy

FREQUENCIES = {  # rows that sum to 2^PRECISION, each number at least 1
    "symbols": (SCALE_LEVELS * FRACTIONS, ESCAPE + 1),
    "pixels": (SCALE_LEVELS * FRACTIONS, ESCAPE + 1),
    "digits": (SCALE_LEVELS * OFFSETS, 3),
    "edges": (2 * EDGE_LOGIT_MAX * EDGE_UNITS + 1, 2),
}
VALUES: dict[str, tuple[tuple[int, ...], int, int]] = {  # shape, and the least and the largest value
    "centroids": ((SCALE_LEVELS, OFFSETS), -(2**14), 2**14),
    "log3": ((T_UNITS,), 2**16, 3 * 2**16),
    "fields": ((FALLS, 192), -FIELD_LIMIT, FIELD_LIMIT),
    "gains": ((2 * FIELD_LIMIT + 1,), 1, 2**19),
}
ROOT = (len(Y_STEPS), 2, 3)  # of table u: mean in 1/MEAN_UNITS, scale level
TRANSFORMS = {"block": (192, 192), "inverse_block": (192, 192), "pre_filter": (8, 8), "post_filter": (8, 8)}
TRANSFORM_LIMIT = 2**15


def check_tables(path: Path, tables: Mapping[str, np.ndarray]) -> None:
    """Raises WeightsError, naming the table, for one that is missing or cannot be what it says."""
    for name, shape in FREQUENCIES.items():
        rows = _integers(path, tables, name, shape)
        if rows.min() < 1 or (rows.sum(1, dtype=np.int64) != 2**PRECISION).any():
            raise _damaged(path, name)
    for name, (sides, low, high) in VALUES.items():
        values = _integers(path, tables, name, sides)
        if values.min() < low or values.max() > high:
            raise _damaged(path, name)
    if "u" in tables:  # not where there is no downscale
        mean, level = _integers(path, tables, "u", ROOT).swapaxes(0, 1)
        if abs(mean).max() > 2 * TAIL * MEAN_UNITS or not (0 <= level.min() and level.max() < SCALE_LEVELS):
            raise _damaged(path, "u")


def check_transforms(path: Path, transforms: Mapping[str, np.ndarray]) -> None:
    """The same for transforms, whose sums stay exact as long as no number is larger than these are."""
    for name, shape in TRANSFORMS.items():
        if abs(_integers(path, transforms, name, shape).astype(np.int64)).max() > TRANSFORM_LIMIT:
            raise _damaged(path, name)


def _integers(path: Path, arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = arrays.get(name)
    if found is None or found.shape != shape or found.dtype.kind not in "iu":
        raise _damaged(path, name)
    return found


def _damaged(path: Path, name: str) -> WeightsError:
    return WeightsError(f"the weights file {path} is damaged: its {name} cannot be right; {remedy(path)}")
