"""The discretised logistic in bins of width one: its bits, differentiable, for training.

All quantities are in units of the quantisation step. tables.py holds what the codec uses.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LOG2 = 0.6931471805599453


def log_bin_prob(distance: Tensor, scale: Tensor, half_width: float) -> Tensor:
    """log of the mass that a logistic puts on [d - half_width, d + half_width], d measured from its mean.

    sigma(u) - sigma(l) = sigma(u) sigma(-l) (1 - exp(l - u)) keeps it accurate far out in the tails.
    """
    inverse = 1 / scale
    d = distance.abs()
    upper = (half_width - d) * inverse
    lower = (-half_width - d) * inverse
    return F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-2 * half_width * inverse))


def latent_bits(z: Tensor, q: Tensor, mean: Tensor, log2_scale: Tensor, coarse: Tensor | None) -> Tensor:
    """Bits of the symbols q of z, given their coarser symbols if there are any; the value is what a file pays.

    Priors learn from the quantised symbols. The gradient for z is that of the usual proxy, uniform noise in
    place of rounding (Balle et al. 2017, section 3), under the same prior.
    """
    scale = torch.exp2(log2_scale)
    log_p = log_bin_prob(q - mean, scale, 0.5)
    if coarse is not None:
        log_p = log_p - log_bin_prob(3 * coarse - mean, scale, 1.5)
    if z.requires_grad:
        noisy = z + torch.rand_like(z) - 0.5
        proxy = log_bin_prob(noisy - mean.detach(), scale.detach(), 0.5)
        log_p = log_p + (proxy - proxy.detach())
    return -log_p / LOG2
