"""The selfVAE as float modules, for training. Drawn with the representations of the downscale family:

              x ── d ──▶ y[1] ── d ──▶ y[2] ──▶ u              representations, exact
              │            │            │
    analysis  ▼            ▼            ▼
            z[1] ◀─ p(z[1] plane | coarser plane, ctx) ◀── ctx ◀── z[2] ◀── p(z[2] | y)
              │
    synthesis ▼
            x_hat = upsampled y[1] + post-filter(inverse block transform(z_hat) + network(z_hat))

The negative ELBO in bits is the size of a file, since the posterior of every latent is uniform on one
quantisation step (Gatopoulos & Tomczak 2020; Balle et al. 2017). Latents are measured in quantisation steps
wherever a prior sees them, so that the priors are covariant with the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import CONTEXT_STRIDE, FIELD_ENDS, PACE, RD_SLOPE, RDO_RATE, T_FIRST, Z1_STRIDE, Config
from ..lapped import lapped_transform
from ..tables import (
    LOG2_SCALE_MAX,
    LOG2_SCALE_MIN,
    LOG2_SCALE_STEP,
    MEAN_UNITS,
    OFFSET_LIMIT,
    centroid_table,
    field_table,
)
from ..units import FIELD_SCALE, RESIDUAL_MAX, SYMBOL_LIMIT, SYNTHESIS_LIMIT, Y_OFFSET, Z2_SCALE, edge_values
from ..walk import LATTICE, walk_plane
from .edge_prior import EdgePrior
from .layers import Net, clamp_ste
from .logistic import LOG2, latent_bits, log_bin_prob
from .pixels import PixelPrior
from .priors import ActivityPrior, Context, CoupledPrior, HyperAnalysis, LatticePrior, Prior, TopPrior, seen_at
from .steps import first_plane, step_weights, y_step_weights, y_steps
from .transforms import REPRESENTATIONS, across_borders, pyramid, upsample


def clamp_symbols(symbols: Tensor) -> Tensor:
    return symbols.clamp(-SYMBOL_LIMIT, SYMBOL_LIMIT)


class SelfVAE(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        for name, matrix in lapped_transform().items():
            self.register_buffer(name, torch.from_numpy(matrix).float(), persistent=False)
        self.synthesis_net = Net(192 + c.told_channels, c.synthesis_width, c.synthesis_blocks, 192).zero_head()

        self.hyper_analysis = HyperAnalysis(c)
        seen = sum(c.seen_channels(c.hyper_stride))
        self.z2_prior = Prior(seen, c.prior_width, 1, c.z2_channels, torch.full((c.z2_channels,), 2.0), relative=False)
        self.context = Context(c)
        context = c.context_channels
        self.context_at8 = Net(context, c.prior_width, 1, 4 * c.prior_width, upsample=True)
        self.coarse = Net(c.prior_width + 192, c.prior_width, c.coarse_blocks, c.prior_width)
        index = torch.arange(192.0)
        sigma = 60.0 * (1 + index) ** -0.65  # a power law fits the coefficients of photographs well enough to start
        starts = [sum(c.groups[:g]) for g in range(len(c.groups))]
        self.groups = nn.ModuleList(
            Prior(c.prior_width + s, c.prior_width, c.prior_blocks, n, sigma[s : s + n], relative=True)
            for s, n in zip(starts, c.groups)
        )
        self.lead_prior = nn.ModuleList(  # group by group, sub-lattice by sub-lattice
            Prior(context + 4 * s + p * n, c.prior_width, c.lead_blocks, n, sigma[s : s + n], relative=True)
            for s, n in zip(starts[: c.lead_groups], c.groups)
            for p in range(len(LATTICE))
        )
        for k, (kind, _) in reversed([*enumerate(c.shown)]):
            lattice = CoupledPrior if c.y_coupled else LatticePrior
            self.add_module(
                c.prior_name(k),
                EdgePrior(c.edge_width, c.edge_blocks) if kind == "edge" else lattice(c.y_width, c.y_blocks),
            )
        if c.top is not None:
            self.u_prior = TopPrior(c.y_width, c.y_blocks)
        if c.activity_stride:
            self.activity_prior = ActivityPrior(c)
        self.pixel_prior = PixelPrior(c.pixel_width, c.pixel_blocks, c.tied, c.pixel_sets)
        self.register_buffer("by_frequency", torch.from_numpy(field_table(flat=False)).float(), persistent=False)
        self.register_buffer("centroids", torch.from_numpy(centroid_table()).float(), persistent=False)

    # ---- deterministic parts -------------------------------------------------------------------------

    def representation_priors(self) -> dict[str, nn.Module]:
        """p(y[k] | what is before it) by name, fine to coarse, and p(u)."""
        names = [self.config.prior_name(k) for k in reversed(range(len(self.config.representations)))]
        top = [] if self.config.top is None else ["u_prior"]
        return {name: self.get_submodule(name) for name in names + top}

    def conditions(self, x: Tensor, y_step: Tensor) -> list[Tensor]:
        """Pixel values of what latents see of y (Config.conditions), the base last. y_step: (B, 1, 1, 1)."""

        def values(kind, stride):
            if kind == "flat":
                return torch.full_like(x[:, :, ::stride, ::stride], Y_OFFSET)
            y = REPRESENTATIONS[kind](x, stride, y_step)
            return edge_values(y) if kind == "edge" else y * y_step

        return [values(*condition) for condition in self.config.conditions]

    def base(self, y: list[Tensor]) -> Tensor:
        """What the picture is before any latent, (B, 3, H, W). y: conditions."""
        return upsample(y[-1], self.config.base_stride)

    def analysis(self, x: Tensor, base: Tensor) -> Tensor:
        """z[1] before quantisation. x, base: (B, 3, H, W) in 0..255."""
        v = F.pixel_unshuffle(across_borders(x - base, self.pre_filter), Z1_STRIDE)  # (B, 192, H/8, W/8)
        return F.conv2d(v, self.block[:, :, None, None])

    def synthesis(self, z: Tensor, base: Tensor, delta: Tensor, step: Tensor, field: Tensor) -> Tensor:
        """x_hat, unclamped. z: (B, 192, H/8, W/8) in steps; base: (B, 3, H, W); delta: (B, 1, 1, 1) the step D.

        field: log2 g as for ``forward``.
        """
        seen = [z.clamp(-SYNTHESIS_LIMIT, SYNTHESIS_LIMIT), *self.told(field, 1)]
        learned = self.synthesis_net(seen, step)
        most = RESIDUAL_MAX / torch.exp2(field.amax(1, keepdim=True) * LOG2_SCALE_STEP).clamp(min=1)
        h = torch.minimum(torch.maximum(clamp_ste(learned, -RESIDUAL_MAX, RESIDUAL_MAX), -most), most) + F.conv2d(
            z, self.inverse_block[:, :, None, None]
        )
        return base + across_borders(F.pixel_shuffle(h * delta, Z1_STRIDE), self.post_filter)

    def told(self, field: Tensor, blocks: int) -> list[Tensor]:
        """What networks see of a step field at every blocks x blocks of z[1]; nothing, where they see none."""
        if not self.config.told_field:
            return []
        return [field[:, FIELD_ENDS, ::blocks, ::blocks] / FIELD_SCALE]

    def pull(self, error: Tensor) -> Tensor:
        """How an error of the picture pulls at z[1]: the transposed linear synthesis. (B, 3, H, W) -> as analysis."""
        v = F.pixel_unshuffle(across_borders(error, self.post_filter.T), Z1_STRIDE)
        return F.conv2d(v, self.inverse_block.T[:, :, None, None])

    # ---- priors of z[1], walked by walk_plane --------------------------------------------------------

    def lead(self, index: int, context: Tensor, known: list[Tensor], step: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log2 of the scale of one sub-lattice of a leading group of a first plane."""
        return self.lead_prior[index]([context, *map(clamp_symbols, known)], step)

    @staticmethod
    def interleave(parts: list[Tensor]) -> Tensor:
        """Four sub-lattices (B, C, h, w) in the order of LATTICE -> (B, C, 2h, 2w)."""
        B, C, h, w = parts[0].shape
        out = parts[0].new_empty(B, C, 2 * h, 2 * w)
        for (i, j), part in zip(LATTICE, parts):
            out[:, :, i::2, j::2] = part
        return out

    def features(self, context: Tensor, coarse: Tensor | None, step: Tensor) -> Tensor:
        """What every group's prior sees: (B, prior_width, H/8, W/8). coarse: symbols of the coarser plane."""
        features = self.context_at8([context], step)
        return features if coarse is None else self.coarse([features, clamp_symbols(coarse)], step)

    def group(self, index: int, features: Tensor, known: list[Tensor], step: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log2 of the scale of one channel group; relative to 3 times the coarser symbol if there is one."""
        return self.groups[index]([features, *map(clamp_symbols, known)], step)

    def centroid(self, symbols: Tensor, mean: Tensor, log2_scale: Tensor) -> Tensor:
        """E[z | bin] - centre, from the decoder's table. No gradient."""
        with torch.no_grad():
            limit = OFFSET_LIMIT * MEAN_UNITS
            level = ((log2_scale - LOG2_SCALE_MIN) / LOG2_SCALE_STEP).round_()
            offset = ((symbols - mean) * MEAN_UNITS).round_().clamp_(-limit, limit)
            return self.centroids.view(-1)[(level * (2 * limit + 1) + offset + limit).long()]

    @torch.no_grad()
    def cheapest(self, z, q, mean, log2_scale, coarse) -> Tensor:
        """q, or its neighbour towards the mean where that costs less: rate-distortion optimised quantisation."""
        towards = q + (mean - q).sign() * ((mean - q).abs() > 0.5)
        if coarse is not None:
            towards = torch.minimum(torch.maximum(towards, 3 * coarse - 1), 3 * coarse + 1)
        scale = torch.exp2(log2_scale)

        def cost(symbols):
            bits = log_bin_prob(symbols - mean, scale, 0.5) / -LOG2
            return RDO_RATE * bits + (symbols + self.centroid(symbols, mean, log2_scale) - z) ** 2 / RD_SLOPE

        return torch.where(cost(towards) < cost(q), towards, q)

    # ---- training ------------------------------------------------------------------------------------

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        y_step: Tensor,
        nothing: Tensor | None = None,
        chosen: Tensor | None = None,
        refining: int | None = None,
        field: Tensor | None = None,
    ) -> Terms:
        """Bits and distortion of one random plane per picture.

        x: (B, 3, H, W) in 0..255, sides multiples of config.pad. t: (B,) log3 of the plane's step, ascending; with
        t < T_FIRST it is coded given its plane at t + 1, and bits are those of the ternary digits alone.
        y_step: (B,). nothing: (B,) bool, no latent is read: z_hat is what the priors expect.
        chosen: (B,) bool, symbols are chosen by their cost, after one pass that refines latents, as the encoder does it
        in finest planes. Without these two, every latent is read, none is chosen.
        field: log2 g, whole numbers of LOG2_SCALE_STEP, (B, 192, H/8, W/8): local steps are the step over g, and errors
        count in them. Without it g is 1.
        refining: how many t are below T_FIRST; counted where it is not given, which waits for the device that has t.
        """
        B, _, H, W = x.shape
        pixels = H * W
        if refining is None:
            refining = int((t < T_FIRST).sum())  # these come first in the batch
        t, y_step = t.to(x.device), y_step.to(x.device)
        keep = torch.ones_like(t, dtype=torch.bool) if nothing is None else ~nothing.to(x.device)
        keep = keep[:, None, None, None]
        chosen = None if chosen is None else chosen.to(x.device)
        delta = (3.0**t)[:, None, None, None]
        if field is None:
            field = x.new_zeros(B, 192, H // Z1_STRIDE, W // Z1_STRIDE)
        field = field.to(x.device)
        g = torch.exp2(field * LOG2_SCALE_STEP)
        step = step_weights(t)
        base, z1, bits2, context = self.latents(x, t, self.conditions(x, y_step[:, None, None, None]), keep, field)

        kinds = [slice(0, refining), slice(refining, B)]  # they walk with different leading groups

        def decode(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            """z_hat, bits (B,) and x_hat of latents in steps."""
            walked = [
                self.walk(context[k], z[k], keep[k], None if chosen is None else chosen[k], step[k], refine, field[k])
                for k, refine in zip(kinds, (True, False))
                if k.stop > k.start
            ]
            z_hat = torch.cat([w[0] for w in walked])
            bits = torch.cat([w[1] for w in walked])
            return z_hat, bits, self.synthesis(z_hat / g, base, delta, step, field)

        z = z1 * g / delta
        if chosen is not None:
            with torch.no_grad():
                z_hat, _, x_hat = decode(z)
                closer = z + PACE * (z_hat + self.pull(x - x_hat) * g / delta - z)
                z = torch.where(chosen[:, None, None, None], closer, z)
        _, bits1, x_hat = decode(z)
        error = self.pull(x_hat - x) * g
        return Terms(bits2 / pixels, bits1 / pixels, (error**2).sum((1, 2, 3)) / pixels, x_hat)

    def latents(
        self, x: Tensor, t: Tensor, y: list[Tensor], keep: Tensor, field: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Base, z[1] before quantisation, bits of z[2] (B,), and context, once a picture.

        x, t, field: as for ``forward``. y: conditions. keep: (B, 1, 1, 1) bool, z[2] is read; elsewhere it is what its
        prior expects.
        """
        step = step_weights(first_plane(t))
        base = self.base(y)
        z1 = self.analysis(x, base)
        z2 = self.hyper_analysis(z1, step)
        mean, log2_scale = self.z2_prior(seen_at(self.config, y, self.config.hyper_stride), step)
        bits = latent_bits(z2, z2.detach().round(), mean, log2_scale, None) * keep
        z2_hat = torch.where(keep, z2 + torch.rand_like(z2) - 0.5 if self.training else z2.round(), mean)
        return (
            base,
            z1,
            bits.sum((1, 2, 3)),
            self.context(z2_hat / Z2_SCALE, y, self.told(field, CONTEXT_STRIDE // Z1_STRIDE), step),
        )

    def walk(self, context, z, keep, chosen, step, refine: bool, field: Tensor) -> tuple[Tensor, Tensor]:
        """Walk one plane with known latents z in local steps, (B, 192, H/8, W/8). Returns z_hat, as z, and bits (B,).

        chosen: (B,) bool, symbols are not rounded but chosen by rate and distortion; None: none are.
        field: log2 g as for ``forward``.
        """
        g = torch.exp2(field * LOG2_SCALE_STEP)
        q = z.detach().round()
        coarse = (q / 3).round() if refine else None
        starts = [sum(self.config.groups[:g]) for g in range(len(self.config.groups))]
        bits, decoded = [], []

        def visit(group, sub_lattice, mean, log2_scale):
            channels = slice(starts[group], starts[group] + self.config.groups[group])
            i, j = (0, 0) if sub_lattice is None else LATTICE[sub_lattice]
            stride = 1 if sub_lattice is None else 2
            here = (slice(None), channels, slice(i, None, stride), slice(j, None, stride))
            mean = mean * g[here]
            log2_scale = clamp_ste(log2_scale + field[here] * LOG2_SCALE_STEP, LOG2_SCALE_MIN, LOG2_SCALE_MAX)
            if refine:
                mean = mean + 3 * coarse[here]
            below = coarse[here] if refine else None
            symbols = q[here]
            if chosen is not None:
                cheapest = self.cheapest(z[here], symbols, mean, log2_scale, below)
                symbols = torch.where(chosen[:, None, None, None], cheapest, symbols)
            bits.append((latent_bits(z[here], symbols, mean, log2_scale, below) * keep).sum((1, 2, 3)))
            decoded.append(torch.where(keep, symbols + self.centroid(symbols, mean, log2_scale), mean))
            return torch.where(keep, symbols, mean.detach().round()) / g[here]

        walk_plane(self, context, None if coarse is None else coarse / g, step, visit)
        if not refine:
            for group in range(self.config.lead_groups):
                decoded[group : group + len(LATTICE)] = [self.interleave(decoded[group : group + len(LATTICE)])]
        return torch.cat(decoded, 1), sum(bits)

    def pixel_bits(self, x: Tensor, x_hat: Tensor, y_step: Tensor, probe: int | None = None) -> Tensor:
        """Bits of the exact pixels given what latents decode to and y, (B,), a sub-pixel, by the set that suits best.

        y_step: (B,). probe: side of the corner by which sets are tried, even; all of the picture without it.
        """
        y_step = y_step.to(x.device)
        y = self.conditions(x, y_step[:, None, None, None])[-1] if self.config.tied else None
        part, half = slice(probe), slice(probe and probe // 2)
        corner = (x[..., part, part], x_hat[..., part, part], None if y is None else y[..., half, half])
        return self.pixel_prior(x, x_hat, self.pixel_prior.best(*corner), y)

    def representation_bits(self, x: Tensor, y_step: Tensor) -> dict[str, Tensor]:
        """Bits of u and of each representation given what is before it, (B,) by its prior's name, per pixel of x."""
        bits = self.downscale_bits(x, y_step)
        if stride := self.config.edge_stride:
            bits["edge_prior"] = self.edge_prior.bits(REPRESENTATIONS["edge"](x, stride)) / x[0, 0].numel()
        if self.config.activity_stride:
            bits["activity_prior"] = self.activity_bits(x, y_step)
        return bits

    def activity_bits(self, x: Tensor, y_step: Tensor) -> Tensor:
        """Bits of the activity map given the base, (B,), per pixel of x."""
        y_step = y_step.to(x.device)
        base = self.conditions(x, y_step[:, None, None, None])[-1]
        activity = REPRESENTATIONS["activity"](x, self.config.activity_stride)
        return self.activity_prior.bits(base, activity, y_step_weights(y_step)) / x[0, 0].numel()

    def downscale_bits(self, x: Tensor, y_step: Tensor) -> dict[str, Tensor]:
        """The same of the downscales and u alone."""
        y_step = y_step.to(x.device)
        step, bits = y_step_weights(y_step), {}
        for name, parent, child in pyramid(x, self.config, y_step):
            if parent is None:
                more = self.u_prior.root_bits(child, y_step)
            else:
                prior = self.get_submodule(name)
                mixture = (self.pixel_prior.cost,) if isinstance(prior, CoupledPrior) else ()
                more = prior.bits(parent, child, step, *mixture)
            bits[name] = bits.get(name, 0) + more / x[0, 0].numel()
        return bits


@torch.no_grad()
def decoded(model: SelfVAE, x: Tensor, t: Tensor) -> Tensor:
    """x_hat as a file with the finest steps t (B,), ascending, holds it: whole numbers, (B, 3, H, W)."""
    x_hat = model(x, t, y_steps(t), chosen=torch.ones_like(t, dtype=torch.bool)).x_hat
    return x_hat.round().clamp(0, 255)


@dataclass
class Terms:
    """Per picture: bits of z[2] and of the plane of z[1] per pixel, squared error summed over RGB per pixel."""

    z2_bpp: Tensor  # (B,)
    z1_bpp: Tensor  # (B,)
    distortion: Tensor  # (B,)
    x_hat: Tensor  # (B, 3, H, W), unclamped
