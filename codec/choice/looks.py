"""Steps by how a picture will look: the whole of it, so that equal quality looks equally good, and its places.

At one step, pictures differ in how much of them is lost to the eye: those of fine detail that falls below it look worse
than those that are all texture, and errors are seen most where they gather. What is missing in what decoders would show
(foresight.py) says how much finer or coarser a picture's step should be than the scale of qualities has it, and where
the map that steps follow from place to place should be finer than what goes on there has it. The weights are fitted to
photographs for training: benchmarks/studies/looks.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from ..coding.latents import Latents
from ..coding.plan import Plan
from ..format.fields import COARSEST_STEP, FINEST_STEP, FIRST_STEP, y_step_of
from ..models.activity import HIGHEST, LOWEST
from ..models.config import fall_for
from ..models.exact.inference import Networks
from ..models.exact.layers import T_UNITS
from .foresight import BLUE_SIZE, FADES, RED_SIZE, SIZES, SMALLEST, WINDOW_STRIDE, Band, missing

# what is averaged over a picture, and its power: the worst places count most
MEASURES: list[tuple[Callable[[Band], np.ndarray], int]] = [
    *((lambda band, size=size: band.structure[size], 2) for size in range(SIZES)),
    *((lambda band, size=size: band.contrast[size], 4) for size in range(FADES)),
    (lambda band: band.red, 2),
    (lambda band: band.blue, 2),
]
LEAST = 1e-5  # of a measure
FINER, COARSER = 0.35, 0.15  # the most that log3 of a step changes; less where what is plain might have drawn lines
WHOLE, NONE = 2.9, 3.8  # log3 of a step up to which it changes as told, and from which on not at all
STEPS = np.array([1.008, 1.289, 1.969, 2.352, 2.797, 3.18, 3.492, 4])  # log3 of steps
MEANS = np.array(  # of each measure over photographs, at these
    [
        [-5.136, -6.836, -8.554, -9.949, -6.644, -7.418, -6.323, -9.385],
        [-4.719, -6.37, -8.073, -9.592, -6.377, -7.139, -5.924, -8.894],
        [-3.729, -5.231, -6.855, -8.479, -5.728, -6.458, -4.995, -7.684],
        [-3.079, -4.479, -6.081, -7.769, -5.26, -6.004, -4.442, -6.919],
        [-2.495, -3.712, -5.34, -7.033, -4.765, -5.531, -3.917, -6.216],
        [-2.081, -3.11, -4.664, -6.312, -4.357, -5.139, -3.554, -5.636],
        [-1.859, -2.735, -4.173, -5.792, -4.116, -4.879, -3.32, -5.166],
        [-1.559, -2.199, -3.403, -4.884, -3.762, -4.462, -2.993, -4.397],
    ]
)
MIDDLE = 3.0  # log3 of a step, by whose distance weights change by their second row
WEIGHTS = np.array(  # of what a measure is above its mean
    [
        [-0.177, -0.15, -0.178, -0.07, -0.086, 0.023, -0.03, -0.029],
        [-0.037, -0.082, -0.04, -0.034, 0.052, -0.043, 0.001, 0.023],
    ]
)

COARSE = range(1, SIZES)  # sizes whose structure the map evens out, beside colours': finer detail is what masks
EVENED = 0.8  # symbols of the map for twice as much that is missing, from a step 3^MIDDLE on
FINE = 2.0  # log3 of a step up to which the map stays: next to nothing is missing anywhere
FLOOR = 0.05  # of what is missing on average: below, nothing gets coarser any more


def looked_at(bands: Iterable[Band], stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Measures of a picture, and what is missing in its places, cells of ``stride`` pixels.

    Logs of eight losses, (8,): of structure in brightness at four sizes, of contrast at two, of structure in red and in
    blue; and structure of COARSE sizes, then in red and in blue, float32 (5, h, w), without what bands lack at the
    picture's end.
    """
    totals, counts, places = np.zeros(len(MEASURES)), np.zeros(len(MEASURES)), []
    for band in bands:
        for index, (of, power) in enumerate(MEASURES):
            loss = of(band)
            totals[index] += (loss**power).sum(dtype=np.float64)
            counts[index] += loss.size
        lost = [*((size, band.structure[size]) for size in COARSE), (RED_SIZE, band.red), (BLUE_SIZE, band.blue)]
        cells = [_places(windows, stride // (WINDOW_STRIDE << size)) for size, windows in lost]
        height, width = np.min([cell.shape for cell in cells], 0)
        places.append(np.stack([cell[:height, :width] for cell in cells]))
    powers = np.array([power for _, power in MEASURES])
    return np.log((totals / counts) ** (1 / powers) + LEAST), np.concatenate(places, 1)


def bounded(change: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """What becomes of a change that the measures ask for at a step 3^t.

    At low rates equal scores cost more bits on average than they are worth: a point of some pictures takes many there.
    """
    return np.clip(change, -FINER, COARSER) * np.clip((NONE - t) / (NONE - WHOLE), 0, 1)


def alike(plan: Plan, measures: np.ndarray) -> Plan:
    """The plan with the step at which a picture looks as good as others at its step.

    plan: of the visual tune, with a map of activity; measures: of the picture by it.
    """
    t = plan.step / T_UNITS
    mean = np.array([np.interp(t, STEPS, column) for column in MEANS.T])
    weight = WEIGHTS[0] + (t - MIDDLE) * WEIGHTS[1]
    step = plan.step + round(T_UNITS * float(bounded((measures - mean) @ weight, t)))
    # as many levels as the quality has: what can be asked for does not depend on the picture
    least = FIRST_STEP - T_UNITS * (plan.planes - 1)
    most = COARSEST_STEP if plan.planes == 1 else least + T_UNITS - 1
    step = min(max(step, least, FINEST_STEP), most)
    return replace(plan, step=step, y_step=y_step_of(step), fall=fall_for(step / T_UNITS, "visual"))


def evened(activity: np.ndarray, places: np.ndarray, t: float) -> np.ndarray:
    """The map with finer steps where more is missing than elsewhere at a step 3^t, int32 (1, h, w) as ``activity``."""
    lacking = [(0, max(0, own - there)) for own, there in zip(activity.shape[1:], places.shape[1:])]
    places = np.pad(places, [(0, 0), *lacking], mode="edge")[:, : activity.shape[1], : activity.shape[2]]
    shares = places / np.maximum(places.mean((1, 2), keepdims=True), LEAST)
    lost = np.log2(shares.mean(0) + FLOOR)
    share = np.clip((t - FINE) / (MIDDLE - FINE), 0, 1)
    symbols = np.rint(activity + share * EVENED * (lost - lost.mean()))
    return symbols.clip(LOWEST, HIGHEST).astype(np.int32)


def _places(windows: np.ndarray, side: int) -> np.ndarray:
    """Means of side x side windows; those that a band lacks at its end are as the last ones."""
    rows, columns = windows.shape
    padded = np.pad(windows, ((0, -rows % side), (0, -columns % side)), mode="edge")
    height, width = (length // side for length in padded.shape)
    return padded.reshape(height, side, width, side).mean((1, 3))


def suited(nets: Networks, plan: Plan, latents: Latents) -> tuple[Plan, np.ndarray]:
    """The plan and the map of activity that suit a picture. Arguments as of ``missing``; a tiny one's stay."""
    assert latents.activity is not None and plan.config.activity_stride is not None
    if min(plan.height, plan.width) < SMALLEST:
        return plan, latents.activity
    measures, places = looked_at(missing(nets, plan, latents), plan.config.activity_stride)
    return alike(plan, measures), evened(latents.activity, places, plan.step / T_UNITS)
