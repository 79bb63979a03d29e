"""What is settled of z[1], in two or three bytes for each coefficient, since it is whole where all else is strips."""

from __future__ import annotations

import numpy as np

from ..models.tables import CENTROID_UNITS
from .field import Field, Region

CHANNELS = 16  # at a time, to bound memory


class Settled:
    """The symbols of the last plane walked, and z_hat = E[z | all that was settled] next to them.

    symbols: int16 (192, H/8, W/8), in local steps; 0 where nothing is coded.
    """

    def __init__(self, rows: int, columns: int):
        shape = 192, rows, columns
        self.symbols = np.zeros(shape, np.int16)
        self._beside = np.zeros(shape, np.int8)  # z_hat less its symbol, in 1/CENTROID_UNITS; wider where it must be

    def copy(self) -> Settled:
        other = Settled.__new__(Settled)
        other.symbols, other._beside = self.symbols.copy(), self._beside.copy()
        return other

    def coarsen(self) -> None:
        """Back to the symbols of the coarser plane, which those of the last one refine; z_hat is not known any more."""
        for first in range(0, len(self.symbols), CHANNELS):
            part = self.symbols[first : first + CHANNELS]
            part[:] = (part + 1) // 3

    def settle(self, region: Region, symbols: np.ndarray, z: np.ndarray) -> None:
        """symbols: int32; z: z_hat, int32 in 1/CENTROID_UNITS of the local step."""
        beside = z - CENTROID_UNITS * symbols
        if self._beside.itemsize == 1 and max(beside.max(initial=0), -beside.min(initial=0)) > np.iinfo(np.int8).max:
            self._beside = self._beside.astype(np.int16)  # of symbols that were not read, but expected
        self.symbols[region], self._beside[region] = symbols, beside

    def z(self, field: Field, rows: slice, columns: slice) -> np.ndarray:
        """z_hat of all channels, int32, in 1/CENTROID_UNITS of the step D."""
        out = np.empty(self.symbols[:, rows, columns].shape, np.int32)
        for first in range(0, len(out), CHANNELS):
            part = slice(first, first + CHANNELS), rows, columns
            z = CENTROID_UNITS * self.symbols[part].astype(np.int32) + self._beside[part]
            out[part[0]] = field.whole(field.log2(part), z)
        return out
