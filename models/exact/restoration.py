"""Restoration on integers: a picture moved by differences between its pixels and their neighbours, in C or NumPy, with
the same bits.

Pixels are seen in three planes of colour at right angles to each other, and each plane moves by a weighted sum of
differences, clipped one by one so that what lies across an edge has no say (Taquet et al. 2019, "Non-linear adaptive
loop filter"). Weights and limits are those of one picture (coding/restoration.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref
from typing import NamedTuple

import numpy as np

from ..config import Z1_STRIDE
from ..units import DEEP, FINE
from . import clibrary
from .clibrary import Source, pointers, side_by_side
from .system import one_blas_thread

RADIUS = 4  # of what is seen around a pixel
BITS = 15  # weights are in 1/2^BITS
LIMIT_MOST = (1 << 13) - 1  # of a difference
SUM_LIMITS = 1 << 15, 1 << 14, 1 << 14  # no plane moves as far as this
PLANES = 3  # R + G + B, R - B, R - 2 G + B
EVERY = 3  # rows: those that equations are made of, so that all rows of blocks have their turn
PART = 1 << 13  # pixels of them, at a time
ROWS_TOGETHER = 3  # of equations (native/restoration.h)
SIXTH, SIXTH_BITS = 10923, 16  # a sixth of a whole number is round(SIXTH n / 2^SIXTH_BITS)


class Term(NamedTuple):
    """What a weight is multiplied with: the differences to a plane's pixels on both sides, (down, along) and opposite,
    each between -limit and limit in 1/FINE."""

    plane: int
    down: int
    along: int
    limit: int


class Filter(NamedTuple):
    """How a plane moves. weights: int16 (N,) in 1/2^BITS, one for each term."""

    terms: Sequence[Term]
    weights: np.ndarray

    @property
    def most(self) -> int:
        """No plane moves farther, in 1/FINE."""
        reach = sum(2 * term.limit * abs(int(weight)) for term, weight in zip(self.terms, self.weights))
        return (reach >> BITS) + len(self.terms)


def colours(x: np.ndarray) -> np.ndarray:
    """Planes of colour, int16 (3, H, W). x: int16 (3, H, W) in 1/FINE."""
    r, g, b = x
    return np.stack([r + g + b, r - b, r - 2 * g + b])


def planes_of(x: np.ndarray) -> np.ndarray:
    """The same with their edges repeated RADIUS times: (3, H + 2 RADIUS, W + 2 RADIUS). x: of any type."""
    return colours(np.pad(x.astype(np.int16), ((0, 0), (RADIUS, RADIUS), (RADIUS, RADIUS)), mode="edge"))


def difference(planes: np.ndarray, term: Term, rows: slice, columns: slice) -> np.ndarray:
    """Of some pixels, whose places are counted without what is repeated: int16."""
    v = planes[term.plane]

    def at(down: int, along: int) -> np.ndarray:
        def moved(part: slice, by: int) -> slice:
            return slice(part.start + RADIUS + by, part.stop + RADIUS + by, part.step)

        return v[moved(rows, down), moved(columns, along)]

    here = at(0, 0)
    one, other = ((at(side * term.down, side * term.along) - here).clip(-term.limit, term.limit) for side in (1, -1))
    return one + other


def listed(filters: Sequence[Filter]) -> np.ndarray:
    """Weights that are not 0, int32 (N, 6): the plane that moves, a term, the weight."""
    rows = [(plane, *term, weight) for plane, f in enumerate(filters) for term, weight in zip(*f) if weight]
    return np.array(rows, np.int32).reshape(-1, 6)


def restore(x: np.ndarray, filters: Sequence[Filter], rows: slice, out: np.ndarray, threads: int = 1) -> None:
    """Some rows of a picture -> out, (3, rows, W) uint8, or uint16 in DEEP for a grey level.

    x: uint16 (3, H, W) in 1/FINE of a grey level, with RADIUS rows on each side of ``rows`` where the picture goes on.
    filters: of each plane; none moves as far as SUM_LIMITS.
    """
    deep = 1 if out.dtype == np.uint8 else DEEP
    if library := clibrary.library():
        x, told = side_by_side(x), listed(filters)
        by_channel, by_row, _ = (stride // x.itemsize for stride in x.strides)
        done = library.selfvae_restore(
            *(clibrary.way(), *pointers(x), by_channel, by_row, *x.shape[1:]),
            *(*pointers(told), len(told), rows.start, rows.stop, *pointers(out), *out.strides, deep, threads),
        )
        if done < 0:
            raise MemoryError
        return
    planes, columns = planes_of(x), slice(0, x.shape[2])
    moved = np.zeros((PLANES, rows.stop - rows.start, x.shape[2]), np.int32)
    for plane, *term, weight in listed(filters):
        product = difference(planes, Term(*term), rows, columns).astype(np.int32) * weight
        moved[plane] += (product + (1 << BITS - 1)) >> BITS
    light, red, green = moved
    for colour, sixths in enumerate((2 * light + 3 * red + green, 2 * light - 2 * green, 2 * light - 3 * red + green)):
        v = x[colour, rows] + (sixths * SIXTH + (1 << SIXTH_BITS - 1) >> SIXTH_BITS)
        out[colour] = v.clip(0, 255 * FINE) * deep + FINE // 2 >> FINE.bit_length() - 1


def equations(
    x: np.ndarray, picture: np.ndarray, terms: Sequence[Term], weights: np.ndarray | None, threads: int = 1
) -> np.ndarray:
    """Products of every two of what weights are multiplied with and what planes of colour lack, in every EVERY rows.

    x: as of ``restore``; picture: uint8 (3, H, W), what it should be; sides may be shorter. weights: float32, by how
    much errors count in every 8x8 pixels. Returns float64 (N + PLANES,) * 2, in 1/FINE^2. Encoders alone ask for it.
    """
    count, (height, width) = len(terms) + PLANES, picture.shape[1:]
    if library := clibrary.library():
        rows = -(-count // ROWS_TOGETHER) * ROWS_TOGETHER
        x, told = side_by_side(x), np.array([(0, *term, 0) for term in terms], np.int32)
        weights = None if weights is None else np.ascontiguousarray(weights, np.float32)
        by_channel, by_row, _ = (stride // x.itemsize for stride in x.strides)
        parts = np.zeros((library.selfvae_restore_parts(height, width), rows, rows))
        done = library.selfvae_restore_equations(
            *(clibrary.way(), *pointers(x), by_channel, by_row, *x.shape[1:], *pointers(told), len(told)),
            *(byref(Source.of(picture)), height, width, *pointers(weights), 0 if weights is None else weights.shape[1]),
            *(rows, EVERY, *pointers(parts), threads),
        )
        if done < 0:
            raise MemoryError
        upper = np.triu(parts.sum(0)[:count, :count])  # one after the other, whichever thread came first
        return upper + np.triu(upper, 1).T
    planes, products = planes_of(x), np.zeros((count, count))
    some = EVERY * max(1, PART // width)
    for top in range(0, height, some):
        here = slice(top, min(top + some, height), EVERY), slice(0, width)
        each = np.empty((count, len(range(*here[0].indices(height))), width), np.float32)
        for place, term in enumerate(terms):
            each[place] = difference(planes, term, *here)
        all_of = (slice(None), *here)
        each[len(terms) :] = colours(picture[all_of].astype(np.int16) * FINE - x[all_of].astype(np.int16))
        if weights is not None:
            each *= weights.repeat(Z1_STRIDE, 0).repeat(Z1_STRIDE, 1)[here]
        flat = each.reshape(count, -1)
        with one_blas_thread():  # whose others would look for more to do while networks run
            products += flat @ flat.T
    return products
