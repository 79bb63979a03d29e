"""What training minimises, for each part of the model: losses in bits.

Of latents it is bits + distortion / (0.13 D^2) per pixel with D drawn log-uniformly per picture: the slope of the
operational rate-distortion curve of a uniform quantiser at step D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import RD_SLOPE, T_FINEST, T_FIRST, T_LOSSLESS, Y_STEPS
from .likelihood import HYPER_WARMUP, StreamObjective
from .selfvae import SelfVAE
from .steps import y_steps

T_DRAWN = 5.3  # coarsest log3 of a step that training sees
FOLLOWED = 0.4  # of the planes that finer ones can follow are trained as such, where symbols are chosen


def draw_steps(rng: torch.Generator, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """t, y_step and "nothing read" for a batch, on the CPU: t ascending, uniform over all planes, one per stratum."""
    t = T_FINEST + (T_DRAWN - T_FINEST) * (torch.arange(batch) + torch.rand(batch, generator=rng)) / batch
    nothing = (t >= T_FIRST) & (torch.rand(batch, generator=rng) < 0.06)
    return t, y_steps(t), nothing


def picture_loss(terms, t: Tensor, power: float, z2_weight: float) -> Tensor:
    delta = 3.0 ** t.to(terms.distortion.device)
    loss = terms.z1_bpp + z2_weight * terms.z2_bpp + terms.distortion / (RD_SLOPE * delta**2)
    return loss * (delta / 32) ** power


def range_name(t: float, nothing: bool) -> str:
    if nothing:
        return "nothing_read"
    return "fine" if t < 2 else "middle" if t < T_FIRST else "coarse" if t < T_FIRST + 1 else "coarsest"


class LatentObjective(nn.Module):
    """Rate-distortion loss of one random plane per picture: p(z[1]), z[2] and the synthesis network."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model, self.power = model, power
        model.requires_grad_(True)
        for fixed in self.fixed():
            fixed.requires_grad_(False)

    def fixed(self) -> list[nn.Module]:
        """What this objective does not train."""
        return [*self.model.representation_priors().values(), self.model.pixel_prior]

    def chosen(self, rng: torch.Generator, t: Tensor) -> Tensor | None:
        """Pictures (B,) whose symbols are chosen by their cost: none."""
        return None

    def forward(self, x: Tensor, rng: torch.Generator, fraction: float) -> tuple[Tensor, list[tuple]]:
        """fraction: of the run that is done. Returns the loss and, per picture, (range of t, {name: value}) to log."""
        t, y_step, nothing = draw_steps(rng, len(x))
        terms = self.model(x, t, y_step, nothing, self.chosen(rng, t))
        losses = picture_loss(terms, t, self.power, min(1.0, fraction / HYPER_WARMUP))
        bpp, mse = (terms.z1_bpp + terms.z2_bpp).tolist(), (terms.distortion / 3).tolist()
        z2_bpp = terms.z2_bpp.tolist()
        rows = [
            (range_name(t[i].item(), nothing[i].item()), {"bpp": bpp[i], "z2_bpp": z2_bpp[i], "mse": mse[i]})
            for i in range(len(x))
        ]
        return losses.mean(), rows


class DecoderObjective(LatentObjective):
    """The same with symbols chosen by their cost, as encoders choose them in finest planes.

    The encoder's network stays, so that z[2] says what it said.
    """

    def chosen(self, rng: torch.Generator, t: Tensor) -> Tensor:
        """Whose planes are the finest of their file; the others are followed by finer ones, and plainly rounded."""
        return (torch.rand(len(t), generator=rng) >= FOLLOWED) | (t >= T_FIRST + 1) | (t < T_FINEST + 1)

    def fixed(self) -> list[nn.Module]:
        return [*super().fixed(), self.model.hyper_analysis]


class RepresentationObjective(nn.Module):
    """Bits of all representations: a likelihood, since they are exact."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        for prior in model.representation_priors().values():
            prior.requires_grad_(True)

    def forward(self, x: Tensor, rng: torch.Generator, fraction: float) -> tuple[Tensor, list[tuple]]:
        y_step = torch.tensor(Y_STEPS)[torch.randint(0, len(Y_STEPS), (len(x),), generator=rng)].float()
        bits = self.model.representation_bits(x, y_step)
        columns = {name.replace("prior", "bpp"): values.tolist() for name, values in bits.items()}
        rows = [(f"step_{int(s)}", {name: v[i] for name, v in columns.items()}) for i, s in enumerate(y_step)]
        return sum(bits.values()).mean() * 100, rows


class PixelObjective(nn.Module):
    """Bits of the exact pixels, a sub-pixel, given what the latents decode to: channels 3 to 5 of x."""

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        model.pixel_prior.requires_grad_(True)

    def forward(self, x: Tensor, rng: torch.Generator, fraction: float) -> tuple[Tensor, list[tuple]]:
        t = torch.full((len(x),), T_LOSSLESS)
        bits = self.model.pixel_bits(x[:, :3], x[:, 3:], t, y_steps(t))
        return bits.mean(), [("lossless", {"bits": b}) for b in bits.tolist()]


OBJECTIVES = {
    "stream": StreamObjective,
    "latents": LatentObjective,
    "decoder": DecoderObjective,
    "representations": RepresentationObjective,
    "pixels": PixelObjective,
}
