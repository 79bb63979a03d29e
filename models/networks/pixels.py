"""p(x | x_hat, y): the exact pixels given what the latents decode to, as a float module for training.

Four passes over the sub-lattices of 2x2 cells; each sees all of x_hat and the residuals x - x_hat of earlier passes.
Where y[1] is at 1/2, it is the mean of each cell but for rounding: a tied prior starts from what that leaves for the
pixels that are not known yet, so that the last of a cell costs little more than the rounding.
Within a pass colours come one after another, green first: a network gives mean, scale and how far each colour's mean
follows the residuals before it (Salimans et al. 2017, PixelCNN++, section 2.2). Every residual has a discretised
mixture of logistics around its mean, whose shape is learned once for all.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..tables import LOG2_SCALE_MAX, LOG2_SCALE_MIN
from ..units import COUPLING_MAX, PIXEL_OFFSET, PIXEL_SCALE, RESIDUAL_SCALE
from ..walk import COLOURS, LATTICE, walk_pixels
from .layers import Net, clamp_ste
from .logistic import LOG2, log_bin_prob
from .steps import STEP_ROWS

FIRST_SCALE = 3.0  # in pixel values, before anything is learned
FIRST_COUPLING = (0.7, 0.2, 0.6)  # of red to green, of blue to green and to red
COMPONENTS = 3  # of the mixture


def in_coding_order(x: Tensor) -> Tensor:
    """Colours of (B, 3, H, W) in the order of COLOURS, by slices: a list of indices would come from the CPU."""
    return torch.cat([x[:, c : c + 1] for c in COLOURS], 1)


class PixelPrior(nn.Module):
    def __init__(self, width: int, blocks: int, tied: bool):
        super().__init__()
        given = 15 if tied else 12
        self.passes = nn.ModuleList(
            Net(given + 3 * index, width, blocks, 9).zero_head() for index in range(len(LATTICE))
        )
        for net in self.passes:
            net.head.bias.data[6:] = torch.tensor(FIRST_COUPLING)
        self.log2_scale = nn.Parameter(torch.full((STEP_ROWS, 3), FIRST_SCALE).log2())
        self.shape = nn.Parameter(torch.tensor([[1.0, 0.0, -2.0], [-0.3, 0.7, 1.7]]))  # logits; log2 of relative scales

    def mixture(self) -> tuple[Tensor, Tensor]:
        """Weights and relative scales of the components, (COMPONENTS,) each."""
        return self.shape[0].softmax(0), torch.exp2(self.shape[1])

    def pixels(
        self, index: int, given: list[Tensor], known: list[Tensor], step: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log2 of the scale of three colours, and three couplings, each (B, 3, H/2, W/2).

        given: x_hat in 2x2 cells, and if tied what the residuals of each cell sum to.
        """
        cells, *owed = given
        inputs = [(cells - PIXEL_OFFSET) / PIXEL_SCALE, *(k / RESIDUAL_SCALE for k in (*owed, *known))]
        mean, log2_scale, coupling = self.passes[index](inputs, step).chunk(3, dim=1)
        if owed:
            mean = mean + (owed[0] - sum(known)) / (len(LATTICE) - index)
        log2_scale = log2_scale + (step @ self.log2_scale)[:, :, None, None]
        return (
            mean,
            clamp_ste(log2_scale, LOG2_SCALE_MIN, LOG2_SCALE_MAX),
            clamp_ste(coupling, -COUPLING_MAX, COUPLING_MAX),
        )

    @staticmethod
    def follow(mean: Tensor, coupling: Tensor, residual: Tensor) -> Tensor:
        """A colour's mean, given the residual of another colour."""
        return mean + coupling * residual

    def forward(self, x: Tensor, x_hat: Tensor, step: Tensor, y: Tensor | None) -> Tensor:
        """Bits of x given x_hat, (B,), per sub-pixel. Both (B, 3, H, W), whole numbers in 0..255, sides even.

        y: (B, 3, H/2, W/2), pixel values of y[1] where that ties the prior.
        """
        residual = in_coding_order(x - x_hat)
        weight, ratio = self.mixture()
        bits = []

        def visit(index, colour, mean, log2_scale):
            i, j = LATTICE[index]
            actual = residual[:, colour : colour + 1, i::2, j::2]
            scale = torch.exp2(log2_scale)[..., None] * ratio
            parts = log_bin_prob((actual - mean)[..., None], scale, 0.5) + weight.log()
            bits.append(parts.logsumexp(-1).sum((1, 2, 3)) / -LOG2)
            return actual

        given = [F.pixel_unshuffle(in_coding_order(x_hat), 2)]
        if y is not None:
            given.append(4 * in_coding_order(y - F.avg_pool2d(x_hat, 2)))
        walk_pixels(self, given, step, visit, torch.cat)
        return sum(bits) / x[0].numel()
