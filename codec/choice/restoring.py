"""How a picture is best restored: weights that bring what latents decode to closest to it, and pay for being sent.

Least squares, plane by plane of colour (Tsai et al. 2013, "Adaptive loop filtering for video coding"). What a weight
costs is held against what it saves (numbers.py). What suits these settings was measured on photographs for training:
docs/design-notes.md.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from ..coding.fitted import Numbers
from ..coding.restoration import Restoration, filter_of, terms
from ..coding.walk import Walk
from ..errors import ChecksumError
from ..models.config import RD_SLOPE, Z1_STRIDE
from ..models.exact.inference import DELTA_BITS
from ..models.exact.restoration import BITS, EVERY, PLANES, Term, equations
from ..models.exact.system import threads
from ..models.units import FINE
from .numbers import bits_of, rounded
from .quantise import STOP_SHARE

SAMPLE = 1 << 18  # pixels of strips that are looked at
STRIPS = 8  # of rows of blocks, if that is not the whole picture
RIDGE = 1e-3  # of the mean curvature, so that what hardly matters stays
EYE = 0.75, 1.0, 1.0  # of the way to the least squared error, for an eye: it minds what is smooth more
HEAD_BITS = 16  # of what is said of a plane beside its numbers
SHARES = 1 / 3, 1 / 2, 1 / 6  # of the squared error of a plane, in that of all colours


def wanted(walk: Walk, k: int) -> Restoration | None:
    """How a walk that has come to plane k should have its picture restored. None: not at all."""
    plan = walk.plan
    delta = walk.nets.delta(plan.t(k))
    finest = k == plan.planes - 1
    worth = (1.0 if finest else STOP_SHARE) / (RD_SLOPE * (FINE * delta / 2.0**DELTA_BITS) ** 2)  # bits of a square
    told, seen = _equations(walk, k, [terms(plane, delta) for plane in range(PLANES)])
    rows = []
    for plane, (share, (products, sums)) in enumerate(zip(SHARES, told)):
        times = 2 * worth * share * plan.height * plan.width / seen / 4.0**BITS
        way = EYE[plane] if plan.activity else 1.0
        rows.append(_numbers(plane, delta, times * products, 2.0**BITS * times * sums, way))
    return Restoration(rows) if any(rows) else None


def _numbers(plane: int, delta: int, curvature: np.ndarray, pull: np.ndarray, way: float) -> Numbers | None:
    """Of one plane, None where they do not pay. Bits that weights w save are w . pull - w . curvature w / 2."""
    ridge = RIDGE * np.trace(curvature) / len(curvature) + 1e-12
    best = np.linalg.solve(curvature + ridge * np.eye(len(curvature)), pull)
    (numbers,) = rounded(way * best, curvature, 1)
    if numbers is None:
        return None
    w = numbers.differences()
    if w @ pull - w @ curvature @ w / 2 < bits_of(numbers) + HEAD_BITS:
        return None
    try:
        filter_of(plane, delta, w)
    except ChecksumError:  # weights as large as no photograph asks for
        return None
    return numbers


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
