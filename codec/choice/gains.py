"""Gains and biases of a network of the pixels, fitted to one picture by gradients: what high effort adds to heads.

A network of integers is run in float32 here, without its roundings, and taken back by hand: weights of the convolutions
stay, so that no gradient of a matrix is needed, and a depthwise convolution is nine shifted products either way. Adam
(Kingma & Ba 2015) steps on a random part of the picture at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..models.exact.layers import ACTIVATION_LIMIT, ExactConv, ExactNet, half_of

RATE = 0.03  # of Adam, in shares of a gain and of how much an activation varies
BETAS = 0.9, 0.98
ROWS = 8  # of a part, that a depthwise convolution takes at a time
LEAST_SCALE = 0.1  # of a channel's, in the layer's mean: of channels that hardly move

# Of a picture: inputs (C, H, W) each, and from outputs (H, W, 9) to the derivative of its bits by them.
Part = tuple[list[np.ndarray], Callable[[np.ndarray], np.ndarray]]


def _real(conv: ExactConv) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias in units of the output; rounding, which is part of the bias, goes."""
    scale = conv.scale.reshape(-1, *[1] * (conv.weight.ndim - 1))
    return conv.weight * scale, ((conv.bias - half_of(conv.shift)) * conv.scale).astype(np.float32)


@dataclass
class _Block:
    expand: tuple[np.ndarray, np.ndarray]
    spatial: tuple[np.ndarray, np.ndarray]
    project: tuple[np.ndarray, np.ndarray]


class Tuned:
    """A network of one set whose gains and biases can be moved; arrays are float32 (H, W, C)."""

    def __init__(self, net: ExactNet):
        self._limits = net.input_limits.astype(np.float32)
        self._stem, self._head = _real(net.stem), _real(net.head)
        assert net.head_bias is not None
        self._head[1][:] += net.head_bias.at(0) * net.head.scale
        self._blocks = [_Block(*map(_real, (b.expand, b.spatial, b.project))) for b in net.blocks]
        self.parameters = np.stack([_film(block) for block in net.blocks])  # (blocks, 2, C): gains, then biases

    def forward(self, inputs: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[np.ndarray, ...]]]:
        """Outputs (H, W, 9); of each block what gains multiply and which ReLUs are open, which ``backward`` needs."""
        x = np.concatenate(inputs).transpose(1, 2, 0).astype(np.float32).clip(-self._limits, self._limits)
        stream = _pointwise(x, self._stem).clip(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)
        kept: list[tuple[np.ndarray, ...]] = []
        for block, (gain, bias) in zip(self._blocks, self.parameters):
            hidden = _pointwise(stream, block.expand).clip(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)
            gained = hidden * gain
            gained += bias
            gained.clip(0, ACTIVATION_LIMIT, out=gained)
            spread = _depthwise(gained, block.spatial[0])
            spread += block.spatial[1]
            spread.clip(0, ACTIVATION_LIMIT, out=spread)
            stream = (stream + _pointwise(spread, block.project)).clip(-ACTIVATION_LIMIT, ACTIVATION_LIMIT)
            kept.append((hidden, gained > 0, spread > 0))
        return _pointwise(stream, self._head), kept

    def backward(self, slope: np.ndarray, kept: list[tuple[np.ndarray, ...]]) -> np.ndarray:
        """The derivative by the parameters, shaped as they are. slope: by the outputs; clamps are taken to be open."""
        out = np.empty_like(self.parameters)
        stream = _back(slope.astype(np.float32), self._head)
        for index in reversed(range(len(kept))):
            block, (hidden, gained, spread) = self._blocks[index], kept[index]
            back = _depthwise(_back(stream, block.project) * spread, block.spatial[0][:, ::-1, ::-1])
            back *= gained
            out[index, 0] = np.einsum("hwc,hwc->c", back, hidden)
            out[index, 1] = back.sum((0, 1))
            if index:
                back *= self.parameters[index, 0]
                stream += _back(back, block.expand)
        return out


def _film(block) -> np.ndarray:
    """Gains and biases of a block of one set in units of what they make, (2, C)."""
    rows = block.gain.at(0), block.bias.at(0) - half_of(block.film_shift)
    return (np.stack(rows) * block.film_scale).astype(np.float32)


def _pointwise(x: np.ndarray, weights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    flat = x.reshape(-1, x.shape[2]) @ weights[0].T
    flat += weights[1]
    return flat.reshape(*x.shape[:2], -1)


def _back(slope: np.ndarray, weights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return (slope.reshape(-1, slope.shape[2]) @ weights[0]).reshape(*slope.shape[:2], -1)


def _depthwise(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x: (H, W, C); weight: (C, 3, 3). A few rows at a time, which stay in a cache, and these as long as can be."""
    height, width, channels = x.shape
    around = np.zeros((height + 2, (width + 2) * channels), np.float32)
    around[1:-1, channels:-channels] = x.reshape(height, -1)
    taps = [np.tile(weight[:, i, j], width) for i in range(3) for j in range(3)]
    out, term = np.empty((height, width * channels), np.float32), np.empty((ROWS, width * channels), np.float32)
    for top in range(0, height, ROWS):
        here = out[top : top + ROWS]
        for k, tap in enumerate(taps):
            i, j = divmod(k, 3)
            seen = around[top + i : top + i + len(here), j * channels : (j + width) * channels]
            if k:
                here += np.multiply(seen, tap, out=term[: len(here)])
            else:
                np.multiply(seen, tap, out=here)
    return out.reshape(x.shape)


def tune(net: ExactNet, parts: Iterator[Part], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """How gains and biases should differ, in integers of the network's tables, and what a square of it costs.

    Both (blocks, 2, C): differences, and the second derivatives of the bits of a position, by Fisher's information.
    """
    tuned = Tuned(net)
    first = tuned.parameters.copy()
    inputs, slope = next(parts)
    outputs, kept = tuned.forward(inputs)
    varies = np.stack([(hidden * gain).std((0, 1)) for (hidden, _, _), gain in zip(kept, first[:, 0])])
    size = np.stack([np.abs(first[:, 0]), varies], 1)  # of each parameter, that a rate is a share of
    size = np.maximum(size, LEAST_SCALE * size.mean(2, keepdims=True))
    mean, square = np.zeros_like(first), np.zeros_like(first)
    for step in range(1, steps + 1):
        gradient = tuned.backward(slope(outputs), kept) * size
        mean += (1 - BETAS[0]) * (gradient - mean)
        square += (1 - BETAS[1]) * (gradient**2 - square)
        moved = mean / (1 - BETAS[0] ** step) / (np.sqrt(square / (1 - BETAS[1] ** step)) + 1e-12)
        tuned.parameters -= RATE * min(1.0, 2 * (1 - (step - 1) / steps)) * size * moved
        if step < steps:
            inputs, slope = next(parts)
            outputs, kept = tuned.forward(inputs)
    positions = outputs[..., 0].size
    curvature = np.log(2) * square / (1 - BETAS[1] ** steps) / size**2 / positions
    scale = np.stack([block.film_scale for block in net.blocks])[:, None]
    return (tuned.parameters - first) / scale, curvature * scale**2
