"""Bits/dim of a model on small pictures: the bound of the float model, and real bytes of the exact integer one.

All pictures are coded into one stream, one after the other, so that the few bytes with which a stream ends are paid
once and not by every small picture; there are no file headers. The stream is decoded again, and must give the pictures.
"""

from __future__ import annotations

import numpy as np
import torch

from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.native import chooser_of
from selfvae_codec.choice.quantise import choice_of, slope_of
from selfvae_codec.choice.refine import refine
from selfvae_codec.coding.coders import Reader, Writer
from selfvae_codec.coding.entropy import Decoder, Encoder
from selfvae_codec.coding.plan import Plan
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.models.config import DEFAULT_EFFORT
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.training.likelihood import stream_bits

BATCH = 32


@torch.no_grad()
def bound(model: SelfVAE, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """The negative ELBO by variable, bits/dim of each picture (N,). pictures: uint8 (N, S, S, 3)."""
    batches = []
    for first in range(0, len(pictures), BATCH):
        x = torch.tensor(pictures[first : first + BATCH]).permute(0, 3, 1, 2).float()
        batches.append({name: bits.numpy() / x[0].numel() for name, bits in stream_bits(model, x).items()})
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def coded(nets: Networks, plan: Plan, pictures: np.ndarray) -> tuple[float, float]:
    """Bits/dim of the bytes of one stream with all pictures, and of what its tables charge.

    Latents and their symbols are chosen as for files: by what they cost and what they save the pixels. Raises
    ValueError if a picture does not come back as it was.
    """
    models, encoder, chooser = models_of(nets), Encoder(), chooser_of(nets, slope_of(lossless=True))
    for x in pictures:
        latents = analyse(nets, plan, x)
        refine(nets, plan, latents, DEFAULT_EFFORT, chooser)
        walk = Walk(nets, plan, latents)
        for index in range(plan.count):
            choice = choice_of(plan, index, chooser)
            walk.level(index, Writer(models, skip=None, choice=choice, encoder=encoder))
    data = encoder.finish()
    decoder = Decoder(data)
    for number, x in enumerate(pictures):
        walk = Walk(nets, plan)
        for index in range(plan.count):
            walk.level(index, Reader(models, decoder, 0, "of many", skips=False))
        if not np.array_equal(walk.picture(plan.planes - 1), x):
            raise ValueError(f"picture {number} came back changed: this machine does not compute exactly")
    if not decoder.exhausted:
        raise ValueError("the stream holds more than its pictures: this machine does not compute exactly")
    return 8 * len(data) / pictures.size, -np.log2(encoder.likelihoods()).sum() / pictures.size
