"""Writes symbols with the C library: the streams that constriction writes, sooner (native/writer.c)."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_double, c_int32, c_int64, c_uint64, c_void_p

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

    def put(self, tables, ids, symbols):
        symbols, ids = symbols.astype(np.min_scalar_type(tables.weights.shape[1] - 1)), ids.astype(np.uint16)
        if tables.weights.shape[1] > ROW_CODED:
            order = np.argsort(ids, kind="stable")
            symbols, ids = symbols[order], ids[order]
        self._keep(tables, ids, symbols)

    def put_raw(self, values, bits=RAW_BITS):
        values = values.astype(np.int32)
        if values.size and not 0 <= values.min() <= values.max() < 1 << bits:
            raise ValueError(f"values that do not fit {bits} bits")
        self._work.append((values, None, bits))

    def around(self, tables, mean, level, symbols, certain=None):
        mean, level = (np.ascontiguousarray(v, np.int32) for v in (mean, level))
        read, escaped = np.array(symbols, np.int32, order="C"), np.empty(mean.size, np.int32)
        told = *pointers(certain), MEAN_UNITS.bit_length() - 1, FRACTIONS.bit_length() - 1
        damage = self._say("symbols", tables, told, mean, level, read, escaped)
        return read, damage

    def digits(self, tables, mean, level, digits, likeliest, certain=None):
        mean, level = (np.ascontiguousarray(v, np.int32) for v in (mean, level))
        read = np.array(digits, np.int32, order="C")
        damage = self._say("digits", tables, (*pointers(certain, likeliest), OFFSETS // 2), mean, level, read)
        return read, damage

    def _say(self, what: str, tables: Tables, told: tuple, mean, level, read, *escaped) -> float:
        """Keep what is said; ``read`` becomes what is read of it."""
        ids, symbols = np.empty(read.size, np.uint16), np.empty(read.size, np.uint8)
        said, damage = (c_int64 * 2)(), c_double()
        say = getattr(clibrary.library(), f"selfvae_say_{what}")
        given = ready(tables), *told, *pointers(mean, level, read), read.size
        done(say(*given, *pointers(ids, symbols, *escaped), byref(said), byref(damage)))
        self._keep(tables, ids[: said[0]].copy(), symbols[: said[0]].copy())
        for values in escaped:
            self.put_raw(values[: said[1]].copy())
        return damage.value

    def _keep(self, tables: Tables, ids: np.ndarray, symbols: np.ndarray) -> None:
        self._work.append((symbols, ROWS_CODED, tables, ids))

    def finish(self):
        words = np.empty(sum(len(symbols) for symbols, *_ in self._work) + STATE_WORDS, np.uint32)
        writer, lib = _Writer(0, *pointers(words), 0), clibrary.library()
        for symbols, _, *source in reversed(self._work):
            if isinstance(source[0], int):
                lib.selfvae_write_raw(byref(writer), source[0], *pointers(symbols), len(symbols))
            else:
                tables, ids = source
                wide = symbols.itemsize > 1
                given = ready(tables), *pointers(ids, symbols), wide, len(symbols)
                done(lib.selfvae_write_rows(byref(writer), *given))
        state = [writer.state >> shift & 0xFFFFFFFF for shift in (0, 32)]
        words[writer.count :][:STATE_WORDS] = state
        return words[: writer.count + STATE_WORDS][::-1].astype(">u4").tobytes().lstrip(b"\0")
