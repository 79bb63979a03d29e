"""Latents that suit the decoder, for ``--effort``: what the encoder codes moves until decoding comes closest.

The analysis inverts the synthesis transform, which is best only before quantisation: basis functions overlap and are
not orthogonal, so that the errors of symbols add up, and the synthesis network moves the picture once more. Each pass
here chooses the symbols of a file, looks at what a decoder shows of them, restored as the first pass would have it, and
moves the latents that symbols are chosen for: proximal gradient descent on rate and distortion (Beck & Teboulle 2009,
section 2), with the choice of symbols in place of the proximal map. The gradient is that of the linear synthesis; its
network's adds nothing (design-notes.md).
"""

from __future__ import annotations

import numpy as np

from ..coding.coders import PlaneCoder
from ..coding.field import Field, Region
from ..coding.latents import Latents
from ..coding.plan import Plan
from ..coding.settled import Settled
from ..coding.walk import Walk
from ..models.config import PACE, Z1_STRIDE
from ..models.exact import clibrary
from ..models.exact.buffers import empty, reused
from ..models.exact.inference import DELTA_BITS, Networks, rows_of_strip
from ..models.exact.system import give_back
from ..models.tables import CENTROID_UNITS
from . import native, restoring
from .quantise import Choose, Chooser, kept

BEYOND = 1.5  # of the way to what restores a picture now: latents that move make more of it worth while


class AskedOnce(Walk):
    """A walk over planes whose networks answer once: what symbols cost hardly changes from pass to pass."""

    def __init__(self, nets: Networks, plan: Plan, latents: Latents, chooser: Chooser):
        super().__init__(nets, plan, latents)
        self._chooser = chooser
        self._answers: dict[int, list[tuple[Region, np.ndarray, np.ndarray | None]]] = {}

    def choose(self) -> None:
        for k in range(self.plan.planes):
            self.plane(k)

    def plane(self, k: int, coder: PlaneCoder | None = None) -> None:
        if k in self._answers:
            finer, scale = self.plan.planes - 1 - k, 2.0**DELTA_BITS / self.nets.delta(self.plan.t(k))
            for region, mean, level in self._answers[k]:
                z = self.latents.z1[region]
                told = self.field, self.settled, region, z, scale, mean, level
                self._chooser.again(*told, finer, refines=k > 0)
            self.settled.rest(self._starts[self.said[k]], refines=k > 0)
        else:
            self._answers[k] = []
            super().plane(k, Choose(self._chooser, self.plan.planes - 1 - k))

    def _settle(self, k, region, mean, level, coder):
        self._answers[k].append((region, *kept(mean, level, digits=k > 0)))
        super()._settle(k, region, mean, level, coder)


def refine(nets: Networks, plan: Plan, latents: Latents, effort: int, chooser: Chooser) -> None:
    """Move z[1] of latents, in place, in ``effort`` passes.

    The first takes as long as encoding without any, others less than half.
    """
    walk = AskedOnce(nets, plan, latents, chooser)
    walk.y = list(latents.y)

    size = latents.z1.nbytes
    if effort:
        walk.choose()  # networks answer now, in arrays that serve once
        if not plan.lossless:
            walk.restoration = restoring.wanted(walk, plan.planes - 1, BEYOND)
        give_back(size)
    with reused():
        for left in reversed(range(effort)):
            _move(walk)
            if left:
                walk.choose()
    del walk
    give_back(size)


def _move(walk: Walk) -> None:
    """z[1] by what the decoded picture lacks, inside the picture alone: what is padded has nothing to show."""
    nets, plan, z1, settled = walk.nets, walk.plan, walk.latents.z1, walk.settled
    assert settled is not None  # after a pass
    last = plan.planes - 1
    step = nets.delta(plan.t(last)) / 2.0**DELTA_BITS / CENTROID_UNITS
    move = native.move if clibrary.library() else _move_plainly
    size = max(1, rows_of_strip(plan.columns) - 4)  # with these and what restoration reads, rows of a strip
    for first in range(0, plan.rows, size):
        # one row of blocks more on each side, which the transform reads
        rows, start = slice(first, min(first + size, plan.rows)), max(first - 1, 0)
        stop = min(rows.stop + 1, plan.rows)
        shape = Z1_STRIDE * (stop - start), Z1_STRIDE * plan.columns
        missing = empty((*shape, 3), np.int16).transpose(2, 0, 1)  # colours side by side, as in both pictures
        x = walk.latents.x[:, Z1_STRIDE * start : min(Z1_STRIDE * stop, plan.height), : plan.width]
        inside = np.s_[:, : x.shape[1], : x.shape[2]]
        missing[:, x.shape[1] :] = missing[:, :, x.shape[2] :] = 0
        np.subtract(x, walk.shown(last, wanted=slice(start, stop))[inside], out=missing[inside], dtype=np.int16)
        pull = nets.pull(missing)[:, rows.start - start : rows.stop - start]
        region = slice(None), rows, slice(plan.columns)
        move(walk.field, settled, region, z1[region], pull, step, PACE)
        del missing, pull  # the next strip's


def _move_plainly(field: Field, settled: Settled, region: Region, z, pull, step: float, pace: float) -> None:
    """Latents z, float32, go a share of the way to z_hat, times a step, plus what pulls at them."""
    _, rows, columns = region
    z += np.float32(pace) * (settled.z(field, rows, columns) * np.float32(step) + pull - z)
