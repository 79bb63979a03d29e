"""The step field: local steps D / g, where log2 g is a whole number of the tables' scale steps (FORMAT.md).

Networks know the step D and see both ends of the field. What they say is brought to local steps, and what they are
told back to steps of D, by tables of integers: means times g, scale levels plus log2 g, known symbols and decoded
latents times 1/g.
"""

from __future__ import annotations

import numpy as np

from ..models.activity import STEP
from ..models.config import FIELD_ENDS, Z1_STRIDE
from ..models.tables import CENTROID_UNITS, FIELD_LIMIT, GAIN_BITS, SCALE_LEVELS
from ..models.units import MEAN_LIMIT, RESIDUAL_MAX, RESIDUAL_UNITS, SYMBOL_INPUT_LIMIT, SYMBOL_LIMIT, SYMBOL_UNITS

KNOWN_LIMIT = SYMBOL_LIMIT << 4  # of symbols that networks are told; 2^-4 is below every g
KNOWN_BITS = GAIN_BITS - (SYMBOL_UNITS.bit_length() - 1)
WHOLE_LIMIT = 1 << 23  # of latents in parts of D; far beyond what pictures reach, and what sums of the synthesis bear
CHANNELS = 16  # at a time, to bound memory
STEPS_LIMIT = 32000  # of latents in local steps; far beyond what 8-bit pictures reach
Region = tuple[slice, slice, slice]  # of z[1]: channels, rows and columns of blocks


class Field:
    """g of every coefficient of z[1], as log2 in LOG2_SCALE_STEP: F by channel plus A by block.

    fall: row of the table of F. activity: symbols of the map, int32 (1, h, w), its stride, and so A; without it A is 1.
    """

    def __init__(self, tables: dict[str, np.ndarray], fall: int, activity: np.ndarray | None = None, stride: int = 0):
        self._gains = tables["gains"]
        self._channels = tables["fields"][fall].astype(np.int32)
        self._blocks = None
        if activity is not None:
            cell = stride // Z1_STRIDE
            self._blocks = (STEP * activity[0]).repeat(cell, 0).repeat(cell, 1).clip(-FIELD_LIMIT, FIELD_LIMIT)

    def log2(self, region: Region) -> np.ndarray:
        """log2 g of a part of z[1], int32, broadcastable to it."""
        channels, rows, columns = region
        k = self._channels[channels, None, None]
        return k if self._blocks is None else (k + self._blocks[rows, columns]).clip(-FIELD_LIMIT, FIELD_LIMIT)

    def ends(self, rows: slice, columns: slice) -> np.ndarray:
        """log2 g of the lowest and the highest frequency, what networks see of the field: int32 (2, rows, columns)."""
        shape = [len(range(part.start or 0, part.stop, part.step or 1)) for part in (rows, columns)]
        k = np.concatenate([self.log2((slice(end, end + 1 or None), rows, columns)) for end in FIELD_ENDS])
        return np.ascontiguousarray(np.broadcast_to(k, (len(k), *shape)))

    def local(self, region: Region, mean: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and scale levels in steps of D, int16 -> in local steps, int32."""
        k = self.log2(region)
        mean = self._times(k, mean.astype(np.int32), GAIN_BITS)
        return mean.clip(-MEAN_LIMIT, MEAN_LIMIT), (level + k).clip(0, SCALE_LEVELS - 1)

    def known(self, region: Region, symbols: np.ndarray) -> np.ndarray:
        """Symbols of local steps, int16 -> what networks see of them, int16 in 1/SYMBOL_UNITS of D."""
        k, out = -self.log2(region), np.empty(symbols.shape, np.int16)
        for part in parts_of(len(out)):
            seen = self._times(k[part], symbols[part].clip(-KNOWN_LIMIT, KNOWN_LIMIT), KNOWN_BITS)
            out[part] = seen.clip(-SYMBOL_INPUT_LIMIT, SYMBOL_INPUT_LIMIT)
        return out

    def whole(self, region: Region, symbols: np.ndarray, beside: np.ndarray) -> np.ndarray:
        """Symbols of local steps and what latents have beside them, in 1/CENTROID_UNITS, int16 or int8 -> latents in
        1/CENTROID_UNITS of D, int32."""
        k, out = -self.log2(region), np.empty(symbols.shape, np.int32)
        for part in parts_of(len(out)):
            whole = self._times(k[part], CENTROID_UNITS * symbols[part].astype(np.int64) + beside[part], GAIN_BITS)
            out[part] = whole.clip(-WHOLE_LIMIT, WHOLE_LIMIT)
        return out

    def in_steps(self, region: Region, z: np.ndarray, scale: float, coarser: np.ndarray | None = None) -> np.ndarray:
        """Latents times ``scale``, in steps of D -> in local steps, float32, less what symbols of a plane that is
        coarser, int16, say of them."""
        local = (z * (np.float32(scale) * self.steps(region))).clip(-STEPS_LIMIT, STEPS_LIMIT)
        return local if coarser is None else local - np.float32(3) * coarser

    def steps(self, region: Region) -> np.ndarray:
        """g, float32: how many local steps a step of D is."""
        return self._gains[self.log2(region) + FIELD_LIMIT].astype(np.float32) / 2**GAIN_BITS

    def places(self, rows: slice, columns: slice) -> np.ndarray:
        """A of each block, float32 (rows, columns)."""
        if self._blocks is None:
            return np.ones([len(range(part.start or 0, part.stop)) for part in (rows, columns)], np.float32)
        return self._gains[self._blocks[rows, columns] + FIELD_LIMIT].astype(np.float32) / 2**GAIN_BITS

    def bound(self, rows: slice, columns: slice) -> np.ndarray | None:
        """How far the synthesis may move pixels of each block, in 1/RESIDUAL_UNITS of D: half a step of D, or of D / A
        where that is less. None where it is D / 2 everywhere."""
        if self._blocks is None:
            return None
        half = int(RESIDUAL_MAX * RESIDUAL_UNITS)
        return np.minimum(self._times(-self._blocks[rows, columns], np.array(half), GAIN_BITS), half)

    def _times(self, k: np.ndarray, v: np.ndarray, bits: int) -> np.ndarray:
        """round(v 2^(k LOG2_SCALE_STEP)), in units of 2^(GAIN_BITS - bits)."""
        return (v * self._gains[k + FIELD_LIMIT] + (1 << (bits - 1))) >> bits


def parts_of(count: int) -> list[slice]:
    return [slice(first, first + CHANNELS) for first in range(0, count, CHANNELS)]
