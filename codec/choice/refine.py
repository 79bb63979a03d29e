"""Latents that suit the decoder, for ``--effort``: what the encoder codes moves until decoding comes closest.

The analysis inverts the synthesis transform, which is best only before quantisation: basis functions overlap and are
not orthogonal, so that the errors of symbols add up, and the synthesis network moves the picture once more. Each pass
here chooses the symbols of a file, looks at what a decoder shows of them, and moves the latents that symbols are chosen
for: proximal gradient descent on rate and distortion (Beck & Teboulle 2009, section 2), with the choice of symbols in
place of the proximal map. The gradient is that of the linear synthesis; its network's adds nothing (design-notes.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..coding.latents import Latents
from ..coding.plan import Plan
from ..coding.walk import Walk
from ..models.config import PACE, Z1_STRIDE
from ..models.exact.inference import DELTA_BITS, Networks
from ..models.tables import CENTROID_UNITS
from .quantise import Choose, chooser_of

ROWS = 64  # of blocks that are moved at a time


class AskedOnce:
    """Networks whose first answers stand: what symbols cost hardly changes from pass to pass.

    Answers are kept in as few bits as hold them. Features serve other networks alone, and are computed once.
    """

    def __init__(self, nets: Networks):
        self._nets, self._answers = nets, {}

    def __getattr__(self, name: str):
        network = getattr(self._nets, name)
        if name not in ("hyper_analysis", "z2_prior", "context", "lead", "features", "group"):
            return network

        def answer(*asked):
            key = (name, *(a for a in asked if isinstance(a, int)))  # index and step
            if key not in self._answers:
                first = network(*asked)
                self._answers[key] = None if name == "features" else _packed(first)
                return first
            return self._answers[key]

        return answer


def _packed(answer):
    """Networks answer within 16 bits (units.WIDE_LIMIT), with means and scale levels or alone; levels are few."""
    if isinstance(answer, tuple):
        mean, level = answer
        return mean.astype(np.int16), level.astype(np.int16 if level.min() < 0 or level.max() > 255 else np.uint8)
    return answer.astype(np.int16)


def refine(nets: Networks, plan: Plan, latents: Latents, effort: int) -> None:
    """Move z[1] of latents, in place, in ``effort`` passes.

    The first takes as long as encoding without any, others less than half.
    """
    chooser, last = chooser_of(nets), plan.planes - 1
    asked: Any = AskedOnce(nets)
    walk = Walk(asked, plan, latents)
    walk.y = list(latents.y)
    for _ in range(effort):
        for k in range(plan.planes):
            walk.plane(k, Choose(chooser, last - k))
        _move(walk)


def _move(walk: Walk) -> None:
    """z[1] by what the decoded picture lacks, inside the picture alone: what is padded has nothing to show."""
    nets, plan, z1 = walk.nets, walk.plan, walk.latents.z1
    last = plan.planes - 1
    decoded = walk.picture(last).transpose(2, 0, 1)
    step = np.float32(nets.delta(plan.t(last)) / 2.0**DELTA_BITS / CENTROID_UNITS)
    for first in range(0, plan.rows, ROWS):
        # one row of blocks more on each side, which the transform reads
        rows, start = slice(first, min(first + ROWS, plan.rows)), max(first - 1, 0)
        stop = min(rows.stop + 1, plan.rows)
        missing = np.zeros((3, Z1_STRIDE * (stop - start), Z1_STRIDE * plan.columns), np.int16)
        inside = np.s_[:, Z1_STRIDE * start : min(Z1_STRIDE * stop, plan.height), : plan.width]
        part = walk.latents.x[inside].astype(np.int16) - decoded[inside]
        missing[:, : part.shape[1], : part.shape[2]] = part
        pull = nets.pull(missing)[:, rows.start - start : rows.stop - start]
        here = z1[:, rows, : plan.columns]
        here += np.float32(PACE) * (walk.latents_in(rows) * step + pull - here)
