"""Which errors count how much, for ``--tune visual``: fewer bits where textures hide errors, more where nothing does.

Errors count less at high frequencies, as in JPEG's tables (Ahumada & Peterson 1992), and in busy surroundings, as in
adaptive quantisation of video; more in chroma, which squared errors of RGB neglect. Only the encoder's choice of
symbols changes: every decoder reads such files.
"""

from __future__ import annotations

import numpy as np

from ..coding.latents import Weights
from ..models.config import Z1_STRIDE
from ..models.lapped import by_frequency

BUSY = 0.4  # errors count by the variance around them to minus this power
NOISE = 40.0  # variance in grey levels squared below which nothing is busier than anything else
MOST, LEAST = 3.0, 1 / 9  # of how much errors count in one place, next to the picture's (geometric) mean
FALL = 0.08  # by which e-fold errors count less at each further frequency, down or along
CHROMA = 1.5  # how much chroma counts, next to luma


def visual(x: np.ndarray) -> Weights:
    """x: uint8 (3, H, W), sides multiples of 8."""
    colour, frequency = np.divmod(by_frequency(), Z1_STRIDE**2)
    channels = np.where(colour == 0, 1.0, CHROMA) * np.exp(-FALL * sum(np.divmod(frequency, Z1_STRIDE)))
    busy = np.log(_around(_variances(x)) + NOISE)
    blocks = np.exp(-BUSY * (busy - busy.mean())).clip(LEAST, MOST)
    return Weights(channels.astype(np.float32), blocks.astype(np.float32))


def _variances(x: np.ndarray) -> np.ndarray:
    """Variance of the mean of R, G and B in every 8x8 block, float32 (H/8, W/8)."""
    grey = x.mean(0, dtype=np.float32)
    height, width = (side // Z1_STRIDE for side in grey.shape)
    return grey.reshape(height, Z1_STRIDE, width, Z1_STRIDE).var((1, 3))


def _around(v: np.ndarray) -> np.ndarray:
    """Mean over 3x3 positions; beyond the border its last values repeat."""
    v = np.pad(v, 1, mode="edge")
    v = (v[:-2] + v[1:-1] + v[2:]) / 3
    return (v[:, :-2] + v[:, 1:-1] + v[:, 2:]) / 3
