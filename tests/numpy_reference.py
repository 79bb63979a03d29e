"""The exact layers once more in int64, written for reading, not for speed: what every runtime must agree with."""

from __future__ import annotations

import numpy as np

from selfvae_codec.models.exact.integers import depth_to_space
from selfvae_codec.models.exact.layers import ACTIVATION_LIMIT, ExactConv, ExactNet


def convolve(conv: ExactConv, x: np.ndarray, extra: np.ndarray | int = 0) -> np.ndarray:
    """x: int64 (I, H, W). A right shift of a negative integer rounds down, as floor does."""
    weight, bias, shift = (v.astype(np.int64) for v in (conv.weight, conv.bias, conv.shift))
    if conv.depthwise:
        H, W = x.shape[1:]
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        y = sum(weight[:, i, j, None, None] * padded[:, i : i + H, j : j + W] for i in range(3) for j in range(3))
    else:
        y = np.einsum("oi,ihw->ohw", weight, x)
    return (y + (bias + extra)[:, None, None]) >> shift[:, None, None]


class ReferenceNet:
    """Interprets an ExactNet in int64."""

    def __init__(self, net: ExactNet):
        self.net = net

    def __call__(self, inputs: list[np.ndarray], t: int) -> np.ndarray:
        net, limit = self.net, ACTIVATION_LIMIT
        x = np.concatenate(inputs).astype(np.int64)
        assert (np.abs(x).max((1, 2)) <= net.input_limits).all(), f"{net.name}: input outside its proven range"
        stream = convolve(net.stem, x).clip(-limit, limit)
        for block in net.blocks:
            h = convolve(block.expand, stream)
            if block.gain is None:
                h = h.clip(0, limit)
            else:
                gain, bias, shift = (
                    v.astype(np.int64)[:, None, None] for v in (block.gain.at(t), block.bias.at(t), block.film_shift)
                )
                h = ((h.clip(-limit, limit) * gain + bias) >> shift).clip(0, limit)
            h = convolve(block.spatial, h).clip(0, limit)
            stream = (stream + convolve(block.project, h)).clip(-limit, limit)
        extra = 0 if net.head_bias is None else net.head_bias.at(t).astype(np.int64)
        low, high = (v.astype(np.int64)[:, None, None] for v in (net.head.low, net.head.high))
        out = convolve(net.head, stream, extra).clip(low, high)
        return (depth_to_space(out, 2) if net.upsample else out).astype(np.float32)
