"""Deterministic transformations: the representations d(x), their upsampling, and filters across block borders.

A new representation is a new entry in ``REPRESENTATIONS``.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..activity import HIGHEST, LOWEST, NOISE, STEP, STRENGTH
from ..config import U_STEP, Z1_STRIDE, Config
from ..edges import edge_map
from ..tables import LOG2_SCALE_STEP


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


def top_of(y: Tensor) -> Tensor:
    """u = round(mean of 2x2 cells of y[K] in YCoCg / U_STEP): (B, 3, h, w) -> (B, 3, h/2, w/2)."""
    return torch.floor(F.avg_pool2d(y, 2) / U_STEP + 0.5)


def halved(u: Tensor) -> Tensor:
    """round(mean of 2x2 cells), an odd side's last ones repeated: (B, 3, h, w) -> (B, 3, ceil(h/2), ceil(w/2))."""
    height, width = u.shape[2:]
    return torch.floor(F.avg_pool2d(F.pad(u, (0, width % 2, 0, height % 2), "replicate"), 2) + 0.5)


def _stack(like, planes):
    return (torch if isinstance(like, Tensor) else np).stack(planes, -3)


def edges(x: Tensor, stride: int, step: Tensor | int = 1) -> Tensor:
    """d(x) = edge map, (B, 1, H/stride, W/stride) of 0 and 1. x: (B, 3, H, W) in 0..255; it has no step."""
    maps = [edge_map(picture, stride) for picture in x.numpy(force=True)]
    return torch.from_numpy(np.stack(maps)).to(x)


def activity(x: Tensor, stride: int, step: Tensor | int = 1) -> Tensor:
    """d(x) = activity map, (B, 1, H/stride, W/stride) of small integers, as activity.activity_map makes it.

    x: (B, 3, H, W) in 0..255, sides multiples of stride; the map has no step.
    """
    grey = x.mean(1, keepdim=True)
    mean = F.avg_pool2d(grey, Z1_STRIDE)
    deviation = grey - F.interpolate(mean, scale_factor=Z1_STRIDE, mode="nearest")
    busy = torch.log2(F.avg_pool2d(deviation**2, Z1_STRIDE) + NOISE)
    cells = F.avg_pool2d(busy - busy.mean((2, 3), keepdim=True), stride // Z1_STRIDE)
    return (-STRENGTH / (STEP * LOG2_SCALE_STEP) * cells).round().clamp(LOWEST, HIGHEST)


def fields(x: Tensor, config: Config, table: Tensor, fall: Tensor, mapped: Tensor) -> Tensor:
    """log2 g of the step field of files, in LOG2_SCALE_STEP: (B, 192, H/8, W/8).

    fall: (B,) rows of the table of F; mapped: (B,) bool, the field follows activity.
    """
    B, _, H, W = x.shape
    shape = (B, 192, H // Z1_STRIDE, W // Z1_STRIDE)
    if config.activity_stride is None:
        return x.new_zeros(shape)
    by_channel = table[fall.to(x.device)]
    by_place = activity(x, config.activity_stride).repeat_interleave(config.activity_stride // Z1_STRIDE, 2)
    by_place = by_place.repeat_interleave(config.activity_stride // Z1_STRIDE, 3)[:, :, : shape[2], : shape[3]]
    return by_channel[:, :, None, None] + STEP * by_place * mapped.to(x.device)[:, None, None, None]


REPRESENTATIONS = {"downscale": downscale, "edge": edges, "activity": activity}


def pyramid(x: Tensor, config: Config, y_step: Tensor) -> list[tuple[str, Tensor | None, Tensor]]:
    """Prior's name, parent and child of every downscale, then of every scale of u, in YCoCg, fine to coarse.

    x: (B, 3, H, W) in 0..255; y_step: (B,). The last child is u's mean over the picture, which has no parent.
    """
    pairs: list[tuple[str, Tensor | None, Tensor]] = []
    if config.top is None:
        return pairs
    rgb = downscale(x, config.base_stride, y_step[:, None, None, None])
    for k in reversed(range(config.top + 1, len(config.shown))):
        coarser = downscale(rgb, 2)
        pairs.append((config.prior_name(k), to_ycocg(coarser), to_ycocg(rgb)))
        rgb = coarser
    u = top_of(to_ycocg(rgb))
    pairs.append((config.prior_name(config.top), u * U_STEP, to_ycocg(rgb)))
    while u.shape[2:] != (1, 1):
        coarser = halved(u)
        pairs.append(("u_prior", coarser, u))
        u = coarser
    return [*pairs, ("u_prior", None, u)]


def upsample(y: Tensor, stride: int) -> Tensor:
    """Bilinear times ``stride``: (B, 3, h, w) -> (B, 3, stride h, stride w)."""
    return F.interpolate(y, scale_factor=stride, mode="bilinear", align_corners=False)


def across_borders(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply an 8x8 filter across all borders of 8x8 blocks, down and along; the picture's own edges stay.

    x: (B, C, H, W), sides multiples of 8. Returns the same shape.
    """

    def down(x):
        inner = x[:, :, 4:-4].unflatten(2, (-1, 8))
        return torch.cat([x[:, :, :4], torch.einsum("ij,bcnjw->bcniw", matrix, inner).flatten(2, 3), x[:, :, -4:]], 2)

    return down(down(x).transpose(2, 3)).transpose(2, 3)
