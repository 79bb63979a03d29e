"""How fine latents of a lossless file are: where there is grain, finer ones cost more than they make pixels cheaper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..coding.plan import Plan
from ..format.fields import FIRST_STEP, planes_of, y_step_of
from ..models.config import T_LOSSLESS
from ..models.exact.layers import T_UNITS
from .sets import sampled

STEPS = (round(T_UNITS * T_LOSSLESS), FIRST_STEP - 1, 736, 800)  # log3 of the finest step, in 1/256: two planes, or one
GRAINY = 1.0  # standard deviation of noise, in grey levels, from which the second of them is taken
TILE = 32  # side of what noise is taken of, pixels


def noise_of(x: np.ndarray) -> float:
    """Standard deviation of noise in the green of (H, W, 3), in grey levels: what is left where a picture is flat.

    The median of a second difference along both sides (Immerkaer 1996, "Fast noise variance estimation").
    """
    g = sampled(x[None, ..., 1], TILE)[0].astype(np.int32)
    if min(g.shape) < 3:
        return 0.0
    rows = g[:-2] - 2 * g[1:-1] + g[2:]
    difference = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(difference))) / 0.6745 / 6


def of_noise(plan: Plan, x: np.ndarray) -> Plan:
    """A lossless plan with the step that mostly suits as much noise."""
    return with_step(plan, STEPS[int(noise_of(x) >= GRAINY)])


def best(plan: Plan, size: Callable[[Plan], int]) -> Plan:
    """The plan of the smallest file: steps next to it are tried as long as files get smaller."""
    at, sizes = STEPS.index(plan.step), {plan.step: size(plan)}
    for way in (1, -1):
        while 0 <= at + way < len(STEPS):
            step = STEPS[at + way]
            if step not in sizes:
                sizes[step] = size(with_step(plan, step))
            if sizes[step] >= sizes[STEPS[at]]:
                break
            at += way
    return with_step(plan, STEPS[at])


def with_step(plan: Plan, step: int) -> Plan:
    return replace(plan, step=step, planes=planes_of(step), y_step=y_step_of(step))
