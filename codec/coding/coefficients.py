"""What stands around networks once more, in C (models/exact/native/coefficients.c): the step field and what is settled.

The same bits as field.py and settled.py, which do it where there is no library.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int32, c_int64, c_void_p

import numpy as np

from ..models.exact import clibrary
from ..models.exact.buffers import empty
from ..models.exact.clibrary import Source, pointers, side_by_side
from ..models.exact.system import threads
from ..models.tables import CENTROID_UNITS, FIELD_LIMIT, GAIN_BITS, MEAN_UNITS, OFFSETS, SCALE_LEVELS
from ..models.units import MEAN_LIMIT, SYMBOL_INPUT_LIMIT
from .field import KNOWN_BITS, KNOWN_LIMIT, STEPS_LIMIT, WHOLE_LIMIT, Field, Region
from .settled import Settled


def field(*told) -> Field:
    """A step field. Arguments as of ``Field``."""
    return NativeField(*told) if clibrary.library() else Field(*told)


def settled(*told) -> Settled:
    """What is settled of z[1], nothing yet. Arguments as of ``Settled``."""
    return NativeSettled(*told) if clibrary.library() else Settled(*told)


class _Steps(ctypes.Structure):
    """As native/coefficients.c has its field."""

    _fields_ = [
        *((n, c_void_p) for n in ("gains", "channels", "blocks")),
        *((n, c_int64) for n in ("by_row", "by_column")),
        *((n, c_int32) for n in ("limit", "bits")),
    ]


class NativeField(Field):
    def __init__(self, *told):
        super().__init__(*told)
        self._lib, self._path = clibrary.library(), clibrary.way()
        self._gains = np.ascontiguousarray(self._gains, np.int32)

    def at(self, region: Region) -> _Steps:
        channels, rows, columns = region
        parts = [self._gains, self._channels[channels]]
        if self._blocks is None:
            return _Steps(*pointers(*parts, None), 0, 0, FIELD_LIMIT, GAIN_BITS)
        blocks = self._blocks[rows, columns]
        strides = (stride // blocks.itemsize for stride in blocks.strides)
        return _Steps(*pointers(*parts, blocks), *strides, FIELD_LIMIT, GAIN_BITS)

    def local(self, region, mean, level):
        mean, level = (side_by_side(v.astype(np.int16, copy=False)) for v in (mean, level))
        means, levels = (np.empty(mean.shape, np.int32) for _ in range(2))
        given = byref(self.at(region)), byref(Source.of(mean)), byref(Source.of(level)), MEAN_LIMIT, SCALE_LEVELS
        self._lib.selfvae_local(self._path, *given, *mean.shape[1:], *pointers(means, levels), threads())
        return means, levels

    def known(self, region, symbols):
        out = np.empty(symbols.shape, np.int16)
        given = byref(self.at(region)), byref(Source.of(symbols)), KNOWN_LIMIT, KNOWN_BITS, SYMBOL_INPUT_LIMIT
        self._lib.selfvae_known(self._path, *given, *out.shape[1:], *pointers(out), threads())
        return out

    def whole(self, region, symbols, beside):
        out = empty(symbols.shape, np.int32)
        self._whole(region, symbols, beside, 0, out, None)
        return out

    def whole_and_rounded(self, region, symbols, beside, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """As ``whole``, and round(.. / 2^bits) as far as int16 goes."""
        out, rounded = empty(symbols.shape, np.int32), empty(symbols.shape, np.int16)
        self._whole(region, symbols, beside, bits, out, rounded)
        return out, rounded

    def _whole(self, region, symbols, beside, bits, out, rounded):
        given = byref(self.at(region)), byref(Source.of(symbols)), byref(Source.of(beside))
        units = CENTROID_UNITS, WHOLE_LIMIT, bits
        self._lib.selfvae_whole(self._path, *given, *units, *out.shape[1:], *pointers(out, rounded), threads())

    def in_steps(self, region, z, scale, coarser=None):
        out = np.empty(z.shape, np.float32)
        given = byref(self.at(region)), byref(Source.of(z)), None if coarser is None else byref(Source.of(coarser))
        self._lib.selfvae_steps(self._path, *given, scale, STEPS_LIMIT, *out.shape[1:], *pointers(out), threads())
        return out


class NativeSettled(Settled):
    def settle(self, region, symbols, mean, level, *, refines):
        symbols, mean, level = (np.ascontiguousarray(v, np.int32) for v in (symbols, mean, level))
        settled, beside = self.symbols[region], self.beside[region]
        clibrary.library().selfvae_settle(
            *(clibrary.way(), *pointers(self.centroids), OFFSETS // 2, MEAN_UNITS),
            *(*pointers(symbols, mean, level), refines, byref(Source.of(settled)), byref(Source.of(beside))),
            *(*settled.shape[1:], threads()),
        )

    def z_and_rounded(self, field, rows, columns, bits):
        region = slice(None), rows, columns
        return field.whole_and_rounded(region, self.symbols[region], self.beside[region], bits)
