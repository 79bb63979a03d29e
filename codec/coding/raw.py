"""The exact pixels as they are: for noise and specks, which a model would only make larger.

A payload is green, or green, red and blue, each in raster order: as many bytes as there are sub-pixels, which tells it
from a coded level, always shorter.
"""

from __future__ import annotations

import zlib

import numpy as np

from ..errors import ChecksumError
from ..models.walk import COLOURS


def pack(x: np.ndarray, grey: bool) -> bytes:
    """x: uint8 (H, W, 3)."""
    planes = x.transpose(2, 0, 1)[COLOURS]
    return planes[: 1 if grey else 3].tobytes()


def is_raw(payload: bytes, height: int, width: int, grey: bool) -> bool:
    """Whether the payload of the exact pixels is one of ``pack``."""
    return len(payload) == height * width * (1 if grey else 3)


def check(payload: bytes) -> int:
    """The level's symbol check."""
    return zlib.crc32(payload) & 0xFFFF


def unpack(payload: bytes, height: int, width: int, expected: int) -> np.ndarray:
    """uint8 (H, W, 3). Raises ChecksumError where the level's symbol check is not the expected one."""
    if check(payload) != expected:
        raise ChecksumError("level x is damaged: its pixels do not match their check; get the file again")
    planes = np.frombuffer(payload, np.uint8)
    x = np.broadcast_to(planes.reshape(-1, height, width), (3, height, width))
    return np.ascontiguousarray(x[COLOURS].transpose(1, 2, 0))
