"""How good a picture will look at a step, before anything is coded, so that equal quality looks equally good.

At one step, pictures differ in how much of them is lost to the eye: those whose colours or fine detail fall below it
look worse than those that are all texture. What a quantiser takes of each is measured on latents, by what structural
similarity makes of it (Wang et al. 2004, "Image quality assessment"), and says how much finer or coarser a picture's
step should be than the scale of qualities has it. The weights are fitted to photographs for training:
benchmarks/studies/looks.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..coding import coefficients
from ..coding.latents import Latents
from ..coding.plan import Plan
from ..format.fields import COARSEST_STEP, FINEST_STEP, FIRST_STEP, y_step_of
from ..models.config import fall_for
from ..models.exact.inference import Networks
from ..models.exact.layers import T_UNITS

LUMA, COLOUR = slice(64), slice(64, 128)  # channels of brightness, and of orange to blue, which errors are seen most in
FINE = np.add.outer(np.arange(8), np.arange(8)).ravel() > 4  # frequencies of a block
DEAD = 0.6  # of a step: what is smaller becomes 0
VISIBLE = 64 * (0.03 * 255) ** 2  # the constant that keeps structural similarity from dividing by nothing, for a block
LEAST = 300.0  # energy of a block, below which nothing is missed
SAMPLE = 1 << 11  # blocks that are looked at
FINER, COARSER = 0.25, 0.1  # the most that log3 of a step changes; less where what is plain might have drawn lines
WHOLE, NONE = 3.1, 3.9  # log3 of a step up to which it changes as told, and from which on not at all
MIDDLE = 3.0  # log3 of a step, by whose distance means and weights change by their second rows
MEANS = np.array([[-2.737, -4.826, -1.242, 2.748], [1.215, 1.371, 0.914, 0.849]])  # of each measure over photographs
WEIGHTS = np.array([[-0.387, -0.106, 0.227, -0.1], [-0.219, -0.004, 0.114, -0.028]])  # of what a measure is above that


def measures(z: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Logs of four losses, (4,): of brightness in a block and around it, of fine detail, of colour.

    z: the first 128 channels of z[1], float32 (128, rows, columns), even sides; steps: local ones, broadcastable to it.
    """
    energy = z * z
    lost = np.where(np.abs(z) < DEAD * steps, energy, np.broadcast_to(steps * steps / 12, z.shape))
    within = lost[1:64].sum(0) / (2 * energy[1:64].sum(0) + VISIBLE)
    detail = lost[LUMA][FINE].sum(0) / (energy[LUMA][FINE].sum(0) + LEAST)
    rows, columns = z.shape[1:]
    cells, gone = (v[0].reshape(rows // 2, 2, columns // 2, 2) for v in (z, lost))
    varies = 4 * cells.var((1, 3))
    around = np.minimum(varies, gone.sum((1, 3))) / (2 * varies + VISIBLE)
    colour = lost[COLOUR].sum(0)
    losses = (within, around, detail, colour / 64)
    return np.log([loss.mean(dtype=np.float64) + 1e-3 for loss in losses])


def measured(nets: Networks, plan: Plan, latents: Latents) -> np.ndarray:
    """``measures`` of a picture at the step of its plan, of every so many rows of blocks if it is large."""
    assert plan.config.activity_stride is not None
    field = coefficients.field(nets.weights.tables, plan.fall, latents.activity, plan.config.activity_stride)
    columns = plan.columns // 2 * 2
    every = 2 * max(1, plan.rows * plan.columns // SAMPLE)
    pairs = np.arange(0, plan.rows - 1, every)
    rows = np.stack([pairs, pairs + 1], 1).ravel()
    z = latents.z1[:128, rows, :columns]
    steps = 3.0 ** (plan.step / T_UNITS) / np.concatenate(
        [field.steps((slice(128), slice(r, r + 1), slice(columns))) for r in rows], 1
    )
    return measures(z, steps.astype(np.float32))


def bounded(change: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """What becomes of a change that the measures ask for at a step 3^t.

    At low rates equal scores cost more bits on average than they are worth: a point of some pictures takes many there.
    """
    return np.clip(change, -FINER, COARSER) * np.clip((NONE - t) / (NONE - WHOLE), 0, 1)


def alike(nets: Networks, plan: Plan, latents: Latents) -> Plan:
    """The plan with the step at which this picture, of two blocks a side or more, looks as good as others at its step.

    plan: of the visual tune, with a map of activity; latents: of the picture by it.
    """
    if min(plan.rows, plan.columns) < 2:
        return plan
    t = plan.step / T_UNITS
    mean, weight = (first + (t - MIDDLE) * second for first, second in (MEANS, WEIGHTS))
    step = plan.step + round(T_UNITS * float(bounded((measured(nets, plan, latents) - mean) @ weight, t)))
    # as many levels as the quality has: what can be asked for does not depend on the picture
    least = FIRST_STEP - T_UNITS * (plan.planes - 1)
    most = COARSEST_STEP if plan.planes == 1 else least + T_UNITS - 1
    step = min(max(step, least, FINEST_STEP), most)
    return replace(plan, step=step, y_step=y_step_of(step), fall=fall_for(step / T_UNITS, "visual"))
