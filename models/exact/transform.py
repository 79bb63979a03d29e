"""The lapped transform on integers, from pixels to latents and back, in C or NumPy, with the same bits.

Matrices of integers; in C their sums are int32 and int64, in NumPy float64 below 2^53.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

from ...errors import WeightsError
from .. import units
from ..config import Z1_STRIDE
from ..tables import CENTROID_UNITS
from . import clibrary
from .buffers import empty
from .clibrary import Source, pointers, side_by_side
from .integers import UPSAMPLE_BITS, across_borders, depth_to_space, padded, space_to_depth, upsample
from .weights import TRANSFORM_BITS

DELTA_BITS = 16  # fraction bits of a quantisation step
PULL_BITS = 6  # fraction bits of errors that pull at latents
ROWS = 64  # of blocks
PIXEL_BITS = DELTA_BITS + units.RESIDUAL_UNITS.bit_length() - 1  # of a residual times a step
SHIFT = TRANSFORM_BITS + (CENTROID_UNITS // units.RESIDUAL_UNITS).bit_length() - 1


class _Matrix(NamedTuple):
    """A matrix behind or before a filter across borders, packed for C: the matrix, the filter and its transpose."""

    packed: np.ndarray
    filter: np.ndarray
    transposed: np.ndarray


class LappedTransform:
    """transforms: of the weights. stride: of y, which pictures are upsampled from."""

    def __init__(self, transforms: dict[str, np.ndarray], stride: int):
        self._transforms, self._stride, self._lib = transforms, stride, clibrary.library()
        if self._lib:
            self._path = clibrary.paths()[clibrary.path()]
            self._synthesis = self._pack(transforms["inverse_block"], transforms["post_filter"])
            self._analysis = self._pack(transforms["block"], transforms["pre_filter"])
            self._pull = self._pack(transforms["inverse_block"].T, transforms["post_filter"].T)

    def _pack(self, matrix: np.ndarray, filter_: np.ndarray) -> _Matrix:
        """Raises WeightsError for a matrix whose sums could overflow."""
        if np.abs(matrix).max() >= 2**15 or np.abs(matrix).sum(1).max() >= 2**19:
            raise WeightsError("weights refused: sums of the lapped transform could overflow; export them again")
        weight = np.ascontiguousarray(matrix, np.int16)
        packed = np.empty_like(weight)
        self._lib.selfvae_pack(self._path, *pointers(weight), *weight.shape[::-1], *pointers(packed))
        return _Matrix(packed, *(np.ascontiguousarray(v, np.int32) for v in (filter_, filter_.T)))

    def analysis(self, x: np.ndarray, base: np.ndarray, out: np.ndarray, threads: int = 1) -> None:
        """z[1] before quantisation -> out, float32 (192, H/8, W/8), rounded up: its edge goes on to whole blocks.

        x: uint8 (3, H, W); base: as of ``pixels``.
        """
        bits = TRANSFORM_BITS + UPSAMPLE_BITS
        if self._lib:
            self._forward(self._analysis, x.astype(np.uint8, copy=False), UPSAMPLE_BITS, base, bits, out, threads)
            return
        x = padded(x, *(-(-side // Z1_STRIDE) * Z1_STRIDE for side in x.shape[1:]))
        _, height, width = x.shape
        residual = x * 2.0**UPSAMPLE_BITS - upsample(base, self._stride)[:, :height, :width]
        out[:] = self._plainly(self._transforms["block"], self._transforms["pre_filter"], residual, bits)

    def pull(self, error: np.ndarray, threads: int = 1) -> np.ndarray:
        """How an error of the picture pulls at z[1]: the transposed linear synthesis, float32 (192, H/8, W/8).

        error: int16 (3, H, W), pixel values. Its result is the direction in which z[1] reduces the squared error.
        """
        bits = TRANSFORM_BITS + PULL_BITS
        if self._lib:
            out = empty((192, *(-(-side // Z1_STRIDE) for side in error.shape[1:])), np.float32)
            self._forward(self._pull, error.astype(np.int16, copy=False), PULL_BITS, None, bits, out, threads)
            return out
        matrix, filter_ = self._transforms["inverse_block"].T, self._transforms["post_filter"].T
        return self._plainly(matrix, filter_, error * 2.0**PULL_BITS, bits)

    def _forward(self, by: _Matrix, x: np.ndarray, shift: int, base: np.ndarray | None, bits: int, out, threads: int):
        """out: columns side by side."""
        _, height, width = out.shape
        by_channel, by_row, _ = (stride // out.itemsize for stride in out.strides)
        base = None if base is None else np.ascontiguousarray(base, np.int32)
        done = self._lib.selfvae_forward(
            *(self._path, *pointers(*by), TRANSFORM_BITS, ctypes.byref(Source.of(x)), *x.shape[1:], shift),
            *(*pointers(base), *((0, 0) if base is None else base.shape[1:]), self._stride),
            *(height, width, 2.0**-bits, *pointers(out), by_channel, by_row, threads),
        )
        if done < 0:
            raise MemoryError

    @staticmethod
    def _plainly(matrix: np.ndarray, filter_: np.ndarray, x: np.ndarray, bits: int) -> np.ndarray:
        """x: (3, H, W) float64 integers, changed."""
        v = space_to_depth(across_borders(x, filter_, TRANSFORM_BITS).astype(np.float32), Z1_STRIDE)
        out = np.empty(v.shape, np.float32)
        for top in range(0, v.shape[1], ROWS):  # float64 copies of a whole large picture would take gigabytes
            part = v[:, top : top + ROWS]
            product = matrix @ part.reshape(len(v), -1).astype(np.float64)
            out[:, top : top + ROWS] = product.reshape(part.shape) / 2.0**bits
        return out

    def pixels(
        self,
        z: np.ndarray,
        learned: np.ndarray,
        first: int,
        height: int,
        bound: np.ndarray | None,
        base: np.ndarray,
        delta: int,
        rows: slice,
        out: np.ndarray,
        threads: int = 1,
        scale: int = 1,
    ) -> None:
        """Pixels of some rows of blocks -> out, (3, 8 rows, W) uint8, or uint16 ``scale`` for a grey level.

        z: int32 (192, .., W/8) in 1/CENTROID_UNITS of the step, and learned: int16, what the network adds in
        1/RESIDUAL_UNITS, both from the row ``first`` of the picture's ``height`` on, with one row more than wanted on
        each side where there is one; bound: the most of what is added in each block, int32 (H/8, W/8). base: pixel
        values of y, int32 (3, h, w); it may reach beyond. delta: the step in 1/2^DELTA_BITS.
        """
        if self._lib:
            z, base = side_by_side(z.astype(np.int32, copy=False)), np.ascontiguousarray(base, np.int32)
            bound = None if bound is None else np.ascontiguousarray(bound, np.int32)
            done = self._lib.selfvae_synthesis(
                *(self._path, *pointers(*self._synthesis), SHIFT),
                *(ctypes.byref(Source.of(v)) for v in (z, learned)),
                *(first, *pointers(bound, base), *base.shape[1:], self._stride),
                *(PIXEL_BITS - UPSAMPLE_BITS, delta, PIXEL_BITS, scale, height, z.shape[2], rows.start, rows.stop),
                *(*pointers(out), *out.strides, threads),
            )
            if done < 0:
                raise MemoryError
            if done:
                return
        # one row of blocks more on each side, for the post-filter
        start, stop = max(rows.start - 1, 0), min(rows.stop + 1, height)
        here = np.s_[:, start - first : stop - first]
        part = learned[here]
        if bound is not None:
            part = part.clip(-bound[start:stop], bound[start:stop])
        v = self._transforms["inverse_block"] @ z[here].reshape(len(z), -1).astype(np.float64)
        x = depth_to_space(np.floor(v.reshape(part.shape) / 2.0**SHIFT) + part, Z1_STRIDE)
        x = across_borders(x, self._transforms["post_filter"], TRANSFORM_BITS)
        pixels = slice(Z1_STRIDE * rows.start, Z1_STRIDE * rows.stop)
        x = x[:, pixels.start - Z1_STRIDE * start :][:, : pixels.stop - pixels.start] * delta
        width = Z1_STRIDE * z.shape[2]
        x += upsample(base, self._stride)[:, pixels, :width] * 2.0 ** (PIXEL_BITS - UPSAMPLE_BITS)
        out[:] = np.floor((x * scale + 2.0 ** (PIXEL_BITS - 1)) / 2.0**PIXEL_BITS).clip(0, 255 * scale)
