"""Reads symbols with the C library: the streams that constriction writes, in a fifth of the time (native/reader.c)."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int32, c_void_p

import numpy as np

from ..models.exact import clibrary
from ..models.exact.clibrary import Source, pointers, side_by_side
from ..models.exact.system import threads
from ..models.tables import FRACTIONS, MEAN_UNITS, OFFSETS, SCALE_LEVELS
from ..models.units import MEAN_LIMIT
from .coefficients import NativeField, NativeSettled
from .entropy import RAW_BITS, ROW_CODED, STATE_WORDS, Decoder, Tables
from .field import Field, Region
from .settled import Settled
from .writing import done, ready


def decoder(data: bytes, length: int | None = None) -> Decoder:
    """What reads a payload back, with the C library where there is one. Arguments as of ``Decoder``."""
    return NativeDecoder(data, length) if clibrary.library() else Decoder(data, length)


class _Stream(ctypes.Structure):
    """As native/reader.c has it."""

    _fields_ = [("state", ctypes.c_uint64), ("words", ctypes.c_void_p), ("left", ctypes.c_int64)]


class _Prior(ctypes.Structure):
    """As native/filling.c has it."""

    _fields_ = [
        *((n, c_void_p) for n in ("tables", "certain", "likeliest", "centroids")),
        *((n, c_int32) for n in ("limit", "units", "mean_limit", "levels", "unit_bits", "fraction_bits")),
    ]


class NativeDecoder(Decoder):
    """The same in C, where what reads symbols looks their tables up, too."""

    def _open(self, words: np.ndarray) -> None:
        self._held, self._lib = words, clibrary.library()
        first = words[:STATE_WORDS].tolist()
        state = first[0] << 32 | first[1] if len(first) == STATE_WORDS else sum(first)
        self._stream = _Stream(state, words.ctypes.data + 4 * len(first), len(words) - len(first))

    def _asked(self, function: str, *arguments) -> None:
        done(getattr(self._lib, function)(ctypes.byref(self._stream), *arguments))

    def get(self, tables: Tables, ids: np.ndarray) -> np.ndarray:
        if tables.weights.shape[1] > ROW_CODED:
            order = np.argsort(ids, kind="stable")
            out = np.empty(len(ids), np.int32)
            out[order] = self._rows(tables, ids[order])
            return out
        return self._rows(tables, ids)

    def _rows(self, tables: Tables, ids: np.ndarray) -> np.ndarray:
        ids, out = np.ascontiguousarray(ids, np.int32), np.empty(len(ids), np.int32)
        self._asked("selfvae_read_rows", ready(tables), *pointers(ids), len(ids), *pointers(out))
        return out

    def get_raw(self, count: int, bits: int = RAW_BITS) -> np.ndarray:
        out = np.empty(count, np.int32)
        self._lib.selfvae_read_raw(ctypes.byref(self._stream), bits, count, *pointers(out))
        return out

    def around(self, tables: Tables, mean: np.ndarray, level: np.ndarray, certain: np.ndarray | None = None):
        mean, level = (np.ascontiguousarray(v, np.int32) for v in (mean, level))
        out = np.empty(mean.shape, np.int32)
        told = *pointers(certain), MEAN_UNITS.bit_length() - 1, FRACTIONS.bit_length() - 1
        self._asked("selfvae_read_symbols", ready(tables), *told, *pointers(mean, level), mean.size, *pointers(out))
        return out

    def digits(self, tables: Tables, mean: np.ndarray, level: np.ndarray, likeliest, certain: np.ndarray | None = None):
        mean, level = (np.ascontiguousarray(v, np.int32) for v in (mean, level))
        out = np.empty(mean.shape, np.int32)
        told = *pointers(certain, likeliest), OFFSETS // 2
        self._asked("selfvae_read_digits", ready(tables), *told, *pointers(mean, level), mean.size, *pointers(out))
        return out

    def fill(self, tables, certain, likeliest, field: Field, settled: Settled, region: Region, mean, level):
        if not isinstance(field, NativeField) or not isinstance(settled, NativeSettled):
            return None
        mean, level = (side_by_side(v.astype(np.int16, copy=False)) for v in (mean, level))
        units = MEAN_UNITS.bit_length() - 1, FRACTIONS.bit_length() - 1
        given = ctypes.addressof(ready(tables)._obj), *pointers(certain, likeliest, settled.centroids), OFFSETS // 2
        prior = _Prior(*given, MEAN_UNITS, MEAN_LIMIT, SCALE_LEVELS, *units)
        arrays = mean, level, settled.symbols[region], settled.beside[region]
        symbols = np.empty(mean.shape, np.int16)
        answer = self._lib.selfvae_fill(
            *(byref(self._stream), clibrary.way(), byref(field.at(region)), byref(prior)),
            *(byref(Source.of(v)) for v in arrays),
            *(*mean.shape[1:], *pointers(symbols), threads()),
        )
        if answer < 0:
            raise MemoryError
        return symbols if answer else None

    def _words(self) -> int:
        state = self._stream.state
        return self._stream.left + (state > 0) + (state >> 32 > 0)

    @property
    def exhausted(self) -> bool:
        return self._words() == 0
