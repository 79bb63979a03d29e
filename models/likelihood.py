"""The negative ELBO of a whole lossless stream, in bits: the objective where only the likelihood counts.

As everywhere in this model the posterior of a latent is uniform on its quantisation step, so that the bound is what the
levels of a file cost together (Gatopoulos & Tomczak 2020, equation 11).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .config import planes_for
from .layers import step_weights
from .selfvae import SelfVAE


def stream_bits(model: SelfVAE, x: Tensor, t: float, y_step: int = 1) -> dict[str, Tensor]:
    """Bits of y, z and x, each (B,), of pictures whose finest latent plane has the step 3^t.

    x: (B, 3, H, W), whole numbers in 0..255, sides multiples of config.pad. Latents are plainly rounded. Bits of u are
    left out: p(u) is a histogram, made when weights are exported.
    """
    ones = torch.ones(len(x))
    none = torch.zeros(len(x), dtype=torch.bool)  # of the pictures have their symbols chosen by cost
    y_bits = sum(model.representation_bits(x, y_step * ones).values(), torch.zeros(len(x))) * x[0, 0].numel()
    keep = ones.bool()[:, None, None, None]
    base, z1, z_bits, context = model.latents(x, t * ones, y_step * ones, keep)
    planes = planes_for(t)
    for k in range(planes):
        above = planes - 1 - k
        step = step_weights((t + above) * ones)
        z = z1 / 3.0 ** (t + above)
        z_hat, bits = model.walk(context, z, keep, none, step, refine=k > 0)
        z_bits = z_bits + bits
    delta = torch.full((len(x), 1, 1, 1), 3.0**t)
    x_hat = model.synthesis(z_hat, base, delta, step).clamp(0, 255)
    x_hat = x_hat + (x_hat.round() - x_hat).detach()  # files hold whole numbers; the gradient passes
    x_bits = model.pixel_prior(x, x_hat, step) * x[0].numel()
    return {"y": y_bits, "z": z_bits, "x": x_bits}
