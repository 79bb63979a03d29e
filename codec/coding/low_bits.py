"""What 16 bits know beyond 8: the exact samples of a deep picture, given the 8-bit picture that all other levels hold.

    8-bit sample      round(x / 257), as 255 is to 65535
    what is left      which of the samples that round to it: one of 257, or of fewer where a file uses fewer values

Samples are settled from a coarse grid to the finest, each interpolated from the ones around it that are known: what is
left is the distance to that guess. Frequencies are counted while coding, by how well the samples around agree, in
integers: noise costs the bits that it has, and flat or smooth pictures next to nothing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..errors import ChecksumError, MismatchError
from ..models.units import DEEP
from .depth import to_8
from .entropy import TOTAL, Decoder, Tables
from .writing import new_encoder

GRID = 64  # of the samples that are settled first
LATTICE = ((1, 1), (0, 1), (1, 0))  # of each 2x2 cell, once (0, 0) is known
PART = 1 << 12  # samples between two looks at the counts, or an eighth of all before
WEIGHT = 4  # of a sample in the counts, which begin with 1
MOST = 1 << 30  # of a row's counts: all are halved beyond
CONTEXTS = 64  # 3 for each of 19 degrees of disagreement
FIRST = 63  # context of samples that nothing is known around
LEAST_BITS = 8


@dataclass(frozen=True)
class Values:
    """The samples that a picture uses: those of ``bits`` bits, spread over 0..65535, or shifted up.

    Cameras and converters know 10, 12 or 14 bits, and write them as 16.
    """

    bits: int
    shifted: bool

    @property
    def samples(self) -> np.ndarray:
        """All of them, ascending, int64."""
        v = np.arange(1 << self.bits, dtype=np.int64)
        most = (1 << self.bits) - 1
        return v << (16 - self.bits) if self.shifted else (v * 65535 + most // 2) // most

    @property
    def first(self) -> np.ndarray:
        """Index of the first sample that rounds to each of 0..256, int32 (257,)."""
        return np.searchsorted(self.samples, DEEP * np.arange(257) - DEEP // 2).astype(np.int32)


def values_of(x: np.ndarray) -> Values:
    """The fewest that hold a picture."""
    used = np.bincount(x.ravel(), minlength=1 << 16) > 0
    for bits in range(LEAST_BITS, 17):
        for shifted in (False, True):
            values = Values(bits, shifted)
            if used[values.samples].sum() == used.sum():
                return values
    raise AssertionError("16 bits hold every picture")


class _Counts:
    """Frequencies of what is left, by context, counted as it is coded."""

    def __init__(self, size: int):
        self.counts = np.ones((CONTEXTS, size), np.int64)

    def tables(self) -> np.ndarray:
        """Frequencies (CONTEXTS, size) that sum to TOTAL, none of them 0."""
        counts = self.counts
        frequencies = counts * (TOTAL - counts.shape[1]) // counts.sum(1, keepdims=True) + 1
        frequencies[np.arange(len(counts)), counts.argmax(1)] += TOTAL - frequencies.sum(1)
        return frequencies

    def note(self, contexts: np.ndarray, symbols: np.ndarray) -> None:
        size = self.counts.shape[1]
        seen = np.bincount(contexts * size + symbols, minlength=self.counts.size)
        self.counts += WEIGHT * seen.reshape(self.counts.shape)
        full = self.counts.sum(1) > MOST
        self.counts[full] = (self.counts[full] + 1) // 2


class _Coder(Protocol):
    def settle(self, tables: Tables, ids: np.ndarray, wanted: np.ndarray | None) -> np.ndarray: ...


class _Writes:
    def __init__(self):
        self.encoder = new_encoder()

    def settle(self, tables, ids, wanted):
        self.encoder.put(tables, ids, wanted)
        return wanted


class _Reads:
    def __init__(self, decoder: Decoder):
        self.decoder = decoder

    def settle(self, tables, ids, wanted):
        return self.decoder.get(tables, ids)


def pack(x: np.ndarray, grey: bool) -> tuple[bytes, int]:
    """Payload and check of the level. x: uint16 (H, W, 3); of a grey one, one channel is coded."""
    values = values_of(x)
    index = np.zeros(1 << 16, np.int32)
    index[values.samples] = np.arange(1 << values.bits)
    planes = index[x[..., : 1 if grey else 3]]
    writer = _Writes()
    writer.encoder.put_raw(np.array([values.bits << 1 | values.shifted]))
    walk = _Walk(values, writer)
    for channel in range(planes.shape[2]):
        walk.channel(to_8(x[..., channel]), planes[..., channel])
    return writer.encoder.finish(), check(x)


def unpack(payload: bytes, x8: np.ndarray, grey: bool, expected: int) -> np.ndarray:
    """The picture, uint16 (H, W, 3). x8: the exact 8-bit one, uint8 (H, W, 3).

    Raises ChecksumError for a payload that no writer makes, MismatchError where the samples do not match their check.
    """
    decoder = Decoder(payload)
    kind = int(decoder.get_raw(1)[0])
    values = Values(kind >> 1, bool(kind & 1))
    if not LEAST_BITS <= values.bits <= 16:
        raise ChecksumError(f"level x16 is damaged: it speaks of {values.bits} bits; get the file again")
    x = np.empty(x8.shape, np.uint16)
    walk = _Walk(values, _Reads(decoder))
    for channel in range(1 if grey else 3):
        x[..., channel] = values.samples[walk.channel(x8[..., channel])]
    if grey:
        x[..., 1:] = x[..., :1]
    if not decoder.exhausted or check(x) != expected:
        raise MismatchError("level x16 decoded to other samples than were encoded: please report it")
    return x


def check(x: np.ndarray) -> int:
    """The level's symbol check: of the samples, little-endian."""
    return zlib.crc32(np.ascontiguousarray(x, "<u2").tobytes()) & 0xFFFF


