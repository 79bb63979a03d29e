"""Section "Pictures of 16 bits": level x16, the exact pixels X, given the 8-bit picture x."""

from __future__ import annotations

import zlib

import numpy as np

from .container import File, Level
from .entropy import TOTAL, RansReader

COARSEST = 64  # the distance of the samples that come first
CONTEXTS, FIRST_CONTEXT = 64, 63
MOST_DEGREE = 18
COUNT_LIMIT = 1 << 30


def read(file: File, level: Level, x: np.ndarray) -> np.ndarray:
    """x: (3, H, W). Returns X, (3, H, W)."""
    rans = RansReader(level.payload)
    values = _values(rans)
    first = np.searchsorted((values + 128) // 257, np.arange(257))  # of the k that round to each x
    choices = np.diff(first)
    counts = Counts(rans, largest=int(choices.max()))
    colours = [values[_channel(counts, first[channel], choices[channel])] for channel in (x[:1] if file.grey else x)]
    X = np.broadcast_to(np.stack(colours), x.shape)
    assert rans.is_empty()
    assert zlib.crc32(X.transpose(1, 2, 0).astype("<u2").tobytes()) & 0xFFFF == level.symbol_check
    return X


def _values(rans: RansReader) -> np.ndarray:
    """The values of the picture, by k."""
    bits, shifted = divmod(rans.number(16), 2)
    assert 8 <= bits <= 16
    k, m = np.arange(1 << bits), (1 << bits) - 1
    return k << (16 - bits) if shifted else (65535 * k + m // 2) // m


class Counts:
    """How often each symbol came in each context, from which frequencies follow."""

    def __init__(self, rans: RansReader, largest: int):
        self.rans, self.largest = rans, largest  # the page's N
        self.counts = np.ones((CONTEXTS, largest), np.int64)
        self.coded = 0  # the page's S

    def symbols(self, contexts: np.ndarray) -> np.ndarray:
        """Of one set."""
        parts = max(4096, self.coded // 8)
        said = [self._part(contexts[start : start + parts]) for start in range(0, len(contexts), parts)]
        self.coded += len(contexts)
        return np.concatenate([np.zeros(0, np.int64), *said])

    def _part(self, contexts: np.ndarray) -> np.ndarray:
        frequencies = 1 + self.counts * (TOTAL - self.largest) // self.counts.sum(1, keepdims=True)
        frequencies[np.arange(CONTEXTS), self.counts.argmax(1)] += TOTAL - frequencies.sum(1)
        starts = np.pad(frequencies.cumsum(1), ((0, 0), (1, 0))).tolist()
        order = np.argsort(contexts, kind="stable") if self.largest > 4 else np.arange(len(contexts))
        said = np.empty(len(contexts), np.int64)
        said[order] = [self.rans.symbol(starts[context]) for context in contexts[order].tolist()]

        np.add.at(self.counts, (contexts, said), 4)
        many = self.counts.sum(1) > COUNT_LIMIT
        self.counts[many] = (self.counts[many] + 1) // 2
        return said


def _channel(counts: Counts, first: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """k of one colour, (H, W); first and choices: f and n of every sample."""
    assert choices.all()
    k = first + (choices - 1) // 2

    def settle(places: tuple, guess: np.ndarray, contexts: np.ndarray) -> None:
        f, n = first[places], choices[places]
        beside = np.zeros_like(f)
        beside[n > 1] = counts.symbols(contexts[n > 1])
        k[places] = f + (guess - f + beside) % n

    coarsest = np.s_[::COARSEST, ::COARSEST]
    settle(coarsest, k[coarsest].copy(), np.full(k[coarsest].shape, FIRST_CONTEXT))
    s = COARSEST // 2
    while s:
        for row, column in ((s, s), (0, s), (s, 0)):
            places = np.s_[row :: 2 * s, column :: 2 * s]
            if k[places].size:
                # Along the diagonals for the first set of an s, down and right for the others.
                directions = ((1, 1), (1, -1)) if row == column else ((1, 0), (0, 1))
                at = row // s, column // s
                settle(places, *_guess(k[::s, ::s], at, directions, first[places], choices[places]))
        s //= 2
    return k


def _guess(grid: np.ndarray, at: tuple, directions: tuple, f: np.ndarray, n: np.ndarray):
    """What samples at every second row and column of a grid are taken for, and their contexts."""
    H, W = grid.shape
    around = np.pad(grid, 3, mode="reflect" if min(H, W) > 3 else "edge")

    def neighbour(down: int, right: int) -> np.ndarray:
        return around[3 + down : 3 + down + H, 3 + right : 3 + right + W][at[0] :: 2, at[1] :: 2]

    curves, bends, neighbours = [], [], []
    for down, right in directions:
        a, b = neighbour(-down, -right), neighbour(down, right)
        c, d = neighbour(-3 * down, -3 * right), neighbour(3 * down, 3 * right)
        line = 8 * (a + b)
        curve = np.where(a == b, line, 9 * (a + b) - c - d)
        curves.append(curve)
        bends.append(np.abs(curve - line))
        neighbours += [a, b]

    one_bends_less = 2 * bends[0] < bends[1], 2 * bends[1] < bends[0]
    g = np.select(one_bends_less, (2 * curves[0], 2 * curves[1]), curves[0] + curves[1])
    free = (g + 16) // 32
    guess = free.clip(f, f + n - 1)
    changed = guess != free
    kind = changed.astype(np.int64)
    for neighbour_k in reversed(neighbours):  # so that the first that is a choice stays
        is_choice = changed & (f <= neighbour_k) & (neighbour_k < f + n)
        guess[is_choice], kind[is_choice] = neighbour_k[is_choice], 2

    h = np.abs(curves[0] - curves[1]) + np.minimum(*bends)
    degree = np.minimum(np.frexp(h // 4)[1], MOST_DEGREE)  # how many bits it takes
    return guess, 3 * degree + kind
