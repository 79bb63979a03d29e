"""A region of interest: steps that are finer, or coarser, where someone says so, by way of the activity map."""

from __future__ import annotations

import math

import numpy as np

from ..models.activity import HIGHEST, LOWEST, STEP
from ..models.tables import LOG2_SCALE_STEP

DB_PER_SYMBOL = 20 * math.log10(2) * STEP * LOG2_SCALE_STEP  # of an activity map: 1.8 dB


def with_region(activity: np.ndarray, region: np.ndarray, stride: int) -> np.ndarray:
    """The activity map (1, h, w) with errors smaller by ``region`` dB, float (H, W) of the picture's size, to scale."""
    _, height, width = activity.shape
    H, W = region.shape
    padded = np.pad(region, ((0, height * stride - H), (0, width * stride - W)), mode="edge")
    means = padded.reshape(height, stride, width, stride).mean((1, 3))
    return (activity + np.rint(means / DB_PER_SYMBOL).astype(np.int32)).clip(LOWEST, HIGHEST)
