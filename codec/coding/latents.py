"""What an encoder hands to a walk: each variable of the model, as it would like it coded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Latents:
    """u and the downscales among y are int32 in YCoCg."""

    u: tuple[np.ndarray, ...]  # (3, h, w), coarse to fine from 1x1 to twice the stride of the coarsest downscale
    y: tuple[np.ndarray, ...]  # coarse to fine; an edge map is (1, H/s, W/s) of 0 and 1
    z1: np.ndarray  # (192, H/8, W/8) float32, before quantisation
    x: np.ndarray  # (3, H, W) uint8, the picture
    activity: np.ndarray | None = None  # the map that the step field follows, int32 (1, h, w), where there is one
