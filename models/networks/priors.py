"""The networks behind p(u), p(y[k] | y[k+1]), p(z[2] | y), p(z[1] | z[2], y) and q(z[2] | z[1]), as float modules."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import CONTEXT_STRIDE, U_STEP, Z1_STRIDE, Config
from ..tables import LOG2_SCALE_MAX, LOG2_SCALE_MIN
from ..units import COUPLING_MAX, HYPER_GAIN, LATTICE_SCALE, Y_OFFSET, Y_SCALE
from ..walk import LATTICE, walk_lattice, walk_pixels
from .layers import Net, clamp_ste
from .logistic import latent_bits
from .pixels import FIRST_COUPLING, PixelPrior, in_coding_order
from .steps import step_knots
from .transforms import downscale, from_ycocg


class Prior(nn.Module):
    """Mean and scale of a logistic for each channel, in quantisation steps; and ``more`` answers.

    The scale starts at ``sigma / D`` for a fixed per-channel sigma; its offset by step is learned.
    """

    def __init__(
        self, inputs: int, width: int, blocks: int, channels: int, sigma: Tensor, relative: bool, more: int = 0
    ):
        super().__init__()
        self.net = Net(inputs, width, blocks, 2 * channels + more).zero_head()
        knots = step_knots()
        log2_scale = sigma.log2()[None, :] - (knots * torch.log2(torch.tensor(3.0)) if relative else 0 * knots)[:, None]
        self.log2_scale = nn.Parameter(log2_scale.float())  # (STEP_ROWS, channels)

    def forward(self, inputs: list[Tensor], step: Tensor) -> tuple[Tensor, ...]:
        mean, log2_scale, *more = self.net(inputs, step).split(self.log2_scale.shape[1], dim=1)
        log2_scale = log2_scale + (step @ self.log2_scale)[:, :, None, None]
        return mean, clamp_ste(log2_scale, LOG2_SCALE_MIN, LOG2_SCALE_MAX), *more


class HyperAnalysis(nn.Module):
    """q(z[2] | z[1], y): encoder only. (B, 192, H/8, W/8) -> (B, z2_channels, H/hyper_stride, W/hyper_stride)."""

    def __init__(self, config: Config):
        super().__init__()
        halvings = (config.hyper_stride // Z1_STRIDE).bit_length() - 1
        outputs = [32] * (halvings - 1) + [config.z2_channels]
        self.nets = nn.ModuleList([Net(192, 64, 0, 32), *(Net(128, config.prior_width, 1, n) for n in outputs)])

    def forward(self, z1: Tensor, step: Tensor) -> Tensor:
        h = torch.log1p(z1.abs() / 8)
        for i, net in enumerate(self.nets):
            if i:
                h = F.pixel_unshuffle(F.relu(h), 2)
            h = net([h], step)
        return HYPER_GAIN * h


class Context(nn.Module):
    """What y, the step field and z[2] say about z[1]: (B, context_channels, H/16, W/16), once per picture."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        *coarse, finest = config.context_strides
        inputs = config.z2_channels
        for stride in coarse:
            channels = inputs + sum(config.seen_channels(stride))
            self.add_module(f"at{stride}", Net(channels, config.prior_width, 1, 4 * 64, upsample=True))
            inputs = 64
        channels = inputs + config.told_channels + sum(config.seen_channels(finest))
        self.add_module(f"at{finest}", Net(channels, config.prior_width, 2, config.prior_width))

    def forward(self, z2: Tensor, y: list[Tensor], told: list[Tensor], step: Tensor) -> Tensor:
        """told: what networks see of the step field at the finest scale, at most one (B, C, H/16, W/16)."""
        h = z2
        for stride in self.config.context_strides:
            seen = seen_at(self.config, y, stride)
            field = told if stride == CONTEXT_STRIDE else []
            h = self.get_submodule(f"at{stride}")([h, *field, *seen], step)
        return torch.cat([h, *(v for v, joins in zip(seen, self.config.joining) if joins)], 1)


def seen_at(config: Config, y: list[Tensor], stride: int) -> list[Tensor]:
    """What a scale of the context sees of every condition, (B, C, H/stride, W/stride) each. y: pixel values."""
    return [folded(v, *cells) for v, cells in zip(y, config.seen(stride))]


def folded(v: Tensor, pool: int, fold: int) -> Tensor:
    """Pixel values, averaged over pool x pool and with fold x fold of these as channels."""
    return F.pixel_unshuffle((downscale(v, pool) - Y_OFFSET) / Y_SCALE, fold)


