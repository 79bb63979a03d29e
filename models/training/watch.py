"""How good a model is while it trains, on pictures that it never trains on: bits and PSNR at a few steps.

These are the model's own bits of float networks, on crops, without the encoder's choice of symbols: a curve to follow,
not a result. The benchmark measures real files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...errors import CodecError
from ..config import Config, planes_for
from ..networks.selfvae import SelfVAE, decoded
from ..networks.steps import y_steps
from .data import picture_files

STEPS = (1.5, 2.5, 3.5, 4.5)  # log3 of the quantisation steps that are watched


class Watch:
    """The central ``size`` x ``size`` crops of all pictures below a folder, size a multiple of 64."""

    def __init__(self, folder: Path, size: int = 256):
        pad = Config().pad
        if size % pad:
            raise ValueError(f"size is {size}, but must be a multiple of {pad}")
        self.crops = [_centre(file, size) for file in picture_files([folder])]

    @torch.no_grad()
    def measure(self, model: SelfVAE, pixels: bool) -> dict[str, dict[str, float]]:
        """Means over pictures by step: ``bpp`` of everything up to that plane and ``psnr_db``; or with ``pixels``,
        ``bpsp``, bits a sub-pixel of the exact pixels given what the latents decode to."""
        out: dict[str, dict[str, float]] = {}
        crops = [x.to(model.centroids.device) for x in self.crops]
        for t in (model.config.t_lossless,) if pixels else STEPS:
            rows = [self._pixels(model, x, t) if pixels else self._latents(model, x, t) for x in crops]
            out[f"t_{t}"] = {name: round(float(np.mean([row[name] for row in rows])), 5) for name in rows[0]}
        return out

    @staticmethod
    def _latents(model: SelfVAE, x: torch.Tensor, finest: float) -> dict[str, float]:
        """All planes of a file at once, coarse to fine, as a batch: refining ones must come first in it."""
        t = finest + torch.arange(planes_for(finest))
        terms = model(x.expand(len(t), -1, -1, -1), t, y_steps(t))
        y = model.representation_bits(x, y_steps(t[:1]))
        mse = (terms.x_hat[0].round().clamp(0, 255) - x[0]).square().mean()
        return {
            "bpp": (terms.z1_bpp.sum() + terms.z2_bpp[-1] + sum(y.values())[0]).item(),
            "psnr_db": (10 * torch.log10(255**2 / mse)).item(),
        }

    @staticmethod
    def _pixels(model: SelfVAE, x: torch.Tensor, t: float) -> dict[str, float]:
        step = torch.tensor([t])
        return {"bpsp": model.pixel_bits(x, decoded(model, x, step), y_steps(step)).item()}


def _centre(file: Path, size: int) -> torch.Tensor:
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    H, W = pixels.shape[:2]
    if min(H, W) < size:
        raise CodecError(f"{file} is {W}x{H}: pictures to watch need sides of at least {size}")
    top, left = (H - size) // 2, (W - size) // 2
    crop = pixels[top : top + size, left : left + size].transpose(2, 0, 1)
    return torch.from_numpy(crop[None].astype(np.float32))
