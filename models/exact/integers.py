"""Integer counterparts of transforms.py, in NumPy, for the codec."""

from __future__ import annotations

import numpy as np


def padded(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """(C, h, w) -> (C, height, width), its edge repeated; itself where nothing is missing."""
    missing = [(0, 0), (0, height - x.shape[1]), (0, width - x.shape[2])]
    return np.pad(x, missing, mode="edge") if np.any(missing) else x


def mean_of(x: np.ndarray, stride: int, step: int) -> np.ndarray:
    """round(mean of stride x stride cells / step): (C, H, W) integers -> (C, H/stride, W/stride) int32."""
    C, H, W = x.shape
    rows, total = np.zeros((C, H // stride, W), np.int32), np.zeros((C, H // stride, W // stride), np.int64)
    for i in range(stride):  # several times as fast as a sum over two axes
        rows += x[:, i::stride]
    for i in range(stride):
        total += rows[:, :, i::stride]
    cells = stride * stride * step
    return ((2 * total + cells) // (2 * cells)).astype(np.int32)


def halved(u: np.ndarray) -> np.ndarray:
    """round(mean of 2x2 cells), an odd side's last ones repeated: (C, h, w) -> (C, ceil(h/2), ceil(w/2)) int32."""
    _, height, width = u.shape
    return mean_of(np.pad(u, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge"), 2, 1)


def to_ycocg(rgb: np.ndarray) -> np.ndarray:
    """Reversible integer colour transform YCoCg-R (Malvar & Sullivan 2003), (3, H, W) int32."""
    r, g, b = rgb.astype(np.int32)
    co = r - b
    t = b + co // 2
    cg = g - t
    return np.stack([t + cg // 2, co, cg])


def from_ycocg(ycocg: np.ndarray) -> np.ndarray:
    """Inverse of ``to_ycocg``, exact."""
    y, co, cg = ycocg
    t = y - cg // 2
    b = t - co // 2
    return np.stack([b + co, cg + t, b])


def space_to_depth(x: np.ndarray, n: int) -> np.ndarray:
    """(C, H, W) -> (C n n, H/n, W/n), channels ordered as torch.pixel_unshuffle orders them."""
    C, H, W = x.shape
    return x.reshape(C, H // n, n, W // n, n).transpose(0, 2, 4, 1, 3).reshape(C * n * n, H // n, W // n)


def depth_to_space(x: np.ndarray, n: int) -> np.ndarray:
    """Inverse of ``space_to_depth``."""
    C, H, W = x.shape
    return x.reshape(C // (n * n), n, n, H, W).transpose(0, 3, 1, 4, 2).reshape(C // (n * n), H * n, W * n)


UPSAMPLE_BITS = 10  # the bilinear weights of an upsampled picture are multiples of 1/1024


def upsample(y: np.ndarray, stride: int) -> np.ndarray:
    """Bilinear times ``stride``, 2 to 16, exact: (3, h, w) integers up to 256 -> (3, stride h, stride w) float32.

    The result holds integers, in 1/2^UPSAMPLE_BITS.
    """
    i = np.arange(stride)
    before, after = np.maximum(stride - 1 - 2 * i, 0), np.maximum(2 * i + 1 - stride, 0)
    kernel = np.stack([before, 2 * stride - before - after, after])  # (3, stride)
    kernel = (kernel * (2 ** (UPSAMPLE_BITS // 2) // (2 * stride))).astype(np.float32)  # columns sum to 32

    def along_last_axis(v):
        padded = np.concatenate([v[..., :1], v, v[..., -1:]], axis=-1)
        taps = np.stack([padded[..., :-2], v, padded[..., 2:]], axis=-1)  # (.., n, 3)
        return (taps @ kernel).reshape(*v.shape[:-1], -1)

    rows = along_last_axis(y.astype(np.float32))
    return along_last_axis(rows.swapaxes(1, 2)).swapaxes(1, 2)


def across_borders(x: np.ndarray, matrix: np.ndarray, bits: int) -> np.ndarray:
    """Apply an 8x8 filter across all borders of 8x8 blocks, down and along; the array's own edges stay.

    x: (C, H, W) float64 integers, sides multiples of 8, changed in place and returned. matrix: (8, 8) float64
    integers, real value times 2^bits. Each direction ends with one rounding; all before it is exact below 2^53.
    """
    C, H, W = x.shape

    def rounded(product):
        product *= 2.0**-bits
        product += 0.5
        return np.floor(product, out=product)

    if H > 8:
        x[:, 4:-4] = rounded(matrix @ x[:, 4:-4].reshape(C, -1, 8, W)).reshape(C, H - 8, W)
    if W > 8:
        x[:, :, 4:-4] = rounded(x[:, :, 4:-4].reshape(C, H, -1, 8) @ matrix.T).reshape(C, H, W - 8)
    return x
