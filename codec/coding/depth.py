"""One picture in 8 and in 16 bits a channel: white is 255, and 65535."""

from __future__ import annotations

import numpy as np

from ..models.units import DEEP


def to_8(x: np.ndarray) -> np.ndarray:
    """The nearest uint8 picture of one of 8 or 16 bits."""
    return x if x.dtype == np.uint8 else ((x.astype(np.uint32) + DEEP // 2) // DEEP).astype(np.uint8)


def to_16(x: np.ndarray) -> np.ndarray:
    """uint16, of a picture of 8 or 16 bits."""
    return x if x.dtype == np.uint16 else x.astype(np.uint16) * np.uint16(DEEP)
