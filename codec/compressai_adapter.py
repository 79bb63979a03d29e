"""Our codec behind CompressAI's interface: ``forward``, ``compress``, ``decompress``, on batches of float pictures.

With it, CompressAI's own evaluation functions run on our files. CompressAI itself is not imported.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from . import decode, encode
from .choice.encoder import likelihoods


class SelfvaeCodec(nn.Module):
    """A fixed-quality codec for pictures (B, 3, H, W) in 0..1.

    quality: 0 to 100, which is lossless. Not trainable: the networks are exact integer ones. Strings are whole
    files, headers included, so that rates computed from them are those of real files.
    """

    def __init__(self, quality: float = 50, backend: str = "auto"):
        super().__init__()
        self.quality, self.backend = quality, backend

    def forward(self, x: Tensor) -> dict:
        """Returns {"x_hat": (B, 3, H, W) in 0..1, "likelihoods": {"levels": (N,) of every coded symbol}}.

        Files of noise are smaller than that at quality 100: their pixels are kept as they are.
        """
        lossless = self.quality == 100
        coded = [likelihoods(p, quality=self.quality, lossless=lossless, backend=self.backend) for p in _to_pixels(x)]
        x_hat = self.decompress(**self.compress(x))["x_hat"]
        return {"x_hat": x_hat, "likelihoods": {"levels": torch.from_numpy(np.concatenate(coded))}}

    def compress(self, x: Tensor) -> dict:
        """Returns {"strings": [[file of picture 0, file of picture 1, ...]], "shape": (H, W)}."""
        files = [encode(p, quality=self.quality, backend=self.backend) for p in _to_pixels(x)]
        return {"strings": [files], "shape": tuple(x.shape[-2:])}

    def decompress(self, strings: list[list[bytes]], shape) -> dict:
        """Returns {"x_hat": (B, 3, H, W) in 0..1}. ``shape`` is in the files; it is CompressAI's convention."""
        pictures = [decode(file, backend=self.backend) for file in strings[0]]
        stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return {"x_hat": stacked.float() / 255}


def _to_pixels(x: Tensor) -> list[np.ndarray]:
    """(B, 3, H, W) in 0..1 -> uint8 arrays (H, W, 3)."""
    pixels = (x.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return list(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
