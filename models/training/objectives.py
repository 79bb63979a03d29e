"""What training minimises, for each part of the model: losses in bits.

Of latents it is bits + distortion / (0.13 D^2) per pixel with D drawn log-uniformly per picture: the slope of the
operational rate-distortion curve of a uniform quantiser at step D.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from ..config import FALLS, RD_SLOPE, T_FINEST, T_FIRST, TUNES, Y_STEPS, fall_for
from ..networks.selfvae import SelfVAE, Terms
from ..networks.steps import y_steps
from ..networks.transforms import fields
from .eye import distortion_for_the_eye
from .likelihood import HYPER_WARMUP, StreamObjective

T_DRAWN = 5.3  # coarsest log3 of a step that training sees
PROBE = 48  # side of the corner of a crop by which the sets of the pixel prior are tried
FEW_BITS = 0.3  # a sub-pixel, below which fewer hardly count
TUNE_SHARES = (0.5, 0.25, 0.25)  # of the pictures have steps for each of config.TUNES, or the same for all coefficients
FOLLOWED = 0.4  # of the planes that finer ones can follow are trained as such, where symbols are chosen


def refining_of(batch: int) -> int:
    """How many pictures of a batch train refining planes: their share of the steps."""
    return round(batch * (T_FIRST - T_FINEST) / (T_DRAWN - T_FINEST))


def draw_steps(rng: torch.Generator, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """t, y_step and "nothing read" for a batch, on the CPU: t ascending, uniform over all planes, one per stratum.

    Always ``refining_of(batch)`` of them are below T_FIRST, so that all batches have the same shapes.
    """

    def strata(low, high, count):
        return low + (high - low) * (torch.arange(count) + torch.rand(count, generator=rng)) / max(1, count)

    refining = refining_of(batch)
    below = strata(T_FINEST, T_FIRST, refining).clamp(max=T_FIRST - 1e-6)  # which rounding may reach
    t = torch.cat([below, strata(T_FIRST, T_DRAWN, batch - refining)])
    nothing = (t >= T_FIRST) & (torch.rand(batch, generator=rng) < 0.06)
    return t, y_steps(t), nothing


def shared_out(batch: int) -> list[int]:
    """How many pictures of a batch have steps for each of config.TUNES, and the same for all coefficients."""
    others = [int(share * batch) for share in TUNE_SHARES[1:]]
    return [batch - sum(others), *others]


def draw_fields(rng: torch.Generator, t: Tensor) -> tuple[Tensor, Tensor]:
    """For which of config.TUNES steps are, or for none, and how they fall: (B,) each.

    A plane may be one of a file that has finer ones, whose fall is another: falls are drawn from the file's to the
    plane's own, and one more or less where they suit the eye.
    """
    tune = torch.arange(len(TUNES) + 1).repeat_interleave(torch.tensor(shared_out(len(t))))
    tune = tune[torch.randperm(len(t), generator=rng)]
    finest = torch.where(t >= T_FIRST, t - torch.randint(0, 3, t.shape, generator=rng), t)
    aside = torch.randint(-1, 2, t.shape, generator=rng)
    falls = [
        0 if k == len(TUNES) else fall_for(v, TUNES[k]) + (k == 0) * a
        for v, k, a in zip(finest.tolist(), tune.tolist(), aside.tolist())
    ]
    return tune, torch.tensor(falls).clamp(0, FALLS - 1)


def picture_loss(terms, t: Tensor, power: float, z2_weight: Tensor | float) -> Tensor:
    delta = 3.0 ** t.to(terms.distortion.device)
    loss = terms.z1_bpp + z2_weight * terms.z2_bpp + terms.distortion / (RD_SLOPE * delta**2)
    return loss * (delta / 32) ** power


def range_name(t: float, nothing: bool) -> str:
    if nothing:
        return "nothing_read"
    return "fine" if t < 2 else "middle" if t < T_FIRST else "coarse" if t < T_FIRST + 1 else "coarsest"


class LatentObjective(nn.Module):
    """Rate-distortion loss of one random plane per picture: p(z[1]), z[2] and the synthesis network.

    Of every objective: ``draw`` gives, for a batch, what its pictures are logged as, and the tensors that ``forward``
    takes after pictures and the fraction of the run that is done. That returns the loss, and what is ``measured`` of
    each picture, (B, len(measured)). It is a fixed sequence of operations on tensors, which a device may record.
    """

    measured = ("bpp", "z2_bpp", "mse")

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model, self.power = model, power
        model.requires_grad_(True)
        for fixed in self.fixed():
            fixed.requires_grad_(False)

    def fixed(self) -> list[nn.Module]:
        """What this objective does not train."""
        return [*self.model.representation_priors().values(), self.model.pixel_prior]

    def draw(self, rng: torch.Generator, batch: int) -> tuple[list[str], list[Tensor]]:
        t, y_step, nothing = draw_steps(rng, batch)
        names = list(map(range_name, t.tolist(), nothing.tolist()))
        return names, [t, y_step, nothing, *draw_fields(rng, t)]

    def forward(self, x, fraction, t, y_step, nothing, tune, fall, chosen=None) -> tuple[Tensor, Tensor]:
        mapped = tune == TUNES.index("visual")
        field = fields(x, self.model.config, self.model.by_frequency, fall, mapped)
        terms = self.model(x, t, y_step, nothing, chosen, refining_of(len(x)), field)
        terms = replace(terms, distortion=self.distortion(x, terms, tune))
        loss = picture_loss(terms, t, self.power, (fraction / HYPER_WARMUP).clamp(max=1)).mean()
        return loss, torch.stack([terms.z1_bpp + terms.z2_bpp, terms.z2_bpp, terms.distortion / 3], 1).detach()

    @staticmethod
    def distortion(x: Tensor, terms: Terms, tune: Tensor) -> Tensor:
        """The squared error, and where steps suit the eye one that does. (B,) a pixel."""
        squared = (terms.x_hat - x).square().sum((1, 2, 3)) / x[0, 0].numel()
        seen = tune.argsort()[: shared_out(len(x))[TUNES.index("visual")]]
        return squared.index_copy(0, seen, distortion_for_the_eye(x[seen], terms.x_hat[seen], terms.distortion[seen]))


class DecoderObjective(LatentObjective):
    """The same with symbols chosen by their cost, as encoders choose them in finest planes.

    The encoder's network stays, so that z[2] says what it said.
    """

    def draw(self, rng: torch.Generator, batch: int) -> tuple[list[str], list[Tensor]]:
        """Chosen are those whose planes are the finest of their file; the others are followed by finer ones."""
        names, (t, *others) = super().draw(rng, batch)
        chosen = (torch.rand(batch, generator=rng) >= FOLLOWED) | (t >= T_FIRST + 1) | (t < T_FINEST + 1)
        return names, [t, *others, chosen]

    def fixed(self) -> list[nn.Module]:
        return [*super().fixed(), self.model.hyper_analysis]


class RepresentationObjective(nn.Module):
    """Bits of all representations: a likelihood, since they are exact."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        self.priors = self.trained()
        for name in self.priors:
            model.get_submodule(name).requires_grad_(True)
        self.measured = tuple(name.replace("prior", "bpp") for name in self.priors)

    def trained(self) -> list[str]:
        """Names of the priors that this objective trains."""
        return list(self.model.representation_priors())

    def draw(self, rng: torch.Generator, batch: int) -> tuple[list[str], list[Tensor]]:
        y_step = torch.tensor(Y_STEPS)[torch.randint(0, len(Y_STEPS), (batch,), generator=rng)]
        return [f"step_{s}" for s in y_step.tolist()], [y_step.float()]

    def forward(self, x, fraction, y_step) -> tuple[Tensor, Tensor]:
        bits = self.bits(x, y_step)
        columns = torch.stack([bits[name] for name in self.priors], 1)
        return columns.sum(1).mean() * 100, columns.detach()

    def bits(self, x: Tensor, y_step: Tensor) -> dict[str, Tensor]:
        """Bits a pixel by the name of their prior, (B,) each."""
        return self.model.representation_bits(x, y_step)


