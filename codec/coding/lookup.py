"""From means and scale levels to rows and columns of the shipped tables (models/tables.py)."""

from __future__ import annotations

import numpy as np

from ..models.tables import FRACTIONS, MEAN_UNITS, OFFSETS


def symbol_tables(mean: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The integer nearest to each mean, and the table for the rest."""
    base = (mean + MEAN_UNITS // 2) // MEAN_UNITS
    fraction = (mean + MEAN_UNITS // 2 - base * MEAN_UNITS) // (MEAN_UNITS // FRACTIONS)
    return base, level * FRACTIONS + fraction


def offset_index(offset: np.ndarray) -> np.ndarray:
    """Column of an offset in 1/MEAN_UNITS in the tables by offset: clamped to their range."""
    limit = OFFSETS // 2
    return offset.clip(-limit, limit) + limit


def digit_tables(mean: np.ndarray, level: np.ndarray) -> np.ndarray:
    return level * OFFSETS + offset_index(mean)
