"""The exact pixels as they are: for noise and specks, which a model would only make larger.

A payload is a byte of flags (bit 1), then green, or green, red and blue, each in raster order.
"""

from __future__ import annotations

import zlib

import numpy as np

from .errors import ChecksumError
from .models.walk import COLOURS

FLAG = 2


def pack(x: np.ndarray, grey: bool) -> bytes:
    """x: uint8 (H, W, 3)."""
    planes = x.transpose(2, 0, 1)[COLOURS]
    return bytes([FLAG]) + planes[: 1 if grey else 3].tobytes()


def is_raw(payload: bytes) -> bool:
    return payload[:1] == bytes([FLAG])


def check(payload: bytes) -> int:
    """The level's symbol check."""
    return zlib.crc32(payload[1:]) & 0xFFFF


def unpack(payload: bytes, height: int, width: int, grey: bool) -> np.ndarray:
    """uint8 (H, W, 3). Raises ChecksumError for a payload of another length than the picture's."""
    planes = np.frombuffer(payload, np.uint8, offset=1)
    if len(planes) != height * width * (1 if grey else 3):
        raise ChecksumError(f"level x is damaged: {len(planes)} raw values do not make {width}x{height} pixels")
    x = np.broadcast_to(planes.reshape(-1, height, width), (3, height, width))
    return np.ascontiguousarray(x[COLOURS].transpose(1, 2, 0))
