"""A distortion for the eye, that a gradient can follow: MS-SSIM, SSIMULACRA2 and the squared error in local steps.

Squared errors alone are least where textures are smoothed away. Structural similarity (Wang et al. 2003, "Multiscale
structural similarity for image quality assessment") minds what is left of them, SSIMULACRA2 colours and edges too. Both
are written here, and not those of packages, as a fixed sequence of operations on the device's own tensors, which a
device may record.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .ssimulacra2 import ssimulacra2_lack

SHARES = (0.35, 0.4)  # of the gradient that MS-SSIM and SSIMULACRA2 give, where all ask for as much
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights of Wang et al., fine to coarse
WINDOW, SIGMA = 7, 1.5  # taps of the Gaussian, for 11: five scales of crops are to hold it
SMALLEST = (WINDOW - 1) * 2 ** (len(SCALES) - 1)  # side, above which the coarsest scale holds a window
STABLE = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)  # what means, and variances, are measured against
LUMA = (0.299, 0.587, 0.114)  # of R, G and B
LEAST = 1e-5  # of what similarity lacks, below which there is nothing to follow


def distortion_for_the_eye(x: Tensor, x_hat: Tensor, squared: Tensor) -> Tensor:
    """As large as ``squared``, (B,), the squared error; relative changes of what similarity lacks count like its own.

    x, x_hat: (B, 3, H, W) in 0..255; of pictures too small for five scales, ``squared`` is all there is.
    """
    if min(x.shape[2:]) <= SMALLEST:
        return squared
    y, y_hat = (sum(share * v[:, c : c + 1] for c, share in enumerate(LUMA)) for v in (x, x_hat))
    lacks = (1 - ms_ssim(y_hat, y), ssimulacra2_lack(x, x_hat))
    shares = (*SHARES, 1 - sum(SHARES))
    return squared.detach() * sum(share * _relative(v) for share, v in zip(shares, (*lacks, squared)))


def _relative(v: Tensor) -> Tensor:
    """One, whose gradient is that of v's logarithm."""
    return 1 + (v - v.detach()) / v.detach().clamp(min=LEAST)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM of pictures of one channel, (B, 1, H, W) in 0..255: (B,)."""
    taps = torch.exp(-(torch.arange(WINDOW, device=x.device, dtype=x.dtype) - WINDOW // 2).square() / (2 * SIGMA**2))
    taps = taps / taps.sum()

    def blurred(v):
        return F.conv2d(F.conv2d(v, taps[None, None, :, None]), taps[None, None, None])

    product = x.new_ones(len(x))
    for scale, weight in enumerate(SCALES):
        if scale:
            # an odd side's last row or column has a zero beside it, as in what others measure
            padding = [side % 2 for side in x.shape[2:]]
            x, y = (F.avg_pool2d(v, 2, padding=padding) for v in (x, y))
        mean_x, mean_y = blurred(x), blurred(y)
        variances = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2
        similar = (2 * (blurred(x * y) - mean_x * mean_y) + STABLE[1]) / (variances + STABLE[1])
        if scale == len(SCALES) - 1:
            similar = similar * (2 * mean_x * mean_y + STABLE[0]) / (mean_x**2 + mean_y**2 + STABLE[0])
        product = product * F.relu(similar.mean((1, 2, 3))) ** weight
    return product
