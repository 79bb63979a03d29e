"""The discretised logistic in bins of width one: its bits, differentiable, for training.

All quantities are in units of the quantisation step. tables.py holds what the codec uses.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def log_bin_prob(distance: Tensor, scale: Tensor, half_width: float) -> Tensor:
    """log of the mass that a logistic puts on [d - half_width, d + half_width], d measured from its mean.

    sigma(u) - sigma(l) = sigma(u) sigma(-l) (1 - exp(l - u)) keeps it accurate far out in the tails.
    """
    inverse = 1 / scale
    d = distance.abs()
    upper = (half_width - d) * inverse
    lower = (-half_width - d) * inverse
    return F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-2 * half_width * inverse))
