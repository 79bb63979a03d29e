"""Which symbols the encoder codes: rate-distortion optimised quantisation, as training does it (networks/selfvae.py).

A symbol of a plane that finer ones refine decides twice: what a decoder shows that stops there, and where the finest
plane can still end. A decoder never knows: it reads symbols, whatever made them.
"""

from __future__ import annotations

import math
from ctypes import Structure, byref, c_double, c_float, c_int, c_void_p

import numpy as np

from ..coding.coders import rounded
from ..coding.lookup import digit_tables, offset_index, symbol_tables
from ..models.config import RD_SLOPE, RDO_RATE
from ..models.exact import clibrary
from ..models.exact.clibrary import pointers
from ..models.exact.inference import Networks
from ..models.exact.system import threads
from ..models.tables import (
    CENTROID_UNITS,
    FRACTIONS,
    LOG2_SCALE_STEP,
    MEAN_UNITS,
    OFFSETS,
    PRECISION,
    SCALE_LEVELS,
    TAIL,
)

STOP_SHARE = 0.75  # of what a stop costs counts beside the end; all of it costs the end more than it gives the stop
LEVELS_PER_PLANE = math.log2(3) / LOG2_SCALE_STEP  # a scale is three times as many steps of the next plane


class Chooser:
    """Picks, symbol by symbol, the rounded latent or its neighbour towards the mean, whichever costs less.

    Means and levels as in coders.py; ``z`` is the latent in local steps, of any float type, in which all
    errors count alike; ``finer`` is how many planes refine the one that chooses.
    """

    def __init__(self, tables: dict[str, np.ndarray]):
        self._symbol_bits = (PRECISION - np.log2(tables["symbols"])).astype(np.float32)
        self._digit_bits = (PRECISION - np.log2(tables["digits"])).astype(np.float32)
        self._centroids = (tables["centroids"] / CENTROID_UNITS).astype(np.float32)

    def symbols(self, z: np.ndarray, mean: np.ndarray, level: np.ndarray, finer: int) -> np.ndarray:
        """Symbols of a first plane, int32."""
        return self._choose(z, rounded(z), mean, level, self._bits_of_symbols, finer)

    def digits(self, z: np.ndarray, mean: np.ndarray, level: np.ndarray, finer: int) -> np.ndarray:
        """Digits -1, 0, 1, int32; z and mean are relative to the coarser bin's centre."""
        return self._choose(z, rounded(z).clip(-1, 1), mean, level, self._bits_of_digits, finer, limit=1)

    def _choose(self, z, plain, mean, level, bits, finer: int, limit: int | None = None) -> np.ndarray:
        distance = mean - plain * MEAN_UNITS
        neighbour = plain + np.sign(distance)
        open_ = np.abs(distance) > MEAN_UNITS // 2
        if limit is not None:
            open_ &= np.abs(neighbour) <= limit
        z, symbols, mean, level = z[open_].astype(np.float32), plain[open_], mean[open_], level[open_]

        def cost(v):
            here = self._cost(z, v, mean, level, bits)
            return STOP_SHARE * here + self._cost_in_the_end(z, v, mean, level, finer) if finer else here

        towards = neighbour[open_]
        chosen = plain.copy()
        chosen[open_] = np.where(cost(towards) < cost(symbols), towards, symbols)
        return chosen

    def _cost(self, z, v, mean, level, bits) -> np.ndarray:
        """Bits of symbols v and what is wrong with what they decode to, in bits."""
        decoded = v + self._centroids[level, offset_index(v * MEAN_UNITS - mean)]
        return RDO_RATE * bits(v, mean, level) + np.square(z - decoded) / RD_SLOPE

    def _cost_in_the_end(self, z, v, mean, level, finer: int) -> np.ndarray:
        """The cost of the symbols of the finest plane that v lets come closest, by the prior of this plane."""
        times = 3**finer
        z, mean, centre = z * times, mean * times, v * times
        level = np.minimum(level + round(finer * LEVELS_PER_PLANE), SCALE_LEVELS - 1)
        final = rounded(z).clip(centre - times // 2, centre + times // 2)
        return self._cost(z, final, mean, level, self._bits_of_symbols)

    def _bits_of_symbols(self, symbols, mean, level) -> np.ndarray:
        base, table = symbol_tables(mean, level)
        return self._symbol_bits[table, (symbols - base).clip(-TAIL, TAIL + 1) + TAIL]

    def _bits_of_digits(self, digits, mean, level) -> np.ndarray:
        return self._digit_bits[digit_tables(mean, level), digits + 1]


class NativeChooser(Chooser):
    """The same choice in C (models/exact/native/choice.h)."""

    def __init__(self, tables: dict[str, np.ndarray]):
        super().__init__(tables)
        self._made: dict[int, _Choice] = {}  # by how many planes are finer

    def _choice(self, finer: int) -> _Choice:
        if finer not in self._made:
            tables = pointers(self._symbol_bits, self._digit_bits, self._centroids)
            sizes = self._symbol_bits.shape[1], TAIL, SCALE_LEVELS, OFFSETS // 2
            bits = MEAN_UNITS.bit_length() - 1, FRACTIONS.bit_length() - 1
            costs = 3**finer, round(finer * LEVELS_PER_PLANE), RDO_RATE, RD_SLOPE, STOP_SHARE
            self._made[finer] = _Choice(*tables, *sizes, *bits, *costs)
        return self._made[finer]

    def symbols(self, z, mean, level, finer):
        return self._chosen(False, z, mean, level, finer)

    def digits(self, z, mean, level, finer):
        return self._chosen(True, z, mean, level, finer)

    def _chosen(self, digits: bool, z, mean, level, finer: int) -> np.ndarray:
        z = np.ascontiguousarray(z, np.float32)
        mean, level = (np.ascontiguousarray(v, np.int32) for v in (mean, level))
        out = np.empty(z.shape, np.int32)
        told = clibrary.paths()[clibrary.path()], byref(self._choice(finer)), digits
        clibrary.library().selfvae_choose(*told, *pointers(z, mean, level), z.size, *pointers(out), threads())
        return out


class _Choice(Structure):
    """As native/coefficients.h has it."""

    _fields_ = [
        *((n, c_void_p) for n in ("symbol_bits", "digit_bits", "centroids")),
        *((n, c_int) for n in ("alphabet", "tail", "levels", "limit", "unit_bits", "fraction_bits", "times", "wider")),
        *(("rate", c_float), ("slope", c_double), ("stop_share", c_double)),
    ]


def chooser_of(nets: Networks) -> Chooser:
    """The chooser by the tables of these networks; made once."""
    if "chooser" not in nets.made:
        nets.made["chooser"] = (NativeChooser if clibrary.library() else Chooser)(nets.weights.tables)
    return nets.made["chooser"]


class Choose:
    """A coder that settles a plane's symbols by what they cost. finer: how many planes refine this one."""

    expects = False

    def __init__(self, chooser: Chooser, finer: int):
        self._chooser, self._finer = chooser, finer

    def symbols(self, mean, level, actual):
        return self._chooser.symbols(actual, mean, level, self._finer)

    def digits(self, mean, level, actual):
        return self._chooser.digits(actual, mean, level, self._finer)
