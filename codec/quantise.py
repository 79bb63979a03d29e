"""Which symbols the encoder codes: rate-distortion optimised quantisation, as training does it (models/selfvae.py).

Finer planes build on coarser ones, so these choose only where the finest plane can still come close. A decoder never
knows: it reads symbols, whatever made them.
"""

from __future__ import annotations

import numpy as np

from .lookup import digit_tables, offset_index, symbol_tables
from .models.config import RD_SLOPE, RDO_RATE, RDO_REACH
from .models.tables import CENTROID_UNITS, MEAN_UNITS, PRECISION, TAIL


def rounded(z: np.ndarray) -> np.ndarray:
    return np.rint(z).astype(np.int32)


class Chooser:
    """Picks, symbol by symbol, the rounded latent or its neighbour towards the mean, whichever costs less.

    Means and levels as in coders.py; ``z`` is the latent in steps, of any float type; ``finer`` is how many planes
    refine the one that chooses.
    """

    def __init__(self, tables: dict[str, np.ndarray]):
        self._symbol_bits = (PRECISION - np.log2(tables["symbols"])).astype(np.float32)
        self._digit_bits = (PRECISION - np.log2(tables["digits"])).astype(np.float32)
        self._centroids = (tables["centroids"] / CENTROID_UNITS).astype(np.float32)

    def symbols(self, z: np.ndarray, mean: np.ndarray, level: np.ndarray, finer: int) -> np.ndarray:
        """Symbols of a first plane, int32."""

        def bits(symbols, mean, level):
            base, table = symbol_tables(mean, level)
            return self._symbol_bits[table, (symbols - base).clip(-TAIL, TAIL + 1) + TAIL]

        return self._choose(z, rounded(z), mean, level, bits, finer)

    def digits(self, z: np.ndarray, mean: np.ndarray, level: np.ndarray, finer: int) -> np.ndarray:
        """Digits -1, 0, 1, int32; z and mean are relative to the coarser bin's centre."""

        def bits(digits, mean, level):
            return self._digit_bits[digit_tables(mean, level), digits + 1]

        return self._choose(z, rounded(z).clip(-1, 1), mean, level, bits, finer, limit=1)

    def _choose(self, z, plain, mean, level, bits, finer: int, limit: int | None = None) -> np.ndarray:
        distance = mean - plain * MEAN_UNITS
        neighbour = plain + np.sign(distance)
        open_ = np.abs(distance) > MEAN_UNITS // 2
        if limit is not None:
            open_ &= np.abs(neighbour) <= limit
        if finer:
            open_ &= np.abs(z - neighbour) <= 0.5 + RDO_REACH / 3**finer
        z, symbols, mean, level = z[open_].astype(np.float32), plain[open_], mean[open_], level[open_]
        towards = neighbour[open_]

        def cost(v):
            decoded = v + self._centroids[level, offset_index(v * MEAN_UNITS - mean)]
            return RDO_RATE * bits(v, mean, level) + np.square(z - decoded) / RD_SLOPE

        chosen = plain.copy()
        chosen[open_] = np.where(cost(towards) < cost(symbols), towards, symbols)
        return chosen