class LatticePrior(nn.Module):
    """p(y[k] | parent): one small network per pass over a sub-lattice (walk.LATTICE).

    The mean starts at what the parent, the mean of four, leaves for the cells that are not known yet.
    """

    def __init__(self, width: int, blocks: int):
        super().__init__()
        start = torch.full((3,), 4.0)
        self.passes = nn.ModuleList(
            Prior(3 + 3 * p, width, blocks, 3, start, relative=False) for p in range(len(LATTICE))
        )

    def forward(self, index: int, parent: Tensor, known: list[Tensor], step: Tensor) -> tuple[Tensor, Tensor]:
        inputs = [parent / LATTICE_SCALE, *((k - parent) / LATTICE_SCALE for k in known)]
        mean, log2_scale = self.passes[index](inputs, step)
        return mean + (4 * parent - sum(known)) / (4 - index), log2_scale

    def bits(self, parent: Tensor, child: Tensor, step: Tensor) -> Tensor:
        """Bits of a child given its parent of half the sides, rounded up, (B,). Both hold integers in YCoCg."""
        bits = []

        def visit(index, mean, log2_scale):
            i, j = LATTICE[index]
            symbols = child[:, :, i::2, j::2]
            height, width = symbols.shape[2:]
            inside = (..., slice(height), slice(width))
            bits.append(latent_bits(symbols, symbols, mean[inside], log2_scale[inside], None).sum((1, 2, 3)))
            known = parent.clone()  # beyond an odd side
            known[inside] = symbols
            return known

        walk_lattice(self, parent, step, visit)
        return sum(bits)


class CoupledPrior(nn.Module):
    """p(y[k] | parent) in RGB: colours follow one another, and have mixtures, as those of pixels do (pixels.py)."""

    def __init__(self, width: int, blocks: int):
        super().__init__()
        start = torch.full((3,), 4.0)
        self.passes = nn.ModuleList(
            Prior(3 + 3 * p, width, blocks, 3, start, relative=False, more=3) for p in range(len(LATTICE))
        )
        for prior in self.passes:
            prior.net.head.bias.data[6:] = torch.tensor(FIRST_COUPLING)

    def forward(self, index: int, given: list[Tensor], known: list[Tensor], step: Tensor) -> tuple[Tensor, ...]:
        """Mean and log2 of the scale of residuals to the parent, and couplings, (B, 3, h, w) each.

        given: the parent alone. known: residuals to it.
        """
        mean, log2_scale, coupling = self.passes[index]([v / LATTICE_SCALE for v in (*given, *known)], step)
        return mean - sum(known) / (4 - index), log2_scale, clamp_ste(coupling, -COUPLING_MAX, COUPLING_MAX)

    def bits(self, parent: Tensor, child: Tensor, step: Tensor, cost: Callable) -> Tensor:
        """Bits of a child given its parent of half the sides, (B,). Both hold integers in YCoCg.

        cost: bits of residuals (PixelPrior.cost).
        """
        parent, child = (in_coding_order(from_ycocg(y)) for y in (parent, child))
        told = []

        def visit(index, colour, mean, log2_scale):
            (i, j), here = LATTICE[index], slice(colour, colour + 1)
            residual = child[:, here, i::2, j::2] - parent[:, here]
            told.append((residual - mean, log2_scale))
            return residual

        walk_pixels(self, PixelPrior.follow, [parent], step, visit, torch.cat)
        return cost(told)


class ActivityPrior(nn.Module):
    """p(activity | y): one small network per pass over a sub-lattice (walk.LATTICE) of the map.

    Each sees the base in cells of twice the map's stride, and the symbols of the passes before it.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.stride = 2 * config.activity_stride
        self.pool, self.fold = config.seen(self.stride)[-1]
        self.seen = config.seen_channels(self.stride)[-1]
        start = torch.ones(1)
        self.passes = nn.ModuleList(
            Prior(self.seen + p, config.activity_width, config.activity_blocks, 1, start, relative=False)
            for p in range(len(LATTICE))
        )

    def forward(self, index: int, base: Tensor, known: list[Tensor], step: Tensor) -> tuple[Tensor, Tensor]:
        return self.passes[index]([base, *known], step)

    def bits(self, base: Tensor, activity: Tensor, step: Tensor) -> Tensor:
        """Bits of a map (B, 1, h, w) given the base, pixel values of the last of the conditions: (B,)."""
        bits = []

        def visit(index, mean, log2_scale):
            i, j = LATTICE[index]
            symbols = activity[:, :, i::2, j::2]
            bits.append(latent_bits(symbols, symbols, mean, log2_scale, None).sum((1, 2, 3)))
            return symbols

        seen = folded(base, self.pool, self.fold)
        walk_lattice(self, seen, step, visit)
        return sum(bits)


class TopPrior(LatticePrior):
    """p(u): its mean over the picture, the root, then u twice as fine each time, given what it was before.

    One set of networks serves all scales, since photographs look much the same on all of them (Ruderman & Bialek 1994).
    """

    def __init__(self, width: int, blocks: int):
        super().__init__(width, blocks)
        self.mean = nn.Parameter(torch.tensor([Y_OFFSET / U_STEP, 0.0, 0.0]))  # where y has a step of 1
        self.log2_scale = nn.Parameter(torch.tensor([1.5, 0.0, 0.0]))

    def root(self, y_step: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log2 of the scale of the root, (B, 3, 1, 1) each, in steps of u. y_step: (B,)."""
        mean, log2_scale = self.mean / y_step[:, None], self.log2_scale - y_step[:, None].log2()
        return mean[:, :, None, None], clamp_ste(log2_scale, LOG2_SCALE_MIN, LOG2_SCALE_MAX)[:, :, None, None]

    def root_bits(self, root: Tensor, y_step: Tensor) -> Tensor:
        """Bits of the root (B, 3, 1, 1): (B,)."""
        return latent_bits(root, root, *self.root(y_step), None).sum((1, 2, 3))
