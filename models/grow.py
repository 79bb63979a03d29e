"""From a smaller model to a larger one that computes the same: training goes on, the function does not start over.

Chen, Goodfellow & Shlens 2016, "Net2Net", but new channels start at random and unread, not as copies: whatever reads
them has weight zero, so nothing changes until training finds them useful.
"""

from __future__ import annotations

import torch
from torch import Tensor


def grown(old: dict[str, Tensor], fresh: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of the model that ``fresh`` initialises, which computes what the one with ``old`` does.

    Widths and numbers of blocks may have grown; networks that ``old`` lacks stay as in ``fresh``. Raises ValueError
    where something has shrunk.
    """
    features = old["context.at16.head.weight"].shape[0]  # what other networks read first, before any symbols
    networks = {name.split(".blocks.")[0] for name in old if ".blocks." in name}
    out = {}
    for name, start in fresh.items():
        if name in old:
            out[name] = _widened(name, old[name], start, features)
        else:
            deeper = name.split(".blocks.")[0] in networks
            out[name] = torch.zeros_like(start) if deeper and ".project." in name else start
    return out


def _widened(name: str, old: Tensor, start: Tensor, features: int) -> Tensor:
    if old.ndim != start.ndim or any(a > b for a, b in zip(old.shape, start.shape)):
        raise ValueError(f"{name} is {tuple(old.shape)} in the given weights and {tuple(start.shape)} in this model")
    out = start.clone()
    if old.ndim < 2:
        out[: len(old)] = old
    elif old.ndim == 2:  # rows by step
        out[:, : old.shape[1]] = old
    else:
        columns = torch.arange(old.shape[1])
        if name.endswith("stem.weight"):  # new features stand before the symbols, which keep their order
            columns[features:] += start.shape[1] - old.shape[1]
        out[: len(old)] = 0
        out[: len(old), columns] = old
    return out
