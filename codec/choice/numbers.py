"""Numbers for differences that pay for being sent: which step, which scale level, which of them are worth a bit.

Bits of a picture are taken as quadratic in its differences. Each number in turn takes the value that is best given all
others, what it costs counted (coordinate descent on rate and distortion, as trellis quantisers do it).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..coding.fitted import SHIFTS, Numbers, levels_of
from ..models.tables import PRECISION, SCALE_LEVELS, TAIL, scale_values

COARSE = 8.0  # a step of a number, in standard deviations that the picture leaves it
SWEEPS = 3  # over all numbers


def rounded(
    wanted: np.ndarray, curvature: np.ndarray, rows: int, coarse: float = COARSE, beside: np.ndarray | int = 0
) -> list[Numbers | None]:
    """Numbers for differences (R,) of which bits have this curvature (R, R): what they cost and what they save.

    coarse: a step of a number, in standard deviations that the picture leaves it; beside: as of ``fitted.settle_row``,
    the same for every row.
    """
    count = len(wanted) // rows
    diagonal = np.diag(curvature).copy()
    shifts = np.zeros(len(wanted), int)
    for r in range(rows):
        part = slice(r * count, (r + 1) * count)
        typical = np.sqrt(np.mean(diagonal[part])) + 1e-12
        least = np.ceil(np.log2(np.abs(wanted[part]).max() / TAIL + 1e-12))  # so that none is cut off
        shifts[part] = int(np.clip(max(least, np.rint(np.log2(coarse / typical))), 0, SHIFTS - 1))
    step = np.exp2(shifts)
    q = np.rint(wanted / step).clip(-TAIL, TAIL)
    levels = [0] * rows
    pull = curvature @ (q * step - wanted)
    for _ in range(SWEEPS):
        for r in range(rows):
            levels[r] = _level(q[r * count : (r + 1) * count], beside)
        each = _ALL[_levels(levels, count, beside).ravel()]
        for n in np.argsort(-diagonal * step**2):
            bits, c = each[n], diagonal[n] * step[n] ** 2
            best = q[n] - pull[n] * step[n] / max(c, 1e-12)  # were it free
            if not q[n] and abs(best) < 0.5:
                continue
            tried = np.unique(np.rint([best, best - np.sign(best), 0, q[n]]).clip(-TAIL, TAIL))
            moved = tried - q[n]
            cost = 0.5 * c * moved**2 + pull[n] * step[n] * moved + bits[np.abs(tried).astype(int)]
            change = moved[cost.argmin()]
            if change:
                q[n] += change
                pull += curvature[n] * (change * step[n])
    out: list[Numbers | None] = []
    for r in range(rows):
        part = slice(r * count, (r + 1) * count)
        values = q[part].astype(np.int32)
        out.append(Numbers(int(shifts[part][0]), 0, _level(values, beside), values) if values.any() else None)
    return out


def _number_bits(level: int) -> np.ndarray:
    """What numbers 0..TAIL cost at a scale level."""
    scale, n = scale_values()[level], np.arange(TAIL + 1)
    mass = 1 / (1 + np.exp(-(n + 0.5) / scale)) - 1 / (1 + np.exp(-(n - 0.5) / scale))
    return -np.log2(np.maximum(mass, 2.0**-PRECISION))


_ALL = np.stack([_number_bits(level) for level in range(SCALE_LEVELS)])


def _levels(rows: Sequence[int], count: int, beside: np.ndarray | int) -> np.ndarray:
    """Scale levels (rows, count) of the numbers of some rows."""
    return levels_of(np.array(rows)[:, None], np.broadcast_to(beside, count))


def _level(values: np.ndarray, beside: np.ndarray | int) -> int:
    """The scale level of a row at which they take the fewest bits."""
    levels = _levels(range(SCALE_LEVELS), len(values), beside)
    return int(_ALL[levels, np.abs(values).astype(int)].sum(1).argmin())


def bits_of(numbers: Numbers, beside: np.ndarray | int = 0) -> float:
    """What the values of a row cost. beside: as of ``rounded``."""
    (levels,) = _levels([numbers.level], len(numbers.values), beside)
    return float(_ALL[levels, np.abs(numbers.values)].sum())
