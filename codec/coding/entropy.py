"""Symbols <-> bytes with rANS. The only file that imports constriction, whose streams these are.

constriction builds its own integer tables from floating-point probabilities. Handing it ``frequency - 1`` as
float64, with rows of frequencies that sum to 2^24, makes its scale factor exactly 1 and every cumulative sum
an exact integer, so that it uses our integer tables as they are (tests/coding/test_entropy.py shows it).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import constriction
import numpy as np

from ..errors import ChecksumError
from ..models.tables import ESCAPE, TAIL
from .lookup import digit_tables, symbol_tables

ROW_CODED = 4  # alphabets up to this size are coded with one row of probabilities per symbol,
ROWS = 1 << 18  # this many symbols at a time, since the rows take 8 bytes a probability
RAW_BITS = 16
RAW_OFFSET = 1 << 15  # escaped symbols are coded as 16-bit numbers around this
STATE_WORDS = 2  # of the coder itself; what it holds beyond these has not been touched
TOTAL = 1 << 24

Categorical = constriction.stream.model.Categorical
AnsCoder = constriction.stream.stack.AnsCoder
ROWS_CODED = Categorical(perfect=False)


@cache
def _raw(bits: int):
    return constriction.stream.model.Uniform(1 << bits)


class Tables:
    """Frequency tables (N, A) uint32, rows that sum to 2^24; constriction models are made on first use."""

    def __init__(self, frequencies: np.ndarray):
        self.weights = frequencies.astype(np.float64) - 1
        self._models: dict[int, Any] = {}  # of constriction's Categorical
        self.ready: dict[str, Any] = {}  # for the C library (writing.py)

    def cumulative(self) -> np.ndarray:
        """Frequencies of all symbols before each, (N, A) uint32."""
        frequencies = self.weights.astype(np.uint32) + 1
        return np.cumsum(frequencies, axis=1, dtype=np.uint32) - frequencies

    def model(self, table: int) -> Any:
        model = self._models.get(table)
        if model is None:
            model = self._models[table] = Categorical(self.weights[table], perfect=False)
        return model


class _Groups(NamedTuple):
    """Symbols sorted by table: ``order`` sorts them, table ``tables[i]`` owns ``order[starts[i]:starts[i + 1]]``."""

    order: np.ndarray
    tables: np.ndarray
    starts: np.ndarray


def _group(ids: np.ndarray) -> _Groups:
    order = np.argsort(ids.astype(np.uint16), kind="stable")
    ordered = ids[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ids) else np.zeros(0, int)
    return _Groups(order, ordered[first], np.append(first, len(ids)))


def _parts(count: int) -> list[slice]:
    return [slice(start, min(start + ROWS, count)) for start in range(0, count, ROWS)]


class Encoder:
    """Collects symbols in decoding order; ``finish`` codes them in reverse, since rANS is a stack.

    ``surprised`` tells whether a near-certain symbol was another one than expected: otherwise all such may be skipped.
    """

    def __init__(self):
        self._work: list[tuple] = []  # symbols, which may be skipped, a model of constriction's, what it is made of
        self.surprised = False

    def put(self, tables: Tables, ids: np.ndarray, symbols: np.ndarray, certain: np.ndarray | None = None) -> None:
        """Code symbols (N,) in [0, A) with table ids (N,). certain: tables (N,) bool whose symbols may be skipped."""
        count, alphabet = tables.weights.shape
        symbols = symbols.astype(np.min_scalar_type(alphabet - 1))  # kept until all is coded, in few bytes
        ids = ids.astype(np.min_scalar_type(count - 1))
        if alphabet <= ROW_CODED:
            for part in _parts(len(ids)):
                self._work.append((symbols[part], certain, ROWS_CODED, tables, ids[part]))
            return
        order, used, starts = _group(ids)
        ordered = symbols[order]
        for i, table in enumerate(used):
            of_table, skippable = ordered[starts[i] : starts[i + 1]], certain is not None and certain[table]
            self._work.append((of_table, skippable, tables.model(int(table)), tables.weights[table]))

    def put_raw(self, values: np.ndarray, bits: int = RAW_BITS) -> None:
        """Code values (N,) in [0, 2^bits) at that many bits each, 1 or more."""
        self._work.append((values.astype(np.int32), False, _raw(bits), bits))

    def around(self, tables: Tables, mean, level, symbols, certain: np.ndarray | None = None) -> None:
        """Code integers around means, int32, as lookup.py finds their tables; those that no table holds are escaped.

        certain: tables whose middle is all but certain, and may be skipped.
        """
        base, table = symbol_tables(mean, level)
        base, table = base.ravel(), table.ravel()
        offsets = symbols.ravel() - base
        escaped = np.abs(offsets) > TAIL
        self.put(tables, table, np.where(escaped, ESCAPE, offsets + TAIL), certain)
        self.put_raw(offsets[escaped] + RAW_OFFSET)
        self.surprised |= certain is not None and bool(offsets[certain[table]].any())

    def digits(self, tables: Tables, mean, level, digits, likeliest, certain: np.ndarray | None = None) -> None:
        """The same of digits -1, 0 or 1. likeliest: of each table."""
        table, digits = digit_tables(mean, level).ravel(), digits.ravel()
        self.put(tables, table, digits + 1, certain)
        self.surprised |= certain is not None and bool((digits != likeliest[table])[certain[table]].any())

    def likelihoods(self, skip: bool | None = None) -> np.ndarray:
        """Probability of every symbol that ``finish`` codes, float64: what the model itself counts."""
        parts = [np.zeros(0)]
        for symbols, model, *source in self._coded(skip):
            if isinstance(source[0], int):
                parts.append(np.full(len(symbols), 2.0 ** -source[0]))
            elif model is ROWS_CODED:
                parts.append((source[0].weights[source[1], symbols] + 1) / TOTAL)
            else:
                parts.append((source[0][symbols] + 1) / TOTAL)
        return np.concatenate(parts)

    def _coded(self, skip: bool | None) -> list[tuple]:
        """Symbols, model and what it is made of, without what is skipped. skip: as of ``finish``."""
        coded: list[tuple] = [] if skip is None else [(np.array([skip], np.int32), _raw(1), 1)]
        for symbols, certain, *model in self._work:
            if skip and certain is not None and model[0] is ROWS_CODED:
                said = ~certain[model[-1]]
                coded.append((symbols[said], *model[:-1], model[-1][said]))
            elif not (skip and certain):
                coded.append((symbols, *model))
        return coded

    def finish(self, skip: bool | None = None) -> bytes:
        """The compressed bytes: 32-bit words in the order in which they are read, without the zeros that lead.

        skip: whether near-certain symbols are skipped, which the stream's first bit says; None for one without it.
        """
        coder = AnsCoder()
        for symbols, model, *source in reversed(self._coded(skip)):
            if model is ROWS_CODED:
                tables, ids = source
                coder.encode_reverse(symbols.astype(np.int32), ROWS_CODED, tables.weights[ids])
            elif len(symbols):
                coder.encode_reverse(symbols.astype(np.int32), model)
        return coder.get_compressed()[::-1].astype(">u4").tobytes().lstrip(b"\0")


class Decoder:
    """Reads back what Encoder wrote, in the same order of calls."""

    def __init__(self, data: bytes, length: int | None = None):
        """data: what ``finish`` gave, or the beginning of its ``length`` bytes.

        Raises ChecksumError for bytes that no encoder begins with.
        """
        if data.startswith(b"\0"):
            raise ChecksumError("a level is damaged: it begins with a zero, as no level does")
        self._cut = length is not None and len(data) < length
        padded = bytes(-(length if self._cut else len(data)) % 4) + data
        self._open(np.frombuffer(padded[: len(padded) // 4 * 4], ">u4").astype(np.uint32))

    def _open(self, words: np.ndarray) -> None:
        self._coder = AnsCoder(words[::-1].copy())

    def get(self, tables: Tables, ids: np.ndarray) -> np.ndarray:
        """Symbols (N,) int32 for table ids (N,)."""
        if tables.weights.shape[1] <= ROW_CODED:
            out = np.empty(len(ids), np.int32)
            for part in _parts(len(ids)):
                out[part] = self._coder.decode(ROWS_CODED, tables.weights[ids[part]])
            return out
        order, used, starts = _group(ids)
        ordered = np.empty(len(ids), np.int32)
        for i, table in enumerate(used):
            n = int(starts[i + 1] - starts[i])
            ordered[starts[i] : starts[i + 1]] = self._coder.decode(tables.model(int(table)), n)
        out = np.empty_like(ordered)
        out[order] = ordered
        return out

    def get_raw(self, count: int, bits: int = RAW_BITS) -> np.ndarray:
        return self._coder.decode(_raw(bits), count) if count else np.zeros(0, np.int32)

    def around(self, tables: Tables, mean: np.ndarray, level: np.ndarray, certain: np.ndarray | None = None):
        """Integers around means, int32, as lookup.py finds their tables. certain: tables whose middle went unsaid."""
        base, table = symbol_tables(mean, level)
        said = np.ones(table.shape, bool) if certain is None else ~certain[table]
        offsets = self.get(tables, table[said]) - TAIL
        escaped = offsets == ESCAPE - TAIL
        offsets[escaped] = self.get_raw(int(escaped.sum())) - RAW_OFFSET
        out = base.copy()
        out[said] += offsets
        return out

    def digits(self, tables: Tables, mean: np.ndarray, level: np.ndarray, likeliest, certain: np.ndarray | None = None):
        """Digits -1, 0 or 1, int32. likeliest: of each table, what went unsaid where ``certain`` says so."""
        table = digit_tables(mean, level)
        said = np.ones(table.shape, bool) if certain is None else ~certain[table]
        out = likeliest[table]
        out[said] = self.get(tables, table[said]) - 1
        return out

    def fill(self, tables, certain, likeliest, field, settled, region, mean, level) -> np.ndarray | None:
        """Read a part of a plane and settle it, all at once, where that is faster. What was read, int16, or None.

        certain: as above; likeliest: of digits, None for integers around means. field, settled: as of Walk. mean,
        level: of the region, int16 in steps of D.
        """
        return None

    @property
    def sound(self) -> bool:
        """True while all that was read came from the data: a coder that runs out goes on without a word."""
        return not self._cut or self._words() > STATE_WORDS

    def _words(self) -> int:
        return self._coder.num_words()

    @property
    def exhausted(self) -> bool:
        """True when everything that was coded has been read: a wrong decode almost never ends here."""
        return self._coder.is_empty()
