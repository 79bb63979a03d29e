"""Writes symbols with the C library: the streams that constriction writes, sooner (native/writer.c)."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int32, c_int64, c_uint64, c_void_p

import numpy as np

from ..models.exact import clibrary
from ..models.exact.clibrary import pointers
from ..models.tables import FRACTIONS, MEAN_UNITS, OFFSETS
from .entropy import RAW_BITS, ROW_CODED, ROWS_CODED, STATE_WORDS, Encoder, Tables

PARTS = 256  # of the range, whose first symbols are looked up


def new_encoder() -> Encoder:
    """What writes a payload, with the C library where there is one."""
    return NativeEncoder() if clibrary.library() else Encoder()


class _Tables(ctypes.Structure):
    """As native/tables.h has them."""

    _fields_ = [*((n, c_void_p) for n in ("cumulative", "first")), *((n, c_int32) for n in ("count", "alphabet"))]


class _Writer(ctypes.Structure):
    """As native/writer.c has it."""

    _fields_ = [("state", c_uint64), ("words", c_void_p), ("count", c_int64)]


def ready(tables: Tables):
    """Tables for the library, made once.

    Of threads that make them at the same time one wins, so that nothing of what the library reads goes before the
    tables do; and no lock is taken, which a child of a fork would wait for: functools.cached_property has one until
    Python 3.12.
    """
    made = tables.ready.get("library")
    if made is None:
        cumulative, first = tables.cumulative(), None
        if cumulative.shape[1] > ROW_CODED:
            first = np.empty((len(cumulative), PARTS), np.uint8)
            clibrary.library().selfvae_starts(*pointers(cumulative), *cumulative.shape, *pointers(first))
        told = _Tables(*pointers(cumulative, first), *cumulative.shape)
        made = tables.ready.setdefault("library", (told, cumulative, first))
    return byref(made[0])


def done(answer: int) -> None:
    """Raises what a function of the library means by its answer."""
    if answer < 0:
        raise MemoryError
    if answer == 0:
        raise IndexError("a table that is not there")


class NativeEncoder(Encoder):
    """The same in C, where what is said of symbols is found, too. All are kept with a table for each."""

    def put(self, tables, ids, symbols, certain=None):
        symbols, ids = symbols.astype(np.min_scalar_type(tables.weights.shape[1] - 1)), ids.astype(np.uint16)
        if tables.weights.shape[1] > ROW_CODED:
            order = np.argsort(ids, kind="stable")
            symbols, ids = symbols[order], ids[order]
        self._keep(tables, ids, symbols, certain)

    def put_raw(self, values, bits=RAW_BITS):
        values = values.astype(np.int32)
        if values.size and not 0 <= values.min() <= values.max() < 1 << bits:
            raise ValueError(f"values that do not fit {bits} bits")
        self._work.append((values, False, None, bits))

    def around(self, tables, mean, level, symbols, certain=None):
        escaped, told = np.empty(mean.size, np.int32), (MEAN_UNITS.bit_length() - 1, FRACTIONS.bit_length() - 1)
        count = self._say("symbols", tables, certain, told, mean, level, symbols, escaped)
        self.put_raw(escaped[:count].copy())

    def digits(self, tables, mean, level, digits, likeliest, certain=None):
        self._say("digits", tables, certain, (*pointers(likeliest), OFFSETS // 2), mean, level, digits)

    def _say(self, what: str, tables: Tables, certain, told: tuple, mean, level, values, *escaped) -> int:
        """Keep what is said of integers. Returns how many are escaped."""
        mean, level, values = (np.ascontiguousarray(v, np.int32) for v in (mean, level, values))
        ids, symbols = np.empty(values.size, np.uint16), np.empty(values.size, np.uint8)
        counts = (c_int64 * 2)()
        say = getattr(clibrary.library(), f"selfvae_say_{what}")
        given = ready(tables), *pointers(certain), *told, *pointers(mean, level, values), values.size
        done(say(*given, *pointers(ids, symbols, *escaped), counts))
        self._keep(tables, ids, symbols, certain)
        self.surprised |= counts[0] > 0
        return counts[1]

    def _keep(self, tables: Tables, ids: np.ndarray, symbols: np.ndarray, certain: np.ndarray | None) -> None:
        self._work.append((symbols, certain, ROWS_CODED, tables, ids))

    def finish(self, skip=None):
        words = np.empty(sum(len(symbols) for symbols, *_ in self._work) + 1 + STATE_WORDS, np.uint32)
        writer, lib = _Writer(0, *pointers(words), 0), clibrary.library()
        for symbols, certain, _, *source in reversed(self._work):
            if isinstance(source[0], int):
                lib.selfvae_write_raw(byref(writer), source[0], *pointers(symbols), len(symbols))
            else:
                tables, ids = source
                told = certain if skip else None
                wide = symbols.itemsize > 1
                given = ready(tables), *pointers(told, ids, symbols), wide, len(symbols)
                done(lib.selfvae_write_rows(byref(writer), *given))
        if skip is not None:
            bit = np.array([skip], np.int32)  # by a name: an address keeps nothing alive
            lib.selfvae_write_raw(byref(writer), 1, *pointers(bit), 1)
        state = [writer.state >> shift & 0xFFFFFFFF for shift in (0, 32)]
        words[writer.count :][:STATE_WORDS] = state
        return words[: writer.count + STATE_WORDS][::-1].astype(">u4").tobytes().lstrip(b"\0")
