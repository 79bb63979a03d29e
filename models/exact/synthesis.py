"""The linear part of the synthesis: from latents and the network's answer to pixels, in C or NumPy, with the same bits.

Matrices of integers; in C their sums are int32 and int64, in NumPy float64 below 2^53.
"""

from __future__ import annotations

import ctypes

import numpy as np

from .. import units
from ..config import Z1_STRIDE
from ..tables import CENTROID_UNITS
from . import clibrary
from .clibrary import Source, pointers
from .integers import UPSAMPLE_BITS, across_borders, depth_to_space, upsample
from .weights import TRANSFORM_BITS

DELTA_BITS = 16  # fraction bits of a quantisation step
PIXEL_BITS = DELTA_BITS + units.RESIDUAL_UNITS.bit_length() - 1  # of a residual times a step
SHIFT = TRANSFORM_BITS + (CENTROID_UNITS // units.RESIDUAL_UNITS).bit_length() - 1


class LinearSynthesis:
    """transforms: of the weights. stride: of the base."""

    def __init__(self, transforms: dict[str, np.ndarray], stride: int):
        self._matrix, self._filter, self._stride = transforms["inverse_block"], transforms["post_filter"], stride
        self._packed: np.ndarray | None = None
        fits = np.abs(self._matrix).max() < 2**15 and np.abs(self._matrix).sum(1).max() < 2**18
        if fits and (lib := clibrary.library()):
            self._path = clibrary.paths()[clibrary.path()]
            weight = np.ascontiguousarray(self._matrix, np.int16)
            self._packed = np.empty_like(weight)
            lib.selfvae_pack(self._path, *pointers(weight), *weight.shape[::-1], *pointers(self._packed))
            self._filters = [np.ascontiguousarray(v, np.int32) for v in (self._filter, self._filter.T)]

    def pixels(
        self,
        z: np.ndarray,
        learned: np.ndarray,
        first_learned: int,
        bound: np.ndarray | None,
        base: np.ndarray,
        delta: int,
        rows: slice,
        out: np.ndarray,
        threads: int = 1,
    ) -> None:
        """Pixels of some rows of blocks -> out, (3, 8 rows, W) uint8, or uint16 in DEEP for a grey level.

        z: int32 (192, H/8, W/8) in 1/CENTROID_UNITS of the step. learned: int16, what the network adds in
        1/RESIDUAL_UNITS, from the row first_learned on, one row more than wanted on each side where there is one;
        bound: the most of that in each block, int32 (H/8, W/8). base: pixel values of y, int32 (3, h, w); it may reach
        beyond. delta: the step in 1/2^DELTA_BITS.
        """
        deep = 1 if out.dtype == np.uint8 else units.DEEP
        if self._packed is not None:
            z, bound, base = (None if v is None else np.ascontiguousarray(v, np.int32) for v in (z, bound, base))
            done = clibrary.library().selfvae_synthesis(
                *(self._path, *pointers(self._packed, *self._filters), SHIFT),
                *(ctypes.byref(Source.of(v)) for v in (z, learned)),
                *(first_learned, *pointers(bound, base), *base.shape[1:], self._stride),
                *(PIXEL_BITS - UPSAMPLE_BITS, delta, PIXEL_BITS, deep, *z.shape[1:], rows.start, rows.stop),
                *(*pointers(out), *out.strides, threads),
            )
            if done < 0:
                raise MemoryError
            if done:
                return
        height, width = z.shape[1:]
        # one row of blocks more on each side, for the post-filter
        start, stop = max(rows.start - 1, 0), min(rows.stop + 1, height)
        part = learned[:, start - first_learned : stop - first_learned]
        if bound is not None:
            part = part.clip(-bound[start:stop], bound[start:stop])
        v = z[:, start:stop].reshape(len(z), -1).astype(np.float64)
        x = depth_to_space(np.floor((self._matrix @ v).reshape(part.shape) / 2.0**SHIFT) + part, Z1_STRIDE)
        x = across_borders(x, self._filter, TRANSFORM_BITS)
        pixels = slice(Z1_STRIDE * rows.start, Z1_STRIDE * rows.stop)
        x = x[:, pixels.start - Z1_STRIDE * start :][:, : pixels.stop - pixels.start] * delta
        x += upsample(base, self._stride)[:, pixels, : Z1_STRIDE * width] * 2.0 ** (PIXEL_BITS - UPSAMPLE_BITS)
        out[:] = np.floor((x * deep + 2.0 ** (PIXEL_BITS - 1)) / 2.0**PIXEL_BITS).clip(0, 255 * deep)
