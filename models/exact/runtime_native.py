"""Runs exact networks with the package's own C library (native/): the bits of the other runtimes, several times faster.

Values are int16, sums int32, scales shifts; nothing is a float. Its threads stay between calls, and end soon after the
last one (native/helpers.h).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from ctypes import c_int64, c_void_p
from functools import partial

import numpy as np

from . import clibrary
from .buffers import empty
from .clibrary import Source, pointers
from .layers import ACTIVATION_LIMIT, ExactNet
from .system import threads as threads_allowed

LANES = 16  # channels are padded to a multiple of this


class _Target(ctypes.Structure):
    _fields_ = [("data", c_void_p), *((n, c_int64) for n in ("by_channel", "by_row", "by_column"))]


def runner() -> Callable[[ExactNet], NativeNet]:
    """What makes networks ready to run."""
    return partial(NativeNet, path=clibrary.path())


def _padded(values: np.ndarray) -> np.ndarray:
    return np.pad(values.astype(np.int32), (0, -len(values) % LANES))


class NativeNet:
    """One exact network, its weights packed. Any number of threads may call it at once."""

    def __init__(self, net: ExactNet, threads: int | None = None, path: str = "portable"):
        """threads: how many may run it at once; None: as many as ``system.threads`` says then."""
        self.net, self.threads = net, threads
        self._lib = clibrary.library()
        self._limits = net.input_limits.astype(np.int16)
        self._grow = 2 if net.upsample else 1
        self._stays = np.abs(net.head.high).max() <= ACTIVATION_LIMIT  # what networks alone read stays as it lies
        self._order = np.arange(len(net.head.bias)).reshape(-1, self._grow**2).T.ravel()  # of the packed head
        self._step: tuple = (None, None, None)
        self._handle = self._lib.selfvae_net_new(clibrary.paths()[path], len(net.blocks), net.upsample)
        if not self._handle:
            raise MemoryError
        weakref.finalize(self, self._lib.selfvae_net_free, self._handle)
        for index, (_, conv, low, high) in enumerate(net.layers()):
            outputs, inputs = len(conv.weight), conv.weight[0].size
            weight, low, high = (np.ascontiguousarray(v, np.int16) for v in (conv.weight, low, high))
            bias, shift = (np.ascontiguousarray(v, np.int32) for v in (conv.bias, conv.shift))
            parts = pointers(weight, bias, shift, low, high)
            if not self._lib.selfvae_net_layer(self._handle, index, inputs, outputs, *parts):
                raise MemoryError

    def at(self, t: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """What depends on the step: gain, bias and shift of every block, and the head's whole bias."""
        known, film, bias = self._step
        if known != t:
            parts = []
            for block in self.net.blocks:
                if block.gain is not None and block.bias is not None and block.film_shift is not None:
                    gain = block.gain.at(t).astype(np.int32) & 0xFFFF  # a pair of int16, itself and 0
                    parts += [_padded(v) for v in (gain, block.bias.at(t), block.film_shift)]
            film = np.concatenate(parts) if parts else None
            table = self.net.head_bias
            bias = None if table is None else _padded((self.net.head.bias + table.at(t))[self._order])
            self._step = t, film, bias
        return film, bias

    def __call__(self, inputs: list[np.ndarray], t: int, tile: int | None = None) -> np.ndarray:
        """inputs: integers (C_i, H, W) in any order of memory, clamped here to the network's limits; t: step in 1/256.

        tile: positions on a side that are computed together, None for what suits caches and threads; the result is the
        same. Returns int16 (O, H', W').
        """
        kept = [i if i.dtype in (np.uint8, np.int16, np.int32) else i.astype(np.int32) for i in inputs]
        height, width = kept[0].shape[1:]
        if sum(map(len, kept)) != len(self._limits) or any(i.shape[1:] != (height, width) for i in kept):
            raise ValueError(f"{self.net.name} does not take inputs of shapes {[i.shape for i in inputs]}")
        sources = (Source * len(kept))(*map(Source.of, kept))
        channels, rows, columns = len(self.net.head.bias) // self._grow**2, height * self._grow, width * self._grow
        if self._stays:
            out = empty((rows, columns, channels), np.int16).transpose(2, 0, 1)
        else:
            out = empty((channels, rows, columns), np.int16)
        target = _Target(out.ctypes.data, *(stride // out.itemsize for stride in out.strides))
        film, bias = self.at(t)
        done = self._lib.selfvae_net_run(
            self._handle,
            sources,
            len(kept),
            *pointers(self._limits, film, bias),
            ctypes.byref(target),
            *(height, width, tile or 0, self.threads or threads_allowed()),
        )
        if not done:
            raise MemoryError
        return out
