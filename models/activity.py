"""How busy a picture is from place to place, as the step field uses it: where much goes on, an eye sees errors less.

Masking by contrast (Legge & Foley 1980), as adaptive quantisation of video uses it: from variances of blocks.
"""

from __future__ import annotations

import numpy as np

from .config import Z1_STRIDE
from .tables import LOG2_SCALE_STEP

STEP = 2  # a symbol of the map moves log2 of steps by this many LOG2_SCALE_STEPs
STRENGTH = 0.25  # steps grow with the variance around them to this power
NOISE = 100.0  # variance in grey levels squared below which nothing is busier than anything else
LOWEST, HIGHEST = -8, 7  # symbols
STRIP = 8  # rows of blocks whose variances are computed at once, in a cache


def activity_map(x: np.ndarray, stride: int, strength: float = STRENGTH) -> np.ndarray:
    """log2 of how much finer steps are than the picture's mean, in symbols, int32 (1, H/stride, W/stride) rounded up.

    x: (3, H, W) in 0..255, sides multiples of 8. stride: a multiple of 8. strength: 0 or more.
    """
    busy = np.log2(variances(x) + NOISE)
    busy -= busy.mean()
    cell = stride // Z1_STRIDE
    padded = np.pad(busy, [(0, -side % cell) for side in busy.shape], mode="edge")
    height, width = (side // cell for side in padded.shape)
    means = padded.reshape(height, cell, width, cell).mean((1, 3))
    symbols = np.rint(-strength / (STEP * LOG2_SCALE_STEP) * means).clip(LOWEST, HIGHEST)
    return symbols.astype(np.int32)[None]


def variances(x: np.ndarray) -> np.ndarray:
    """Variance of the mean of R, G and B in every 8x8 block, float32 (H/8, W/8). x: (3, H, W)."""
    height, width = (side // Z1_STRIDE for side in x.shape[1:])
    out = np.empty((height, width), np.float32)
    for top in range(0, height, STRIP):
        part = x[:, Z1_STRIDE * top : Z1_STRIDE * (top + STRIP)]
        grey = (part[0].astype(np.uint16) + part[1] + part[2]).astype(np.float32)  # eight times as fast as mean(0)
        grey /= 3
        out[top : top + STRIP] = grey.reshape(-1, Z1_STRIDE, width, Z1_STRIDE).var((1, 3))
    return out
