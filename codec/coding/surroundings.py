"""What is known around pixels, in C (models/exact/native/neighbours.c): the same bits as neighbours.py."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Structure, byref, c_int64, c_void_p

import numpy as np

from ..models.exact import clibrary
from ..models.exact.clibrary import Source, pointers
from ..models.exact.system import threads
from ..models.tables import MEAN_UNITS
from .neighbours import BITS, CONSTANT, DISTANCE_LIMIT, EXPECTED, LOGARITHMS, NEAR, Around, Term


def surroundings(height: int, width: int) -> Around:
    """Nothing known yet. Arguments as of ``Around``."""
    return NativeAround(height, width) if clibrary.library() else Around(height, width)


class _Known(Structure):
    """As native/neighbours.c has it."""

    _fields_ = [("first", c_void_p), ("type", c_int64), ("by_row", c_int64)]


class NativeAround(Around):
    def know(self, quarter, mean, level, residual):
        arrays = (self._at(values[self._colour], quarter) for values in (self._distances, self._surprises))
        told = MEAN_UNITS, DISTANCE_LIMIT, NEAR, *pointers(LOGARITHMS, EXPECTED)
        sources = (byref(Source.of(v[None])) for v in (mean, level, residual))
        size = self._distances.shape[2], *mean.shape, threads()
        clibrary.library().selfvae_know(clibrary.way(), *sources, *told, *pointers(*arrays), *size)

    def _moved(self, given, values, quarter: int, terms: Sequence[Term], weights: np.ndarray, low: int, high: int):
        of_colour, by_row, _ = (stride // values.itemsize for stride in values.strides)
        taps: list[int] = []
        by: list[int] = []
        for weight, (colour, group, times) in zip(weights.tolist(), terms):
            if weight:
                taps += [colour * of_colour + down * by_row + along for down, along in group]
                by += [weight * times] * len(group)
        places, shares = np.array(taps, np.int64), np.array(by, np.int32)  # by name, or they would be gone in the call
        start = (1 << BITS - 1) + CONSTANT * int(weights[len(terms) :].sum())
        first = self._at(values[0], quarter)
        known = _Known(*pointers(first), values.itemsize, by_row)
        out = np.empty(given.shape, np.int32)
        clibrary.library().selfvae_correct(
            *(clibrary.way(), byref(known), *pointers(places, shares), len(taps)),
            *(start, BITS, low, high, byref(Source.of(given[None])), *given.shape, *pointers(out), threads()),
        )
        return out
