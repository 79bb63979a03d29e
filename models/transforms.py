"""Deterministic transformations: the representations d(x), their upsampling, and the known block transform.

A new representation is a new entry in ``REPRESENTATIONS``.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .config import U_STEP, Y1_STRIDE


def downscale(x: Tensor, stride: int, step: Tensor | int = 1) -> Tensor:
    """d(x) = round(mean over stride x stride / step), integers (DESIGN section 2).

    x: (B, 3, H, W) in 0..255; step broadcastable. Returns (B, 3, H/stride, W/stride) floats that hold
    integers in 0..ceil(255 / step); multiply by step for pixel values.
    """
    return torch.floor(F.avg_pool2d(x, stride) / step + 0.5)


def to_ycocg(rgb):
    """Reversible integer colour transform YCoCg-R (Malvar & Sullivan 2003) on axis -3, torch or NumPy.

    rgb holds integers; Y has the range of a colour, Co and Cg twice that, signed.
    """
    r, g, b = (rgb[..., c, :, :] for c in range(3))
    co = r - b
    t = b + co // 2
    cg = g - t
    return _stack(rgb, [t + cg // 2, co, cg])


def from_ycocg(ycocg):
    """Inverse of ``to_ycocg``, exact."""
    y, co, cg = (ycocg[..., c, :, :] for c in range(3))
    t = y - cg // 2
    g = cg + t
    b = t - co // 2
    return _stack(ycocg, [b + co, g, b])


def u_from_y2(y2: Tensor) -> Tensor:
    """u = round(mean of 2x2 cells of y[2] in YCoCg / U_STEP): (B, 3, h, w) -> (B, 3, h/2, w/2)."""
    return torch.floor(F.avg_pool2d(y2, 2) / U_STEP + 0.5)


def _stack(like, planes):
    return (torch if isinstance(like, Tensor) else np).stack(planes, -3)


REPRESENTATIONS = {"downscale": downscale}


def upsample(y: Tensor) -> Tensor:
    """Bilinear times 16: (B, 3, h, w) -> (B, 3, 16h, 16w)."""
    return F.interpolate(y, scale_factor=Y1_STRIDE, mode="bilinear", align_corners=False)


def block_transform() -> np.ndarray:
    """Orthonormal colour rotation times 8x8 DCT-II, rows from low to high frequency, float64 (192, 192).

    Columns follow ``pixel_unshuffle(rgb, 8)``: colour * 64 + row * 8 + column. Rows are sorted by the sum of
    their frequencies, chroma counted three steps higher since it holds less energy.
    """
    k, n = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    dct = np.cos(np.pi * (2 * n + 1) * k / 16) * math.sqrt(2 / 8)
    dct[0] = math.sqrt(1 / 8)
    colour = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
    full = np.einsum("cd,ui,vj->cuvdij", colour, dct, dct).reshape(192, 192)
    order = sorted(range(192), key=lambda r: ((r % 64) // 8 + r % 8 + 3 * (r >= 64), r >= 64, r))
    return full[order]