class ActivityObjective(RepresentationObjective):
    """Bits of the activity map alone: a small network, which learns in minutes what the others have long known."""

    def trained(self) -> list[str]:
        return ["activity_prior"]

    def bits(self, x: Tensor, y_step: Tensor) -> dict[str, Tensor]:
        return {"activity_prior": self.model.activity_bits(x, y_step)}


class PixelObjective(nn.Module):
    """Bits of the exact pixels, a sub-pixel, given what the latents decode to: channels 3 to 5 of x.

    Every crop trains the set of gains and biases that codes it best, as in clustering by k-means. A percent of a smooth
    picture's bits counts about as much as one of a grainy picture's, not the bits themselves.
    """

    measured = ("bits",)

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        model.pixel_prior.requires_grad_(True)

    def draw(self, rng: torch.Generator, batch: int) -> tuple[list[str], list[Tensor]]:
        return ["lossless"] * batch, [y_steps(torch.full((batch,), self.model.config.t_lossless))]

    def forward(self, x, fraction, y_step) -> tuple[Tensor, Tensor]:
        bits = self.model.pixel_bits(x[:, :3], x[:, 3:], y_step, probe=PROBE)
        return (bits + FEW_BITS).log().mean() * 2, bits[:, None].detach()


OBJECTIVES = {
    "stream": StreamObjective,
    "latents": LatentObjective,
    "decoder": DecoderObjective,
    "representations": RepresentationObjective,
    "activity": ActivityObjective,
    "pixels": PixelObjective,
}
