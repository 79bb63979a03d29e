"""What the encoder knows of a picture, for each variable of the model."""

from __future__ import annotations

import numpy as np

from ..coding.latents import Latents
from ..coding.plan import Plan
from ..models import units
from ..models.activity import STRENGTH, activity_map
from ..models.config import U_STEP, Z1_STRIDE
from ..models.edges import edge_map
from ..models.exact.inference import Networks
from ..models.exact.integers import halved, mean_of, padded, to_ycocg


def analyse(nets: Networks, plan: Plan, x: np.ndarray, *, latents: bool = True, strength: float = STRENGTH) -> Latents:
    """Everything that the encoder may code. x: uint8 (H, W, 3). Without ``latents``, z[1] stays empty.

    Raises CodecError for a model of edges where the library that finds them is missing.
    """
    H, W = plan.padded
    x = x.transpose(2, 0, 1)
    whole = padded(x, H, W)  # for now: of large pictures a copy is large, too
    downscales = _downscales(whole, plan)
    y = tuple(map(to_ycocg, downscales))
    u = _scales(mean_of(y[0], 2, U_STEP)) if y else ()
    if stride := plan.config.edge_stride:
        y = (edge_map(whole, stride), *y)
    del whole
    z1 = np.zeros((192, H // Z1_STRIDE, W // Z1_STRIDE) if latents else 0, np.float32)
    activity = None
    if latents:
        nets.analysis(x, base_of(downscales[-1] if downscales else None, plan), z1[plan.coded])
        stride = plan.config.activity_stride
        if plan.activity and stride:
            blocks = padded(x, plan.rows * Z1_STRIDE, plan.columns * Z1_STRIDE)
            activity = activity_map(blocks, stride, strength)
    return Latents(u, y, z1, x, activity)


def _downscales(x: np.ndarray, plan: Plan) -> list[np.ndarray]:
    """RGB symbols of every downscale, coarse to fine. Each is the mean of the next finer one, as rounded there."""
    strides = plan.config.downscales
    out = [mean_of(x, strides[-1], plan.y_step)] if strides else []
    for _ in strides[1:]:
        out.insert(0, mean_of(out[0], 2, 1))
    return out


def _scales(u: np.ndarray) -> tuple[np.ndarray, ...]:
    """u and its halvings down to one position, coarse to fine."""
    out = [u]
    while out[0].shape[1:] != (1, 1):
        out.insert(0, halved(out[0]))
    return tuple(out)


def base_of(finest: np.ndarray | None, plan: Plan) -> np.ndarray:
    """What the picture is upsampled from before any latent: pixel values, int32 (3, h, w).

    finest: RGB symbols of the finest downscale, where there are any.
    """
    if finest is None:
        return np.full((3, *(side // plan.config.base_stride for side in plan.padded)), units.Y_OFFSET, np.int32)
    return (finest * plan.y_step).clip(0, 256)
