"""Which symbols the encoder codes: rate-distortion optimised quantisation, as training does it (networks/selfvae.py).

A symbol of a plane that finer ones refine decides twice: what a decoder shows that stops there, and where the finest
plane can still end. A decoder never knows: it reads symbols, whatever made them.
"""

from __future__ import annotations

import math

import numpy as np

from ..coding.coders import Asked, rounded
from ..coding.lookup import digit_tables, offset_index, symbol_tables
from ..coding.plan import Plan
from ..models.config import RD_SLOPE, RDO_RATE
from ..models.tables import CENTROID_UNITS, LOG2_SCALE_STEP, MEAN_UNITS, PRECISION, SCALE_LEVELS, TAIL

STOP_SHARE = 0.4  # of what a stop costs counts beside the end, which nearly everybody looks at
# What a bit of latents is worth in a lossless file: more, since pixels make good a part of an error for few bits. The
# first is what mostly suits.
LOSSLESS_SLOPES = tuple(times * RD_SLOPE for times in (1.6, 1.0, 2.5))
LEVEL_BITS = (SCALE_LEVELS - 1).bit_length()
LEVELS_PER_PLANE = math.log2(3) / LOG2_SCALE_STEP  # a scale is three times as many steps of the next plane


def slope_of(lossless: bool) -> float:
    """What a bit of latents is worth, squared steps; lossless: of a file that holds the exact pixels, too."""
    return LOSSLESS_SLOPES[0] if lossless else RD_SLOPE


def kept(mean: np.ndarray, level: np.ndarray, *, digits: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Means and scale levels in few bits: int8 or int16, and uint8; those of digits in one int16, the level below.

    Digits' means fit since they are far outside the coarser bin where they are cut off: one digit is certain there.
    """
    if digits:
        most = np.iinfo(np.int16).max >> LEVEL_BITS
        return (mean.clip(~most, most) << LEVEL_BITS | level).astype(np.int16), None
    small = max(mean.max(initial=0), -mean.min(initial=0)) <= np.iinfo(np.int8).max
    return mean.astype(np.int8 if small else np.int16), level.astype(np.uint8)


def _known(mean: np.ndarray, level: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What was kept, int32."""
    whole = mean.astype(np.int32)
    return (whole >> LEVEL_BITS, whole & SCALE_LEVELS - 1) if level is None else (whole, level.astype(np.int32))


class Chooser:
    """Picks, symbol by symbol, the rounded latent or its neighbour towards the mean, whichever costs less.

    Means and levels as in coders.py; ``z`` is the latent in local steps, of any float type, in which all
    errors count alike; ``finer`` is how many planes refine the one that chooses.
    """

    def __init__(self, tables: dict[str, np.ndarray], slope: float = RD_SLOPE):
        """slope: how much squared error, in steps, a bit is worth."""
        self.slope = slope
        self._symbol_bits = (PRECISION - np.log2(tables["symbols"])).astype(np.float32)
        self._digit_bits = (PRECISION - np.log2(tables["digits"])).astype(np.float32)
        self._centroids = (tables["centroids"] / CENTROID_UNITS).astype(np.float32)

    def symbols(self, z: np.ndarray, mean: np.ndarray, level: np.ndarray, finer: int) -> np.ndarray:
        """Symbols of a first plane, int32."""
        return self._choose(z, rounded(z), mean, level, self._bits_of_symbols, finer)

    def digits(self, z: np.ndarray, mean: np.ndarray, level: np.ndarray, finer: int) -> np.ndarray:
        """Digits -1, 0, 1, int32; z and mean are relative to the coarser bin's centre."""
        return self._choose(z, rounded(z).clip(-1, 1), mean, level, self._bits_of_digits, finer, limit=1)

    def again(self, field, settled, region, z, scale, mean, level, finer: int, *, refines: bool) -> None:
        """Choose symbols of a part of a plane, by a prior kept in few bits, and settle them.

        field, settled: as of Walk. z, scale: as of Field.in_steps. mean, level: as ``kept`` gives them.
        """
        coarser = settled.symbols[region] if refines else None
        z = field.in_steps(region, z, scale, coarser)
        mean, level = _known(mean, level)
        symbols = (self.digits if refines else self.symbols)(z, mean, level, finer)
        settled.settle(region, symbols, mean, level, refines=refines)

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
        return RDO_RATE * bits(v, mean, level) + np.square(z - decoded) / self.slope

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


class Choose(Asked):
    """A coder that settles a plane's symbols by what they cost. finer: how many planes refine this one."""

    expects = False

    def __init__(self, chooser: Chooser, finer: int):
        self._chooser, self._finer = chooser, finer

    def groups(self, count, actual):
        return actual

    def symbols(self, mean, level, actual):
        return self._chooser.symbols(actual, mean, level, self._finer)

    def digits(self, mean, level, actual):
        return self._chooser.digits(actual, mean, level, self._finer)


def choice_of(plan: Plan, index: int, chooser: Chooser) -> Choose | None:
    """What settles the symbols of level index + 1, if it is one of latents."""
    return Choose(chooser, plan.first_latent + plan.planes - 1 - index) if plan.has_latents(index) else None
