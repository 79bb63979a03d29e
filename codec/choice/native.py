"""What an encoder does with every coefficient, in C (models/exact/native): symbols are chosen, latents moved."""

from __future__ import annotations

from ctypes import Structure, byref, c_double, c_float, c_int, c_void_p

import numpy as np

from ..coding.field import STEPS_LIMIT, WHOLE_LIMIT
from ..models.config import RD_SLOPE, RDO_RATE
from ..models.exact import clibrary
from ..models.exact.clibrary import Source, pointers
from ..models.exact.inference import Networks
from ..models.exact.system import threads
from ..models.tables import CENTROID_UNITS, FRACTIONS, MEAN_UNITS, OFFSETS, SCALE_LEVELS, TAIL
from .quantise import LEVEL_BITS, LEVELS_PER_PLANE, STOP_SHARE, Chooser


def chooser_of(nets: Networks, slope: float) -> Chooser:
    """The chooser by the tables of these networks. slope: as of ``Chooser``."""
    kind = NativeChooser if clibrary.library() else Chooser
    return nets.once(f"chooser {slope}", lambda: kind(nets.weights.tables, slope))


class _Choice(Structure):
    """As native/coefficients.h has it."""

    _fields_ = [
        *((n, c_void_p) for n in ("symbol_bits", "digit_bits", "centroids")),
        *((n, c_int) for n in ("alphabet", "tail", "levels", "limit", "unit_bits", "fraction_bits", "times", "wider")),
        *(("rate", c_float), ("slope", c_double), ("stop_share", c_double)),
    ]


class NativeChooser(Chooser):
    """The same choice in C."""

    def __init__(self, tables: dict[str, np.ndarray], slope: float = RD_SLOPE):
        super().__init__(tables, slope)
        self._reconstructions = np.ascontiguousarray(tables["centroids"], np.int16)
        self._made: dict[int, _Choice] = {}  # by how many planes are finer

    def _choice(self, finer: int) -> _Choice:
        if finer not in self._made:
            tables = pointers(self._symbol_bits, self._digit_bits, self._centroids)
            sizes = self._symbol_bits.shape[1], TAIL, SCALE_LEVELS, OFFSETS // 2
            bits = MEAN_UNITS.bit_length() - 1, FRACTIONS.bit_length() - 1
            costs = 3**finer, round(finer * LEVELS_PER_PLANE), RDO_RATE, self.slope, STOP_SHARE
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
        told = clibrary.way(), byref(self._choice(finer)), digits
        clibrary.library().selfvae_choose(*told, *pointers(z, mean, level), z.size, *pointers(out), threads())
        return out

    def again(self, field, settled, region, z, scale, mean, level, finer, *, refines):
        arrays = z, settled.symbols[region], settled.beside[region], mean, mean if level is None else level
        clibrary.library().selfvae_again(
            *(clibrary.way(), byref(field.at(region)), byref(self._choice(finer)), *pointers(self._reconstructions)),
            *(
                OFFSETS // 2,
                MEAN_UNITS,
                refines,
                LEVEL_BITS if level is None else 0,
                *(byref(Source.of(v)) for v in arrays),
            ),
            *(scale, STEPS_LIMIT, *z.shape[1:], threads()),
        )


def move(field, settled, region, z: np.ndarray, pull: np.ndarray, step: float, pace: float) -> None:
    """As refine.py has it."""
    arrays = settled.symbols[region], settled.beside[region]
    clibrary.library().selfvae_move(
        *(clibrary.way(), byref(field.at(region)), *(byref(Source.of(v)) for v in arrays), CENTROID_UNITS, WHOLE_LIMIT),
        *(byref(Source.of(pull)), byref(Source.of(z)), step, pace, *z.shape[1:], threads()),
    )
