"""Runs exact networks with torch."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from . import system
from .layers import ACTIVATION_LIMIT, ExactConv, ExactNet
from .tiles import Tiled

# oneDNN computes depthwise convolutions directly. Elsewhere torch may pick a Winograd kernel, whose
# intermediate sums exceed the bound that layers.py proves; there nine shifted products are used.
DIRECT_DEPTHWISE = platform.machine().lower() in ("x86_64", "amd64") and torch.backends.mkldnn.is_available()


_own_threads = torch.get_num_threads()
_taken: int | None = None


def runner() -> Callable[[ExactNet], Tiled]:
    """What makes networks ready to run."""
    return lambda net: Tiled(net, TorchNet(net))


def _take_threads() -> None:
    """Torch's own choice unless another was set; the child of a process that used torch has but one that computes."""
    global _taken
    wanted = 1 if system.torch_forked else system.asked()
    if wanted != _taken:
        torch.set_num_threads(wanted or _own_threads)
        _taken = wanted


if hasattr(os, "register_at_fork"):
    # At once, even if the child computes nothing: torch's second pool, which its first setting of a number makes, is
    # only then made anew, and the old one waits at the end of the process for threads that stayed behind.
    os.register_at_fork(after_in_child=_take_threads)


class TorchNet:
    """One exact network, ready to run, on torch's own threads."""

    def __init__(self, net: ExactNet):
        self.net = net
        self.tensors = {}

    def _conv(self, conv: ExactConv) -> tuple[torch.Tensor, ...]:
        cached = self.tensors.get(id(conv))
        if cached is None:
            column = (-1, 1, 1) if conv.depthwise else (-1, 1)
            parts = (conv.bias, conv.scale, conv.low, conv.high)
            cached = (torch.from_numpy(conv.weight), *(torch.from_numpy(p).view(column) for p in parts))
            self.tensors[id(conv)] = cached
        return cached

    def _pointwise(self, conv: ExactConv, x: torch.Tensor, extra: torch.Tensor | None = None) -> torch.Tensor:
        """x: (I, H*W) -> (O, H*W), scaled and floored, not clamped."""
        weight, bias, scale, _, _ = self._conv(conv)
        return torch.addmm(bias if extra is None else bias + extra, weight, x).mul_(scale).floor_()

    def _depthwise(self, conv: ExactConv, x: torch.Tensor) -> torch.Tensor:
        """x: (C, H, W) -> (C, H, W), scaled and floored, not clamped."""
        weight, bias, scale, _, _ = self._conv(conv)
        if DIRECT_DEPTHWISE:
            y = F.conv2d(x[None], weight[:, None], bias.flatten(), padding=1, groups=len(x))[0]
        else:
            H, W = x.shape[1:]
            padded = F.pad(x, (1, 1, 1, 1))
            y = bias.expand_as(x).clone()
            for i in range(3):
                for j in range(3):
                    y += padded[:, i : i + H, j : j + W] * weight[:, i, j, None, None]
        return y.mul_(scale).floor_()

    @torch.inference_mode()
    def __call__(self, inputs: list[np.ndarray], t: int) -> np.ndarray:
        """inputs: float32 integers (C_i, H, W); t: step in 1/256. Returns float32 integers (O, H', W')."""
        _take_threads()
        with system.memory_errors():
            return self._run(inputs, t)

    def _run(self, inputs: list[np.ndarray], t: int) -> np.ndarray:
        H, W = inputs[0].shape[1:]
        net = self.net
        x = torch.cat([torch.from_numpy(np.ascontiguousarray(i)).view(len(i), -1) for i in inputs])
        limit = float(ACTIVATION_LIMIT)
        stream = self._pointwise(net.stem, x).clamp_(-limit, limit)
        for block in net.blocks:
            h = self._pointwise(block.expand, stream)
            if block.gain is None:
                h.clamp_(0, limit)
            else:
                h.clamp_(-limit, limit)
                h.mul_(torch.from_numpy(block.gain.at(t))[:, None]).add_(torch.from_numpy(block.bias.at(t))[:, None])
                h.mul_(torch.from_numpy(block.film_scale)[:, None]).floor_().clamp_(0, limit)
            h = self._depthwise(block.spatial, h.view(-1, H, W)).clamp_(0, limit)
            stream.add_(self._pointwise(block.project, h.view(len(h), -1))).clamp_(-limit, limit)
        extra = None if net.head_bias is None else torch.from_numpy(net.head_bias.at(t))[:, None]
        out = self._pointwise(net.head, stream, extra)
        _, _, _, low, high = self._conv(net.head)
        out = torch.minimum(torch.maximum(out, low), high).view(-1, H, W)
        return (F.pixel_shuffle(out[None], 2)[0] if net.upsample else out).numpy()
