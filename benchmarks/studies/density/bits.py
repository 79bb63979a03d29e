"""Bits/dim of a model on small pictures: the bound of the float model, and real bytes of the exact integer one.

All pictures are coded into one stream, one after the other, so that the few bytes with which a stream ends are paid
once and not by every small picture; there are no file headers. The stream is decoded again, and must give the pictures.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.native import chooser_of
from selfvae_codec.choice.quantise import LOSSLESS_SLOPES, choice_of
from selfvae_codec.choice.refine import refine
from selfvae_codec.choice.sets import best_set
from selfvae_codec.coding.coders import Reader, Writer
from selfvae_codec.coding.entropy import Decoder, Encoder
from selfvae_codec.coding.plan import Plan
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.models.config import DEFAULT_EFFORT
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.training.likelihood import stream_bits

BATCH = 32
WAYS = tuple(product(LOSSLESS_SLOPES, (0, 2, DEFAULT_EFFORT)))  # what a bit of latents is worth, and passes of effort


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

    Latents and their symbols are chosen as for files, by what they cost and what they save the pixels, in each of WAYS:
    the one that takes the fewest bits is written. Raises ValueError if a picture does not come back as it was.
    """
    models, encoder = models_of(nets), Encoder()
    for x in pictures:
        best = max(WAYS, key=lambda way: np.log2(_written(nets, plan, x, way, Encoder()).likelihoods()).sum())
        _written(nets, plan, x, best, encoder)
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


def _written(nets: Networks, plan: Plan, x: np.ndarray, way: tuple[float, int], encoder: Encoder) -> Encoder:
    """The encoder, with all levels of a picture behind what it had."""
    slope, effort = way
    latents, chooser, models = analyse(nets, plan, x), chooser_of(nets, slope), models_of(nets)
    refine(nets, plan, latents, effort, chooser)
    walk = Walk(nets, plan, latents)
    for index in range(plan.count):
        if index == plan.count - 1:
            walk.variant = best_set(walk, walk.to_exact())
        choice = choice_of(plan, index, chooser)
        walk.level(index, Writer(models, may_skip=None, choice=choice, encoder=encoder))
    return encoder
