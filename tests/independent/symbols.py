"""Symbols by the tables of the weights file: read from a level, or expected where none is there."""

from __future__ import annotations

import zlib

import numpy as np

from .container import Level
from .entropy import TOTAL, RansReader
from .weights import Weights

NEAR_CERTAIN = TOTAL - (1 << 11)  # frequencies from here on may be skipped ("Skipping")
SYMBOL_BIAS, ESCAPE, ESCAPE_BIAS = 127, 255, 1 << 15
OFFSET_LIMIT = 256  # of a mean from a symbol, in 1/64


def nearest(mean: np.ndarray) -> np.ndarray:
    """The integer nearest to a mean in 1/64."""
    return (mean + 32) >> 6


def centroids(weights: Weights, symbol: np.ndarray, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
    """E[z | its interval] less the symbol, in 1/256 ("Expectation")."""
    offset = (64 * symbol - mean).clip(-OFFSET_LIMIT, OFFSET_LIMIT)
    return weights.table("centroids")[level, offset + OFFSET_LIMIT]


class Reader:
    """Settles what a level says."""

    def __init__(self, level: Level, weights: Weights):
        self.rans = RansReader(level.payload)
        self.weights = weights
        self.symbol_check = level.symbol_check
        self.skips = False
        self._check = 0

    def number(self, bits: int) -> int:
        return self.rans.number(bits)

    def begin_latents(self) -> None:
        self.skips = self.number(1) == 1

    def groups(self, of: int) -> int:
        said = self.number(of.bit_length())
        assert said <= of
        return said

    def around(self, mean: np.ndarray, level: np.ndarray, table: str = "symbols", *, skips: bool | None = None):
        """Section "Symbols around a mean": one array."""
        skips = self.skips if skips is None else skips
        middle = nearest(mean)
        rows = (16 * level + ((mean + 32 - 64 * middle) >> 2)).reshape(-1)
        certain = set(np.flatnonzero(self.weights.table(table)[:, SYMBOL_BIAS] >= NEAR_CERTAIN)) if skips else ()

        # All symbols that share a row are coded together.
        order = np.argsort(rows, kind="stable")
        said = np.empty(rows.size, np.int64)
        said[order] = [
            SYMBOL_BIAS if row in certain else self.rans.symbol(self.weights.starts(table, row))
            for row in rows[order].tolist()
        ]
        beside = said - SYMBOL_BIAS
        for escaped in np.flatnonzero(said == ESCAPE):
            beside[escaped] = self.number(16) - ESCAPE_BIAS
        return self._checked(middle + beside.reshape(middle.shape))

    def around_zero(self, level: np.ndarray) -> np.ndarray:
        """Numbers q of fits, corrections and restorations: never skipped."""
        return self.around(np.zeros_like(level), level, skips=False)

    def digits(self, offset: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Section "Digits"."""
        rows = 513 * level + offset.clip(-OFFSET_LIMIT, OFFSET_LIMIT) + OFFSET_LIMIT
        frequencies = self.weights.table("digits")[rows.reshape(-1)]
        certain = (frequencies.max(1) >= NEAR_CERTAIN) & self.skips
        said = [
            likeliest if skipped else self.rans.symbol(self.weights.starts("digits", row))
            for row, likeliest, skipped in zip(rows.reshape(-1).tolist(), frequencies.argmax(1), certain)
        ]
        return self._checked(np.array(said, np.int64).reshape(rows.shape) - 1)

    def edges(self, logit: np.ndarray) -> np.ndarray:
        """Section "Edges"."""
        said = [self.rans.symbol(self.weights.starts("edges", row)) for row in (logit.reshape(-1) + 64).tolist()]
        return self._checked(np.array(said, np.int64).reshape(logit.shape))

    def coefficients(self, symbol: np.ndarray, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
        """In 1/256 of the local step, of symbols around a mean."""
        return 256 * symbol + centroids(self.weights, symbol, mean, level)

    def _checked(self, symbols: np.ndarray) -> np.ndarray:
        self._check = zlib.crc32(symbols.astype("<i2").tobytes(), self._check)
        return symbols

    def finish(self) -> None:
        assert self.rans.is_empty(), "words are left over or missing"
        assert self._check & 0xFFFF == self.symbol_check, "other symbols than were encoded"


class Expectation:
    """Settles what was not read: to its mean ("Expectation")."""

    def begin_latents(self) -> None:
        pass

    def groups(self, of: int) -> int:
        return of

    def around(self, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
        return nearest(mean)

    def coefficients(self, symbol: np.ndarray, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
        return 4 * mean
