"""How a picture is best restored: weights that bring what latents decode to closest to it, and pay for being sent.

Least squares, plane by plane of colour (Tsai et al. 2013, "Adaptive loop filtering for video coding"), as far as other
photographs make it likely: in the coordinates that are sent, weights are taken as Gaussian (coding/restoration.py).
What a number costs is held against what it saves (numbers.py). What suits these settings was measured on photographs
for training: docs/design-notes.md.
"""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import numpy as np

from ..coding.fitted import Numbers
from ..coding.restoration import BASIS_BITS, Restoration, bases, filter_of, terms
from ..coding.walk import Walk
from ..errors import ChecksumError
from ..models.config import RD_SLOPE, Z1_STRIDE
from ..models.exact.inference import DELTA_BITS
from ..models.exact.restoration import BITS, EVERY, PLANES, Term, equations
from ..models.exact.system import threads
from ..models.tables import LOG2_SCALE_STEP
from ..models.units import FINE
from .numbers import bits_of, rounded
from .quantise import STOP_SHARE

SAMPLE = 1 << 18  # pixels of strips that are looked at
STRIPS = 8  # of rows of blocks, if that is not the whole picture
SPREAD = 1024.0  # of first numbers, standard deviation over photographs, by the making of the bases
COARSE = 8.0, 16.0  # as numbers.COARSE: what is tried
EYE = 0.85, 1.0, 1.0  # of the way to the least squared error, for an eye: it minds what is smooth more
HEAD_BITS = 11  # of what is said of a plane beside its numbers
SHARES = 1 / 3, 1 / 2, 1 / 6  # of the squared error of a plane, in that of all colours


class Savings(NamedTuple):
    """What weights w of a plane of colour save: w . pull - w . curvature w / 2 bits."""

    curvature: np.ndarray
    pull: np.ndarray

    def seen_in(self, directions: np.ndarray) -> Savings:
        """Of coordinates instead."""
        return Savings(directions.T @ self.curvature @ directions, self.pull @ directions)

    def of(self, w: np.ndarray) -> float:
        return float(w @ self.pull - w @ self.curvature @ w / 2)


def wanted(walk: Walk, k: int, beyond: float = 1.0) -> Restoration | None:
    """How a walk that has come to plane k should have its picture restored. None: not at all.

    beyond: how far of the way that is best now.
    """
    delta = walk.nets.delta(walk.plan.t(k))
    ways = EYE if walk.plan.activity else (1.0,) * PLANES
    rows = [_numbers(plane, delta, told, beyond * way) for plane, (told, way) in enumerate(zip(savings(walk, k), ways))]
    return Restoration(rows) if any(rows) else None


def savings(walk: Walk, k: int) -> list[Savings]:
    """Of each plane of colour."""
    plan = walk.plan
    delta = walk.nets.delta(plan.t(k))
    finest = k == plan.planes - 1
    worth = (1.0 if finest else STOP_SHARE) / (RD_SLOPE * (FINE * delta / 2.0**DELTA_BITS) ** 2)  # bits of a square
    equal, seen = _equations(walk, k, [terms(plane, delta) for plane in range(PLANES)])
    times = [2 * worth * share * plan.height * plan.width / seen for share in SHARES]
    return [Savings(by / 4.0**BITS * products, by / 2.0**BITS * sums) for by, (products, sums) in zip(times, equal)]


def _numbers(plane: int, delta: int, told: Savings, way: float) -> Numbers | None:
    """Of one plane, None where they do not pay."""
    basis = bases()[plane]
    seen = told.seen_in(basis.directions / 2.0**BASIS_BITS)
    expected = SPREAD * np.exp2(LOG2_SCALE_STEP * basis.levels)
    best = np.linalg.solve(seen.curvature + np.diag(1 / (np.log(2) * expected**2)), seen.pull)
    found, most = None, 0.0
    for coarse in COARSE:
        (numbers,) = rounded(way * best, seen.curvature, 1, coarse, basis.levels)
        if numbers is None:
            continue
        saved = seen.of(numbers.differences()) - bits_of(numbers, basis.levels) - HEAD_BITS
        if saved > most and _allowed(plane, delta, basis.weights(numbers)):
            found, most = numbers, saved
    return found


def _allowed(plane: int, delta: int, weights: np.ndarray) -> bool:
    """Whether readers take them: larger ones no photograph asks for."""
    try:
        filter_of(plane, delta, weights)
    except ChecksumError:
        return False
    return True


def _equations(walk: Walk, k: int, asked: list[list[Term]]) -> tuple[list[tuple[np.ndarray, np.ndarray]], int]:
    """Of each plane of colour the products of what its weights multiply, (N, N), and of that with what it lacks, (N,);
    and of how many pixels. asked: terms of each plane."""
    plan, seen = walk.plan, 0
    places = {term: place for place, term in enumerate(dict.fromkeys(chain(*asked)))}
    products = np.zeros((len(places) + PLANES,) * 2)
    for rows in _strips(plan.rows, plan.columns):
        x = walk.latents.x[:, Z1_STRIDE * rows.start : Z1_STRIDE * rows.stop]
        # half-way to errors in local steps
        weights = np.sqrt(walk.field.places(rows, slice(plan.columns))) if plan.activity else None
        x_hat = walk.x_hat(k, scale=FINE, wanted=rows)
        products += equations(x_hat, x, list(places), weights, threads())
        seen += -(-x.shape[1] // EVERY) * plan.width
    told = []
    for plane, these in enumerate(asked):
        which = [places[term] for term in these]
        told.append((products[np.ix_(which, which)], products[which, len(places) + plane]))
    return told, seen


def _strips(rows: int, columns: int) -> list[slice]:
    """Rows of blocks that are looked at."""
    wanted = -(-SAMPLE // (Z1_STRIDE**2 * columns))
    if 2 * wanted >= rows:
        return [slice(0, rows)]
    some = -(-wanted // STRIPS)
    return [slice(top, top + some) for top in np.unique(np.linspace(0, rows - some, STRIPS).astype(int))]
