"""p(x | x_hat, y): the exact pixels given what the latents decode to, as a float module for training.

Four passes over the sub-lattices of 2x2 cells; each sees all of x_hat and the residuals x - x_hat of earlier passes.
Where y[1] is at 1/2, it is the mean of each cell but for rounding: a tied prior starts from what that leaves for the
pixels that are not known yet, so that the last of a cell costs little more than the rounding.
Within a pass colours come one after another, green first: a network gives mean, scale and how far each colour's mean
follows the residuals before it (Salimans et al. 2017, PixelCNN++, section 2.2). Every residual has a discretised
mixture of logistics around its mean, whose shape is learned once for all.

Pictures differ in what their noise is made of: film, sensors, resampling, sharpening. The gains and biases of the
networks come in sets, variants of the same networks, and a picture is coded with the one that suits it best (a choice
of the encoder, as in Minnen et al. 2018, "Image-dependent local entropy models", of networks in place of tables).
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

FIRST_SCALE = 3.0  # in pixel values, before anything is learned
FIRST_COUPLING = (0.7, 0.2, 0.6)  # of red to green, of blue to green and to red
COMPONENTS = 3  # of the mixture
APART = 0.12  # between the scales of one set and the next, as log2, before anything is learned: sets part by noise


def in_coding_order(x: Tensor) -> Tensor:
    """Colours of (B, 3, H, W) in the order of COLOURS, by slices: a list of indices would come from the CPU."""
    return torch.cat([x[:, c : c + 1] for c in COLOURS], 1)


class PixelPrior(nn.Module):
    def __init__(self, width: int, blocks: int, tied: bool, sets: int = 1):
        super().__init__()
        given = 15 if tied else 12
        self.sets = sets
        self.passes = nn.ModuleList(
            Net(given + 3 * index, width, blocks, 9, rows=sets).zero_head() for index in range(len(LATTICE))
        )
        for net in self.passes:
            net.head.bias.data[6:] = torch.tensor(FIRST_COUPLING)
        first = torch.zeros(sets, 9)
        first[:, 3:6] = torch.tensor(FIRST_SCALE).log2() + APART * (torch.arange(sets) - (sets - 1) / 2)[:, None]
        self.offset = nn.ParameterList(first.clone() for _ in LATTICE)  # of a pass's answers, (sets, 9)
        self.shape = nn.Parameter(torch.tensor([[1.0, 0.0, -2.0], [-0.3, 0.7, 1.7]]))  # logits; log2 of relative scales

    def mixture(self) -> tuple[Tensor, Tensor]:
        """Weights and relative scales of the components, (COMPONENTS,) each."""
        return self.shape[0].softmax(0), torch.exp2(self.shape[1])

    def cost(self, told: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Bits by the mixture, (B,), of residuals by their distance from the mean and log2 of their scale.

        told: of each sub-lattice and colour, (B, 1, h, w) each; all together, since they are many and small.
        """
        distance, log2_scale = (torch.cat(values, 1) for values in zip(*told))
        weight, ratio = self.mixture()
        parts = log_bin_prob(distance[..., None], torch.exp2(log2_scale)[..., None] * ratio, 0.5) + weight.log()
        return parts.logsumexp(-1).sum((1, 2, 3)) / -LOG2

    def pixels(
        self, index: int, given: list[Tensor], known: list[Tensor], share: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log2 of the scale of three colours, and three couplings, each (B, 3, H/2, W/2).

        given: x_hat in 2x2 cells, and if tied what the residuals of each cell sum to. share: of each set, (B, sets).
        """
        cells, *owed = given
        inputs = [(cells - PIXEL_OFFSET) / PIXEL_SCALE, *(k / RESIDUAL_SCALE for k in (*owed, *known))]
        answers = self.passes[index](inputs, share) + (share @ self.offset[index])[:, :, None, None]
        mean, log2_scale, coupling = answers.chunk(3, dim=1)
        if owed:
            mean = mean + (owed[0] - sum(known)) / (len(LATTICE) - index)
        return (
            mean,
            clamp_ste(log2_scale, LOG2_SCALE_MIN, LOG2_SCALE_MAX),
            clamp_ste(coupling, -COUPLING_MAX, COUPLING_MAX),
        )

    @staticmethod
    def follow(mean: Tensor, coupling: Tensor, residual: Tensor) -> Tensor:
        """A colour's mean, given the residual of another colour."""
        return mean + coupling * residual

    def forward(self, x: Tensor, x_hat: Tensor, chosen: Tensor, y: Tensor | None) -> Tensor:
        """Bits of x given x_hat, (B,), per sub-pixel. Both (B, 3, H, W), whole numbers in 0..255, sides even.

        chosen: (B,), which set codes each. y: (B, 3, H/2, W/2), pixel values of y[1] where that ties the prior.
        """
        residual = in_coding_order(x - x_hat)
        told = []

        def visit(index, colour, mean, log2_scale):
            i, j = LATTICE[index]
            actual = residual[:, colour : colour + 1, i::2, j::2]
            told.append((actual - mean, log2_scale))
            return actual

        given = [F.pixel_unshuffle(in_coding_order(x_hat), 2)]
        if y is not None:
            given.append(4 * in_coding_order(y - F.avg_pool2d(x_hat, 2)))
        walk_pixels(self.pixels, self.follow, given, F.one_hot(chosen, self.sets).float(), visit, torch.cat)
        return self.cost(told) / x[0].numel()

    @torch.no_grad()
    def best(self, x: Tensor, x_hat: Tensor, y: Tensor | None) -> Tensor:
        """The set that codes each picture in the fewest bits, (B,). Arguments as of ``forward``."""
        if self.sets == 1:
            return torch.zeros(len(x), dtype=torch.long, device=x.device)
        each = [self(x, x_hat, torch.full((len(x),), k, device=x.device), y) for k in range(self.sets)]
        return torch.stack(each).argmin(0)
