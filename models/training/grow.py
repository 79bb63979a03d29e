"""From a smaller model to a larger one that computes the same: training goes on, the function does not start over.

Chen, Goodfellow & Shlens 2016, "Net2Net", but new channels start at random and unread, not as copies: whatever reads
them has weight zero, so nothing changes until training finds them useful.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import CodecError
from ..config import Config


def grown(old: dict[str, Tensor], fresh: dict[str, Tensor], config: Config) -> dict[str, Tensor]:
    """Parameters of the model of ``config``, which ``fresh`` initialises, that computes what the one with ``old`` does.

    Widths and numbers of blocks may have grown, and an edge map or the step field joined what latents see; networks
    that ``old`` lacks stay as in ``fresh``. More sets of the pixel prior repeat those of ``old``; where there was one,
    they start apart by the scales that they expect, or no picture would tell them apart. Raises CodecError where
    something has shrunk, or other channels are to be coded.
    """
    for name in old:
        if name.endswith("log2_scale") and name in fresh and old[name].shape != fresh[name].shape:
            coded = [v[name].shape[1] for v in (old, fresh)]
            raise CodecError(f"{name} codes {coded[0]} channels in the given weights and {coded[1]} in this model")
    scales = {f"context.at{stride}.stem.weight": stride for stride in config.context_strides}
    scales["z2_prior.net.stem.weight"] = config.hyper_stride
    base = {name: config.seen_channels(stride)[-1] for name, stride in scales.items()}  # what they read last
    features = old["context.at16.head.weight"].shape[0]  # what other networks read first, before any symbols
    reads_last = "synthesis_net.stem.weight"  # whatever is new
    networks = {name.split(".blocks.")[0] for name in old if ".blocks." in name}
    out = {}
    for name, start in fresh.items():
        if name in old:
            kept = old[name].shape[1] if name == reads_last else features
            kept = max(0, old[name].shape[1] - base[name]) if name in base else kept
            out[name] = _widened(name, old[name], start, kept)
        else:
            deeper = name.split(".blocks.")[0] in networks
            out[name] = torch.zeros_like(start) if deeper and ".project." in name else start
    return out


def _widened(name: str, old: Tensor, start: Tensor, kept: int) -> Tensor:
    """kept: columns of a stem that stay the first ones; the others stay the last ones."""
    if old.ndim != start.ndim or any(a > b for a, b in zip(old.shape, start.shape)):
        raise CodecError(f"{name} is {tuple(old.shape)} in the given weights and {tuple(start.shape)} in this model")
    out = start.clone()
    if old.ndim < 2:
        out[: len(old)] = old
    elif old.ndim == 2:  # rows by step or set
        out[:, : old.shape[1]] = old[torch.arange(len(out)) % len(old)]
        if ".offset." in name and len(old) == 1:
            out += start - start.mean(0)
    else:
        columns = torch.arange(old.shape[1])
        if name.endswith("stem.weight"):
            columns[kept:] += start.shape[1] - old.shape[1]
        out[: len(old)] = 0
        out[: len(old), columns] = old
    return out
