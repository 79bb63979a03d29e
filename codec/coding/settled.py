"""What is settled of z[1], in two or three bytes for each coefficient, since it is whole where all else is strips."""

from __future__ import annotations

import numpy as np

from ..models.tables import CENTROID_UNITS, MEAN_UNITS
from .field import CHANNELS, Field, Region, parts_of
from .lookup import offset_index


class Settled:
    """The symbols of the last plane walked, and z_hat = E[z | all that was settled] next to them.

    symbols: int16 (192, H/8, W/8), in local steps; 0 where nothing is coded. beside: z_hat less its symbol, in
    1/CENTROID_UNITS, int8 or wider where it must be. centroids: of the tables.
    """

    def __init__(self, rows: int, columns: int, centroids: np.ndarray):
        shape = 192, rows, columns
        self.centroids = centroids
        self.symbols = np.zeros(shape, np.int16)
        self.beside = np.zeros(shape, np.int8)
        self._make_room(centroids)

    def copy(self) -> Settled:
        other = self.__class__.__new__(self.__class__)
        other.__dict__.update(self.__dict__)
        other.symbols, other.beside = self.symbols.copy(), self.beside.copy()
        return other

    def settle(self, region: Region, symbols: np.ndarray, mean: np.ndarray, level: np.ndarray, *, refines: bool):
        """Symbols of a plane, int32, and z_hat, by their prior. Those that refine a coarser one are digits."""
        self._add(region, symbols, refines)
        self.beside[region] = centroid(self.centroids, symbols, mean, level)

    def expect(self, region: Region, symbols: np.ndarray, z: np.ndarray, *, refines: bool) -> None:
        """The same with another z_hat, int32 in 1/CENTROID_UNITS of the local step, from the same middle as symbols."""
        beside = z - CENTROID_UNITS * symbols
        self._make_room(beside)
        self._add(region, symbols, refines)
        self.beside[region] = beside

    def rest(self, first: int, *, refines: bool) -> None:
        """Nothing is said of channels from the first on: their symbols are 0, and what is expected is the same."""
        for part in parts_of(len(self.symbols))[first // CHANNELS :]:
            part = slice(max(part.start, first), part.stop)
            if self.symbols[part].any():  # memory that nobody has written to yet takes no room
                self.symbols[part] *= 3 if refines else 0
            if self.beside[part].any():
                self.beside[part] = 0

    def _add(self, region: Region, symbols: np.ndarray, refines: bool) -> None:
        self.symbols[region] = 3 * self.symbols[region].astype(np.int32) + symbols if refines else symbols

    def _make_room(self, beside: np.ndarray) -> None:
        """For such values."""
        if self.beside.itemsize == 1 and max(beside.max(initial=0), -beside.min(initial=0)) > np.iinfo(np.int8).max:
            self.beside = self.beside.astype(np.int16)

    def z(self, field: Field, rows: slice, columns: slice) -> np.ndarray:
        """z_hat of all channels, int32, in 1/CENTROID_UNITS of the step D."""
        region = slice(None), rows, columns
        return field.whole(region, self.symbols[region], self.beside[region])

    def z_and_rounded(self, field: Field, rows: slice, columns: slice, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """The same, and round(z_hat / 2^bits) as far as int16 goes."""
        z, most = self.z(field, rows, columns), np.iinfo(np.int16)
        return z, (z + (1 << bits >> 1) >> bits).clip(most.min, most.max).astype(np.int16)


def centroid(centroids: np.ndarray, symbols: np.ndarray, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
    """E[z | symbol] less the symbol, in 1/CENTROID_UNITS."""
    return centroids[level, offset_index(symbols * MEAN_UNITS - mean)]
