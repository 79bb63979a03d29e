"""Deterministic transformations: the representations d(x), their upsampling, and the known block transform.

A new representation is a new entry in ``REPRESENTATIONS``.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .config import U_STEP, Z1_STRIDE, Config
from .edges import edge_map


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


REPRESENTATIONS = {"downscale": downscale, "edge": edges}


def pyramid(x: Tensor, config: Config, y_step: Tensor) -> list[tuple[str, Tensor | None, Tensor]]:
    """Prior's name, parent and child of every downscale, then of every scale of u, in YCoCg, fine to coarse.

    x: (B, 3, H, W) in 0..255; y_step: (B,). The last child is u's mean over the picture, which has no parent.
    """
    pairs: list[tuple[str, Tensor | None, Tensor]] = []
    if config.top is None:
        return pairs
    rgb = downscale(x, config.base_stride, y_step[:, None, None, None])
    for k in reversed(range(config.top + 1, len(config.representations))):
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


BLOCK = Z1_STRIDE


def dct() -> np.ndarray:
    """Orthonormal DCT-II of 8 samples, a row for each frequency, float64 (8, 8)."""
    k, n = np.meshgrid(np.arange(BLOCK), np.arange(BLOCK), indexing="ij")
    rows = np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    rows[0] = math.sqrt(1 / BLOCK)
    return rows


def by_frequency() -> list[int]:
    """Order of the 3 x 8 x 8 coefficients, low to high frequency: by the sum of their frequencies.

    Chroma counts three steps higher since it holds less energy.
    """
    return sorted(range(192), key=lambda r: ((r % 64) // 8 + r % 8 + 3 * (r >= 64), r >= 64, r))


def block_transform() -> np.ndarray:
    """Orthonormal colour rotation times 8x8 DCT-II, rows in the order of ``by_frequency``, float64 (192, 192).

    Columns follow ``pixel_unshuffle(rgb, 8)``: colour * 64 + row * 8 + column.
    """
    colour = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
    full = np.einsum("cd,ui,vj->cuvdij", colour, dct(), dct()).reshape(192, 192)
    return full[by_frequency()]


# Maximises the coding gain of the lapped transform on x - upsampled y[1] of photographs: 0.64 dB above the DCT alone
# in each direction. For a first-order autoregressive source of correlation 0.95 it gains 0.7 dB of the possible 0.8.
LAPPED = np.array(
    [
        [+0.9532, +0.7142, +0.2627, +0.1236],
        [-0.6204, +0.8816, +0.5377, +0.1171],
        [+0.1701, -0.4388, +1.0459, +0.2959],
        [-0.0420, +0.0418, -0.2052, +1.1444],
    ]
)


def lapped_filter() -> np.ndarray:
    """Pre-filter of 8 pixels around a block border that makes the DCT behind it a lapped transform, float64 (8, 8).

    Its inverse is the post-filter. Structure: Tran, Liang & Tu 2003, "Lapped transform via time-domain pre- and
    post-filtering", figure 4: symmetric parts pass, antisymmetric ones go through ``LAPPED``.
    """
    eye, flip = np.eye(4), np.fliplr(np.eye(4))
    butterfly = np.block([[eye, flip], [flip, -eye]]) / math.sqrt(2)
    return butterfly @ np.block([[eye, 0 * eye], [0 * eye, LAPPED]]) @ butterfly


def lapped_norms() -> np.ndarray:
    """Norm of every basis function of the lapped synthesis, float64 (192,), in the order of ``by_frequency``.

    Coefficients multiplied by it are quantised with the same error in pixels, whatever their frequency.
    """
    post = np.linalg.inv(lapped_filter())
    support = np.zeros((3 * BLOCK, BLOCK))  # one block and what the post-filter spreads to its neighbours
    support[BLOCK : 2 * BLOCK] = dct().T
    for border in (BLOCK, 2 * BLOCK):
        around = slice(border - BLOCK // 2, border + BLOCK // 2)
        support[around] = post @ support[around]
    norms = np.linalg.norm(support, axis=0)
    return np.tile(np.outer(norms, norms).ravel(), 3)[by_frequency()]


def lapped_transform() -> dict[str, np.ndarray]:
    """The matrices of the lapped transform and its inverse by name, float64.

    Forward: ``pre_filter`` across block borders, then ``block`` (192, 192) on what ``pixel_unshuffle`` gives; back:
    ``inverse_block``, then ``post_filter``.
    """
    pre, block, norms = lapped_filter(), block_transform(), lapped_norms()
    return {
        "pre_filter": pre,
        "block": block * norms[:, None],
        "inverse_block": block.T / norms,
        "post_filter": np.linalg.inv(pre),
    }


def across_borders(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply an 8x8 filter across all borders of 8x8 blocks, down and along; the picture's own edges stay.

    x: (B, C, H, W), sides multiples of 8. Returns the same shape.
    """

    def down(x):
        inner = x[:, :, 4:-4].unflatten(2, (-1, 8))
        return torch.cat([x[:, :, :4], torch.einsum("ij,bcnjw->bcniw", matrix, inner).flatten(2, 3), x[:, :, -4:]], 2)

    return down(down(x).transpose(2, 3)).transpose(2, 3)
