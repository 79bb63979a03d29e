"""A distortion for the eye, that a gradient can follow: MS-SSIM beside the squared error in local steps.

Squared errors alone are least where textures are smoothed away. Structural similarity (Wang et al. 2003, "Multiscale
structural similarity for image quality assessment") minds what is left of them.
"""

from __future__ import annotations

from pytorch_msssim import ms_ssim
from torch import Tensor

SHARE = 0.5  # of the gradient that similarity gives, where both ask for as much
WINDOW = 7  # taps of the Gaussian, for 11: five scales of crops are to hold it
LUMA = (0.299, 0.587, 0.114)  # of R, G and B
LEAST = 1e-5  # of what similarity lacks, below which there is nothing to follow


def distortion_for_the_eye(x: Tensor, x_hat: Tensor, squared: Tensor) -> Tensor:
    """As large as ``squared``, (B,), the squared error; relative changes of similarity count like its own.

    x, x_hat: (B, 3, H, W) in 0..255, sides above 96.
    """
    luma = x.new_tensor(LUMA)[:, None, None]
    y, y_hat = ((v * luma).sum(1, keepdim=True) for v in (x, x_hat))
    lacks = 1 - ms_ssim(y_hat, y, data_range=255, size_average=False, win_size=WINDOW)
    return squared + SHARE * squared.detach() * (lacks / lacks.detach().clamp(min=LEAST) - squared / squared.detach())
