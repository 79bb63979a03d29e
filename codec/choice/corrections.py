"""Corrections by neighbours that suit a picture: their weights are found by Newton steps, like heads (fit.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..coding.fitted import Numbers
from ..coding.neighbours import BITS, CONSTANT, Around, counts
from ..models.tables import MEAN_UNITS, SCALE_LEVELS
from ..models.walk import COLOURS, LATTICE
from .charges import Charges
from .numbers import rounded

ITERATIONS = 3
RIDGE = 1e-4  # of a weight's own curvature


@dataclass
class Told:
    """What a network says of a part of its sub-lattice, and what is true.

    mean: (3, h, w), pixel values that colours before have moved; level, residual: (3, h, w); all float32.
    asked: (h, w), what is coded and seen as in the whole picture. Rows and columns begin where quarters do.
    """

    mean: np.ndarray
    level: np.ndarray
    residual: np.ndarray
    asked: np.ndarray


def correct(
    told: Sequence[Told], charges: Charges, colours: int, positions: float
) -> tuple[list[Numbers | None], float]:
    """Numbers of the corrections of a network, and the bits of residuals that they save.

    positions: of the sub-lattice, of which ``told`` are parts.
    """
    asked = [_inner(part.asked) for part in told]
    share = sum(int(a.sum()) for a in asked) / positions
    rows: list[Numbers | None] = [None] * len(counts())
    saved = 0.0
    if not share:
        return rows, saved
    around = [Around(*part.asked.shape) for part in told]
    for colour in range(colours):
        for part, known in zip(told, around):
            _know(known, part, colour)
        for quarter in range(len(LATTICE)):
            seen = [_seen(*three, quarter, colour) for three in zip(told, around, asked)]
            row = 2 * (len(COLOURS) * quarter + colour)
            rows[row : row + 2], less = _solved([np.concatenate(v) for v in zip(*seen)], charges, share)
            saved += less
    return rows, saved


def _inner(asked: np.ndarray) -> np.ndarray:
    """Where all around is asked, too."""
    around = np.pad(asked, 1)
    height, width = asked.shape
    shifted = [around[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return np.logical_and.reduce(shifted)


def _know(around: Around, told: Told, colour: int) -> None:
    around.begin()
    mean, level = (np.rint(v[colour]).astype(np.int32) for v in (MEAN_UNITS * told.mean, told.level))
    for quarter, (i, j) in enumerate(LATTICE):
        here = np.s_[i::2, j::2]
        around.know(quarter, mean[here], level[here], told.residual[colour][here])


def _seen(told: Told, around: Around, asked: np.ndarray, quarter: int, colour: int) -> tuple[np.ndarray, ...]:
    """What weights of means and of levels are multiplied with, (N, K) and (N, L); mean, level and residual, (N,)."""
    i, j = LATTICE[quarter]
    here = asked[i::2, j::2]
    of_level = around.of_level(quarter)
    if of_level:
        of_level.append(np.full(here.shape, CONSTANT))

    def columns(features, unit):
        found = np.empty((int(here.sum()), len(features)), np.float32)
        for column, feature in enumerate(features):
            found[:, column] = feature[here] / unit
        return found

    said = (v[colour, i::2, j::2][here] for v in (told.mean, told.level, told.residual))
    return columns(around.of_mean(quarter), MEAN_UNITS << BITS), columns(of_level, 1 << BITS), *said


def _solved(seen: Sequence[np.ndarray], charges: Charges, share: float) -> tuple[list[Numbers | None], float]:
    """Numbers for the weights of means and levels, and the bits that they save in the whole picture."""
    of_mean, of_level, mean, level, residual = seen

    def charged(weights):
        by_mean, by_level = (f @ w.astype(np.float32) for f, w in zip((of_mean, of_level), weights))
        return charges(mean + by_mean, (level + by_level).clip(0, SCALE_LEVELS - 1), residual)

    none = [np.zeros(of_mean.shape[1]), np.zeros(of_level.shape[1])]
    weights, curvature = none, [np.zeros((len(w), len(w))) for w in none]
    bits, *slopes, nearest = charged(weights)
    before = bits.sum(dtype=np.float64)
    for _ in range(ITERATIONS):
        stepped = []
        for n, (features, of) in enumerate(((of_mean, charges.of_mean), (of_level, charges.of_level))):
            weighed = features * of[nearest][:, None]
            curvature[n] = (weighed.T @ features).astype(np.float64)
            damped = curvature[n] + np.diag(RIDGE * curvature[n].diagonal() + 1e-12)
            stepped.append(weights[n] - np.linalg.solve(damped, features.T @ slopes[n]))
        weights = stepped
        bits, *slopes, nearest = charged(weights)
    rows = [rounded(w, h / share, 1)[0] if len(w) else None for w, h in zip(weights, curvature)]
    after = charged([n if r is None else r.differences() for r, n in zip(rows, none)])[0].sum(dtype=np.float64)
    if after >= before:
        return [None, None], 0.0
    return rows, float(before - after) / share
