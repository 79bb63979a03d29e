"""SSIMULACRA2 that a gradient can follow: how far pictures are from the originals, in the measure's own terms.

Structures and edges in XYB, the opponent colours of JPEG XL (Alakuijala et al. 2019), at scales half as fine each;
constants and weights are those of the PyPI package ``ssimulacra2``, which measures in NumPy what is sought here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from ssimulacra2 import ssimulacra2 as package
from torch import Tensor

RADIUS, SIGMA = 5, 1.5  # of the Gaussian, in pixels
SMALLEST_SIDE = 8  # of a scale
WEIGHTS = package.weights.reshape(3, package.kNumScales, 2, 3)  # of colours, scales, norms, kinds of fault
MIX = package.kOpsinAbsorbanceMatrix.reshape(3, 3)
FEWEST = 1e-9  # under a root, whose slope at zero has no end


def ssimulacra2_lack(x: Tensor, x_hat: Tensor) -> Tensor:
    """What x_hat lacks of x, about in proportion to the squared error: (B,), for (B, 3, H, W) in 0..255.

    A score is 100 - 10 lack^0.63. Scales with a side under 8 are left out, so that of pictures under 225 pixels a side
    it is no score of the package, which gives the weights of such scales to others.
    """
    linear, linear_hat = _linear(x), _linear(x_hat.clamp(0, 255))
    total = x.new_zeros(len(x))
    for scale in range(package.kNumScales):
        if scale:
            linear, linear_hat = (F.avg_pool2d(v, 2, ceil_mode=True) for v in (linear, linear_hat))
        if min(linear.shape[2:]) < SMALLEST_SIDE:
            break
        for kind, fault in enumerate(_faults(_xyb(linear), _xyb(linear_hat))):
            fourths = fault.square().square().mean((2, 3)).clamp(min=FEWEST**4)
            for norm, values in enumerate((fault.mean((2, 3)), fourths**0.25)):  # (B, 3) each
                for weight, value in zip(WEIGHTS[:, scale, norm, kind].tolist(), values.unbind(1)):
                    total = total + weight * value if weight else total
    total = 0.9562382616834844 * total
    return 2.326765642916932 * total - 0.020884521182843837 * total**2 + 6.248496625763138e-05 * total**3


def _linear(x: Tensor) -> Tensor:
    v = x / 255
    return torch.where(v <= 0.04045, v / 12.92, ((v.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def _xyb(linear: Tensor) -> Tensor:
    """Positive XYB, in the package's proportions."""
    mixed = (sum(share * v for share, v in zip(row, linear.unbind(1))) for row in MIX.tolist())
    red, green, blue = ((v + package.kB0).clamp(min=FEWEST) ** (1 / 3) - package.kB0 ** (1 / 3) for v in mixed)
    y = (red + green) / 2
    return torch.stack([7 * (red - green) + 0.42, y + 0.01, blue - y + 0.55], 1)


def _faults(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where structures differ, edges came up, edges were lost; each like a and b, (B, 3, H, W)."""
    mean_a, mean_b = _blurred(a), _blurred(b)
    shared = 2 * (_blurred(a * b) - mean_a * mean_b) + package.kC2
    variances = _blurred(a * a) - mean_a**2 + _blurred(b * b) - mean_b**2 + package.kC2
    structure = F.relu(1 - (1 - (mean_a - mean_b) ** 2) * shared / variances)
    edges = (1 + (b - mean_b).abs()) / (1 + (a - mean_a).abs()) - 1
    return structure, F.relu(edges), F.relu(-edges)


def _blurred(v: Tensor) -> Tensor:
    """By matrices, which is faster than a convolution of so few taps is."""
    rows, columns = (_gaussian(side, v) for side in v.shape[2:])
    return rows @ v @ columns.T


def _gaussian(side: int, like: Tensor) -> Tensor:
    """(side, side); lines beyond the sides are those before them, mirrored. The package has zeros left and right."""
    taps = torch.exp(-(torch.arange(-RADIUS, RADIUS + 1, device=like.device) / SIGMA).square() / 2)
    taps = (taps / taps.sum()).to(like)
    line = torch.arange(-RADIUS, side + RADIUS, device=like.device)
    source = torch.minimum(torch.where(line < 0, -1 - line, line), 2 * side - 1 - line).unfold(0, side, 1)
    matrix = like.new_zeros(side, side)
    return matrix.scatter_add_(1, source.T, taps.expand(side, -1))
