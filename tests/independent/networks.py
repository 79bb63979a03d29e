"""Section "Networks": what an integer network answers.

Computed in float64, which holds every sum of theirs exactly, and is quicker than int64.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .cells import out_of_channels
from .weights import Weights

ACTIVATION_LIMIT = 1023
RANGES = (256, 480, 688, 944, 1184)  # of the step; networks that end in @0..@4 are for these on
FINE, COARSE = (256, 144), (688, 240)  # where rows 0..3 and rows 4..7 begin, and how far apart they are


@dataclass
class Scaled:
    """A layer, or the gains of a block: floor((weight x + bias) / 2^shift)."""

    weight: np.ndarray
    bias: np.ndarray
    shift: np.ndarray

    def finish(self, products: np.ndarray) -> np.ndarray:
        per_channel = np.s_[:, None, None]
        return np.floor((products + self.bias[per_channel]) * 0.5 ** self.shift[per_channel])

    def pointwise(self, x: np.ndarray) -> np.ndarray:
        C, H, W = x.shape
        return self.finish((self.weight.astype(float) @ x.reshape(C, H * W)).reshape(-1, H, W))

    def spatial(self, x: np.ndarray) -> np.ndarray:
        _, H, W = x.shape
        around = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        weight = self.weight.astype(float)[..., None, None]
        places = [(i, j) for i in range(3) for j in range(3)]
        return self.finish(sum(weight[:, i, j] * around[:, i : i + H, j : j + W] for i, j in places))

    def gain(self, x: np.ndarray) -> np.ndarray:
        return self.finish(self.weight.astype(float)[:, None, None] * x)


@dataclass
class Block:
    expand: Scaled
    gains: Scaled | None
    spatial: Scaled
    project: Scaled

    def __call__(self, stream: np.ndarray) -> np.ndarray:
        h = self.expand.pointwise(stream).clip(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)
        if self.gains is not None:
            h = self.gains.gain(h)
        h = self.spatial.spatial(h.clip(0, ACTIVATION_LIMIT)).clip(0, ACTIVATION_LIMIT)
        return (stream + self.project.pointwise(h)).clip(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)


@dataclass
class Network:
    input_limits: np.ndarray
    stem: Scaled
    head: Scaled
    low: np.ndarray
    high: np.ndarray
    upsample: bool
    blocks: list[Block] = field(default_factory=list)

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """Inputs (C, H, W), channels one after the other; the answer is int64."""
        limits = self.input_limits[:, None, None]
        x = np.concatenate(inputs).clip(-limits, limits).astype(float)
        x = self.stem.pointwise(x).clip(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)
        for block in self.blocks:
            x = block(x)
        x = self.head.pointwise(x).clip(self.low[:, None, None], self.high[:, None, None]).astype(np.int64)
        return out_of_channels(x, 2) if self.upsample else x


def network(weights: Weights, name: str, t: int) -> Network:
    """t: the step, or the number of the set."""
    in_range = f"{name}@{max(sum(first <= t for first in RANGES) - 1, 0)}"
    prefix = f"net.{in_range}" if f"net.{in_range}.input_limits" in weights else f"net.{name}"
    has_sets = f"{prefix}.sets" in weights

    def array(path: str) -> np.ndarray:
        return weights.array(f"{prefix}.{path}")

    def row(path: str) -> np.ndarray:
        return array(path)[t] if has_sets else _between_rows(array(path), t)

    def layer(path: str) -> Scaled:
        return Scaled(*(array(f"{path}.{name}") for name in ("weight", "bias", "shift")))

    head = layer("head")
    if f"{prefix}.head_bias" in weights:
        head.bias = head.bias + row("head_bias")
    answer = Network(
        array("input_limits"), layer("stem"), head, array("head.low"), array("head.high"), bool(array("upsample")[0])
    )
    while f"{prefix}.blocks.{len(answer.blocks)}.expand.weight" in weights:
        path = f"blocks.{len(answer.blocks)}"
        gains = None
        if f"{prefix}.{path}.gain" in weights:
            gains = Scaled(row(f"{path}.gain"), row(f"{path}.bias"), array(f"{path}.film_shift"))
        expand, spatial, project = (layer(f"{path}.{name}") for name in ("expand", "spatial", "project"))
        answer.blocks.append(Block(expand, gains, spatial, project))
    return answer


def _between_rows(rows: np.ndarray, t: int) -> np.ndarray:
    first, (start, apart) = (4, COARSE) if t >= COARSE[0] else (0, FINE)
    along = min(max(t - start, 0), 3 * apart)
    before = min(along // apart, 2)
    rest = along - before * apart
    a, b = rows[first + before], rows[first + before + 1]
    return (a * (apart - rest) + b * rest) // apart
