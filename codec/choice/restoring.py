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
from ..models.exact.restoration import BITS, PLANES, Term, colours, difference, planes_of
from ..models.units import FINE
from .numbers import bits_of, rounded
from .quantise import STOP_SHARE

SAMPLE = 1 << 18  # pixels of strips that are looked at,
EVERY = 3  # rows apart, so that all rows of blocks have their turn
STRIPS = 8  # of rows of blocks, if that is not the whole picture
RIDGE = 1e-3  # of the mean curvature, so that what hardly matters stays
COARSE = 8.0  # as numbers.COARSE
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
        rows.append(
            _numbers(plane, delta, times * products, 2.0**BITS * times * sums, EYE[plane] if plan.activity else 1.0)
        )
    return Restoration(rows) if any(rows) else None


def _numbers(plane: int, delta: int, curvature: np.ndarray, pull: np.ndarray, share: float) -> Numbers | None:
    """Of one plane, None where they do not pay. Bits that weights w save are w . pull - w . curvature w / 2."""
    ridge = RIDGE * np.trace(curvature) / len(curvature) + 1e-12
    best = np.linalg.solve(curvature + ridge * np.eye(len(curvature)), pull)
    (numbers,) = rounded(share * best, curvature, 1, COARSE)
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
        x_hat = walk.x_hat(k, scale=FINE, wanted=rows)
        x = walk.latents.x[:, Z1_STRIDE * rows.start : Z1_STRIDE * rows.stop : EVERY].astype(np.int16) * FINE
        here = slice(0, EVERY * x.shape[1], EVERY), slice(0, x.shape[2])
        planes = planes_of(x_hat)
        found = np.empty((len(products), *x.shape[1:]), np.float32)
        for term, place in places.items():
            found[place] = difference(planes, term, *here)
        found[len(places) :] = colours(x - x_hat[(slice(None), *here)].astype(np.int16))
        if plan.activity:
            weight = np.sqrt(walk.field.places(rows, slice(plan.columns)))  # half-way to errors in local steps
            found *= weight.repeat(Z1_STRIDE, 0).repeat(Z1_STRIDE, 1)[here]
        found = found.reshape(len(found), -1)
        products += found @ found.T
        seen += found.shape[1]
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
    return [slice(top, top + some) for top in np.linspace(0, rows - some, STRIPS).astype(int)]
