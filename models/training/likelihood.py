"""The negative ELBO of a whole lossless stream, in bits: the objective where only the likelihood counts.

As everywhere in this model the posterior of a latent is uniform on its quantisation step, so that the bound is what the
levels of a file cost together (Gatopoulos & Tomczak 2020, equation 11).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import Z1_STRIDE, planes_for
from ..networks.selfvae import SelfVAE
from ..networks.steps import step_weights
from ..units import Y_OFFSET

HYPER_WARMUP = 0.3  # fraction of the run over which z[2]'s rate starts to count, or z[2] would never be used


def stream_bits(model: SelfVAE, x: Tensor, y_step: int = 1, probe: int | None = None) -> dict[str, Tensor]:
    """Bits of u, y, z2, z1 and x, each (B,), of pictures whose finest latent plane has the step 3^t_lossless.

    x: (B, 3, H, W), whole numbers in 0..255, sides multiples of config.pad. Latents are plainly rounded. probe: as of
    SelfVAE.pixel_bits.
    """
    t = model.config.t_lossless
    ones, zeros = x.new_ones(len(x)), x.new_zeros(len(x))
    y = model.conditions(x, y_step * ones[:, None, None, None])
    exact = {name: bits * x[0, 0].numel() for name, bits in model.downscale_bits(x, y_step * ones).items()}
    u_bits = exact.pop("u_prior", zeros)
    if model.config.edge_stride:
        exact["edge_prior"] = model.edge_prior.bits(y[0] / Y_OFFSET - 1)
    y_bits = sum(exact.values(), zeros)
    keep = ones.bool()[:, None, None, None]
    flat = x.new_zeros(len(x), 192, x.shape[2] // Z1_STRIDE, x.shape[3] // Z1_STRIDE)  # no step field
    base, z1, z2_bits, context = model.latents(x, t * ones, y, keep, flat)
    planes, z1_bits = planes_for(t), zeros
    for k in range(planes):
        above = planes - 1 - k
        step = step_weights((t + above) * ones)
        z_hat, bits = model.walk(context, z1 / 3.0 ** (t + above), keep, None, step, k > 0, flat)
        z1_bits = z1_bits + bits
    delta = x.new_full((len(x), 1, 1, 1), 3.0**t)
    x_hat = model.synthesis(z_hat, base, delta, step, flat).clamp(0, 255)
    x_hat = x_hat + (x_hat.round() - x_hat).detach()  # files hold whole numbers; the gradient passes
    x_bits = model.pixel_bits(x, x_hat, y_step * ones, probe) * x[0].numel()
    return {"u": u_bits, "y": y_bits, "z2": z2_bits, "z1": z1_bits, "x": x_bits}


class StreamObjective(nn.Module):
    """Bits of the whole stream, a sub-pixel: everything learns together (objectives.py)."""

    measured = ("u", "y", "z2", "z1", "x", "bits")

    def __init__(self, model: SelfVAE, power: float):
        super().__init__()
        self.model = model
        model.requires_grad_(True)
        if model.config.activity_stride:
            model.activity_prior.requires_grad_(False)  # lossless files have no map

    def draw(self, rng: torch.Generator, batch: int) -> tuple[list[str], list[Tensor]]:
        return ["stream"] * batch, []

    def forward(self, x, fraction) -> tuple[Tensor, Tensor]:
        bits = {name: b / x[0].numel() for name, b in stream_bits(self.model, x, probe=x.shape[-1] // 2).items()}
        weighted = bits | {"z2": (fraction / HYPER_WARMUP).clamp(max=1) * bits["z2"]}
        return sum(weighted.values()).mean(), torch.stack([*bits.values(), sum(bits.values())], 1).detach()
