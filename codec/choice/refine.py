"""Latents that suit the decoder, for ``--effort``: what the encoder codes moves until decoding comes closest.

The analysis inverts the synthesis transform, which is best only before quantisation: basis functions overlap and are
not orthogonal, so that the errors of symbols add up, and the synthesis network moves the picture once more. Each pass
here chooses the symbols of a file, looks at what a decoder shows of them, and moves the latents that symbols are chosen
for: proximal gradient descent on rate and distortion (Beck & Teboulle 2009, section 2), with the choice of symbols in
place of the proximal map. The gradient is that of the linear synthesis; its network's adds nothing (design-notes.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..coding.latents import Latents
from ..coding.plan import Plan
from ..coding.walk import Walk
from ..models.config import PACE, Z1_STRIDE
from ..models.exact.inference import DELTA_BITS, Networks
from ..models.tables import CENTROID_UNITS
from .quantise import Choose, chooser_of


class AskedOnce:
    """Networks whose first answers stand: what symbols cost hardly changes from pass to pass."""

    def __init__(self, nets: Networks):
        self._nets, self._answers = nets, {}

    def __getattr__(self, name: str):
        network = getattr(self._nets, name)
        if name not in ("hyper_analysis", "z2_prior", "context", "lead", "features", "group"):
            return network

        def answer(*asked):
            key = (name, *(a for a in asked if isinstance(a, int)))  # index and step
            if key not in self._answers:
                self._answers[key] = _packed(network(*asked))
            return _unpacked(self._answers[key])

        return answer


def _packed(answer):
    """Networks answer within 16 bits (units.WIDE_LIMIT), in pairs or alone; kept so, pictures take less memory."""
    return tuple(map(_packed, answer)) if isinstance(answer, tuple) else answer.astype(np.int16)


def _unpacked(answer):
    return tuple(map(_unpacked, answer)) if isinstance(answer, tuple) else answer.astype(np.int32)


def refined(nets: Networks, plan: Plan, latents: Latents, effort: int) -> Latents:
    """The latents after ``effort`` passes. The first takes as long as encoding without any, others less than half."""
    chooser, last = chooser_of(nets), plan.planes - 1
    asked: Any = AskedOnce(nets)
    walk = Walk(asked, plan, latents)
    walk.y = list(latents.y)
    for _ in range(effort):
        for k in range(plan.planes):
            walk.plane(k, Choose(chooser, last - k))
        walk.latents = latents = replace(latents, z1=_closer(walk))
    return latents


def _closer(walk: Walk) -> np.ndarray:
    """z[1], moved by what the decoded picture lacks, inside the picture alone: what is padded has nothing to show."""
    nets, plan, latents = walk.nets, walk.plan, walk.latents
    last = plan.planes - 1
    inside = np.s_[:, : plan.height, : plan.width]
    missing = np.zeros((3, Z1_STRIDE * plan.rows, Z1_STRIDE * plan.columns), np.int16)
    missing[inside] = latents.x[inside].astype(np.int16) - walk.picture(last).transpose(2, 0, 1)
    step = np.float32(nets.delta(plan.t(last)) / 2.0**DELTA_BITS / CENTROID_UNITS)
    z1 = latents.z1.copy()
    z1[plan.coded] += np.float32(PACE) * (walk.z[plan.coded] * step + nets.pull(missing) - z1[plan.coded])
    return z1