class _Walk:
    """One way through the samples, the same for writing and reading; counts go on from channel to channel."""

    def __init__(self, values: Values, coder: _Coder):
        self.first = values.first
        self.choices = np.diff(self.first)  # how many samples round to each of 0..255
        self.counts = _Counts(max(1, int(self.choices.max())))
        self.coder, self.settled = coder, 0

    def channel(self, x8: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
        """Indices of the values, int32 (H, W). x8: uint8 (H, W). Raises MismatchError where no value rounds to it."""
        if not self.choices[x8].all():
            raise MismatchError("level x16 belongs to another picture")
        known = self.first[x8] + (self.choices[x8] - 1) // 2  # until they are settled
        step, place = GRID, (slice(None, None, GRID), slice(None, None, GRID))
        first = np.full(known[place].shape, FIRST)
        self._settle(known, place, x8, known[place].copy(), first, wanted)
        while step > 1:
            step //= 2
            for i, j in LATTICE:
                place = (slice(i * step, None, 2 * step), slice(j * step, None, 2 * step))
                if known[place].size:
                    least, count = self.first[x8[place]], self.choices[x8[place]]
                    guess, contexts = _guess(known[::step, ::step], i, j, least, count)
                    self._settle(known, place, x8, guess, contexts, wanted)
        return known

    def _settle(self, known, place, x8, guess, contexts, wanted) -> None:
        """Settle the samples of a place: what is coded is the distance from the guess, around the circle of choices."""
        least, count = self.first[x8[place]], self.choices[x8[place]]
        open_ = count > 1
        offset, count, contexts = (guess - least)[open_], count[open_], contexts[open_]
        left = None if wanted is None else (wanted[place][open_] - guess[open_]) % count
        settled = np.empty(len(count), np.int32)
        start = 0
        while start < len(count):
            part = slice(start, start + max(PART, self.settled // 8))
            start = part.stop
            tables = Tables(self.counts.tables())
            settled[part] = self.coder.settle(tables, contexts[part], None if left is None else left[part])
            self.counts.note(contexts[part], settled[part])
        self.settled += len(count)
        result = least.copy()
        result[open_] += (offset + settled) % count
        known[place] = result


def _guess(grid: np.ndarray, i: int, j: int, least: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What samples (i::2, j::2) of a grid are expected to be, among their choices, and the contexts of what is left.

    Each of the two directions in which both neighbours are known guesses by a cubic through four samples, or by the
    neighbours where these are equal; the straighter one counts, or both. Where the guess is none of the choices, as at
    edges, the first neighbour does that is one.
    """
    height, width = grid.shape
    padded = np.pad(grid, 3, mode="reflect" if min(grid.shape) > 3 else "edge")

    def at(down: int, right: int) -> np.ndarray:
        return padded[3 + down : 3 + down + height, 3 + right : 3 + right + width][i::2, j::2]

    neighbours, guesses, bends = [], [], []
    for down, right in ((1, 1), (1, -1)) if i == j else ((1, 0), (0, 1)):
        a, b = at(-down, -right), at(down, right)
        straight = 8 * (a + b)
        cubic = np.where(a == b, straight, 9 * (a + b) - at(-3 * down, -3 * right) - at(3 * down, 3 * right))
        neighbours += [a, b]
        guesses.append(cubic)
        bends.append(np.abs(cubic - straight))
    (one, other), (bend, other_bend) = guesses, bends
    both = np.where(2 * bend < other_bend, 2 * one, np.where(2 * other_bend < bend, 2 * other, one + other))
    free = (both + 16) >> 5
    disagreement = (np.abs(one - other) + np.minimum(bend, other_bend)) >> 2
    guess = free.clip(least, least + count - 1)
    outside = guess != free
    kind = outside.astype(np.int32)
    for sample in reversed(neighbours):
        fits = outside & (sample >= least) & (sample < least + count)
        guess, kind = np.where(fits, sample, guess), np.where(fits, 2, kind)
    degree = np.frexp(disagreement.astype(np.float32))[1].clip(0, 18)  # how many bits it takes
    return guess, 3 * degree + kind
