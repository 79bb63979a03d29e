"""A picture -> the levels of a file: what to code, and a walk (coding/walk.py) whose coder writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..coding import low_bits, raw
from ..coding.coders import Models, Writer
from ..coding.depth import to_8
from ..coding.latents import Latents
from ..coding.modes import Reconstruction, known_given, settle
from ..coding.plan import Plan, plan_for
from ..coding.walk import Walk, models_of
from ..errors import CodecError
from ..models.activity import STRENGTH
from ..models.config import DEFAULT_EFFORT, DEFAULT_MODEL, TUNES
from ..models.exact.backends import networks
from ..models.exact.inference import Networks
from ..models.exact.system import one_blas_thread
from . import looks, restoring, steps
from .analysis import analyse
from .fit import best_fit
from .native import chooser_of
from .quantise import LOSSLESS_SLOPES, Chooser, choice_of, slope_of
from .refine import refine
from .region import with_region
from .sets import best_set

FIT_EFFORT = DEFAULT_EFFORT  # from here on networks of the exact pixels are fitted to the picture
GAIN_STEPS = {8: 120, 9: 480}  # by effort, of gradients that this takes beside


@dataclass(frozen=True)
class EncodedLevels:
    payloads: list[bytes]
    symbol_checks: list[int]
    step: int
    y_step: int
    fall: int
    activity: bool
    model_id: bytes


def encode_levels(
    x: np.ndarray,
    *,
    quality: float,
    levels: int | None = None,
    grey: bool = False,
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    tune: str = TUNES[0],
    region: np.ndarray | None = None,
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
) -> EncodedLevels:
    """The levels of a picture.

    x: uint8 or uint16 (H, W, 3), three equal channels if ``grey``; quality: 0 to 100; levels: how many to write, 1 or
    more, all without it; lossless: whether the exact pixels are the last of them; effort: passes that refine latents, 0
    or more; tune: one of TUNES; region: by how many dB errors are to be smaller, float (H, W); model: its name.
    Raises CodecError for ``levels`` beyond what there is, WeightsError for a model that is not installed.
    """
    nets = networks(model, backend)
    height, width = x.shape[:2]
    plan = plan_for(height, width, quality, grey=grey, lossless=lossless, tune=tune, config=nets.config)
    most = plan.count + (lossless and x.dtype == np.uint16)
    if levels is not None and not 1 <= levels <= most:
        kind = "a lossless file has" if lossless else f"at quality {quality:g} a file has"
        raise CodecError(f"levels={levels} is out of range: {kind} 1 to {most} levels")
    if region is not None and not lossless:
        if plan.config.activity_stride is None:
            raise CodecError(f"model {model} has no activity map, which a region of interest goes by")
        plan = replace(plan, activity=True)
    count = levels or most
    deeper = count > plan.count
    strength = STRENGTH if tune == "visual" else 0.0  # what a map holds beside the region
    x8 = to_8(x)
    plan, latents = _suited(nets, plan, x8, tune)
    plan, written = _smallest(nets, plan, x8, min(count, plan.count), effort, region, strength, latents)
    if deeper:
        written.append(low_bits.pack(x, grey))
    payloads, checks = zip(*written)
    said = (plan.step, plan.y_step, plan.fall, plan.activity)
    return EncodedLevels(list(payloads), list(checks), *said, nets.weights.model_id)


def likelihoods(
    x: np.ndarray,
    *,
    quality: float,
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    tune: str = TUNES[0],
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
) -> np.ndarray:
    """Probability of every symbol that ``encode_levels`` codes, (N,) float64: the model's own count of bits."""
    nets = networks(model, backend)
    height, width = x.shape[:2]
    plan = plan_for(height, width, quality, lossless=lossless, tune=tune, config=nets.config)
    plan, latents = _suited(nets, plan, x, tune)
    written = _write(nets, plan, x, plan.count, effort, slope_of(lossless), latents=latents)
    return np.concatenate([writer.likelihoods() for writer in written])


def _suited(nets: Networks, plan: Plan, x: np.ndarray, tune: str) -> tuple[Plan, Latents | None]:
    """The plan with the step that suits this picture, and what is known of the picture by then if it is of any use."""
    if plan.lossless:
        return steps.of_noise(plan, x), None
    if tune != "visual" or not plan.activity:
        return plan, None
    latents = analyse(nets, plan, x)
    suited, activity = looks.suited(nets, plan, latents)
    if suited.y_step != plan.y_step:
        latents = analyse(nets, suited, x)
    return suited, replace(latents, activity=activity)


def _smallest(
    nets: Networks,
    plan: Plan,
    x: np.ndarray,
    count: int,
    effort: int,
    region: np.ndarray | None,
    strength: float,
    latents: Latents | None,
) -> tuple[Plan, list[tuple[bytes, int]]]:
    """The plan, and payload and check of each of the first ``count`` levels. latents: as of ``_write``.

    Of noise, latents are dear and make no pixel cheaper: a whole lossless file that would be larger than the pixels
    themselves has latents of the coarsest step instead. A coded level of pixels is always shorter than they are.
    """
    whole = plan.lossless and count == plan.count
    pixels = raw.pack(x, plan.grey) if whole else b""

    def written(plan: Plan) -> list[tuple[bytes, int]]:
        levels = []  # a coarser step may make fewer
        told = plan.count if whole else count, effort, slope, region, strength, latents
        for writer in _write(nets, plan, x, *told):
            levels.append((writer.finish(), writer.check))
            del writer  # which holds every symbol, before the next level is walked
        if whole and len(levels[-1][0]) >= len(pixels):
            levels[-1] = (pixels, raw.check(pixels))
        return levels

    slope = slope_of(whole)
    if whole and effort in GAIN_STEPS:
        size = cache(lambda plan, slope: _bytes(nets, plan, x, slope))  # the step that is best is asked for twice
        plan = steps.best(plan, lambda tried: size(tried, slope))
        slope = min(LOSSLESS_SLOPES, key=lambda tried: size(plan, tried))
    plans = [(plan, written(plan))]
    if whole and _size(plans[0]) > len(pixels):
        coarse = plan_for(plan.height, plan.width, 0, config=plan.config)
        coarse = replace(plan, step=coarse.step, planes=coarse.planes, y_step=coarse.y_step)
        plans.append((coarse, written(coarse)))
    return min(plans, key=_size)


def _bytes(nets: Networks, plan: Plan, x: np.ndarray, slope: float) -> int:
    """Of a whole lossless file with networks whose heads alone are fitted."""
    return sum(len(writer.finish()) for writer in _write(nets, plan, x, plan.count, FIT_EFFORT, slope))


def _size(planned: tuple[Plan, list[tuple[bytes, int]]]) -> int:
    return sum(len(payload) for payload, _ in planned[1])


def _write(
    nets: Networks,
    plan: Plan,
    x: np.ndarray,
    count: int,
    effort: int,
    slope: float,
    region: np.ndarray | None = None,
    strength: float = STRENGTH,
    latents: Latents | None = None,
) -> Iterator[Writer]:
    """Walk the first ``count`` levels, writing each; what is written is best finished before the next.

    latents: what ``analyse`` makes of x, where it was asked already; they move.
    """
    chooser = chooser_of(nets, slope)
    if latents is None:
        latents = analyse(nets, plan, x, latents=count > plan.first_latent, strength=strength)
    if count > plan.first_latent:
        if region is not None and latents.activity is not None and plan.config.activity_stride is not None:
            latents = replace(latents, activity=with_region(latents.activity, region, plan.config.activity_stride))
        refine(nets, plan, latents, effort, chooser)
    walk, models = Walk(nets, plan, latents), models_of(nets)
    walk.restorer = restoring.wanted
    for index in range(count):
        yield write_level(walk, models, index, effort, chooser)


def write_level(
    walk: Walk, models: Models, index: int, effort: int = DEFAULT_EFFORT, chooser: Chooser | None = None
) -> Writer:
    """Walk one level.

    chooser: of symbols of latents; the one for all levels of the plan, without it.
    """
    if index == walk.plan.count - 1 and walk.plan.lossless:
        exact = walk.to_exact()
        walk.variant = best_set(walk, exact)
        count = GAIN_STEPS.get(effort, 0)
        walk.fit = None
        if effort >= FIT_EFFORT:
            with one_blas_thread():
                walk.fit = best_fit(walk, exact, walk.variant, count)
        del exact  # as large as the picture, several times
    choice = choice_of(walk.plan, index, chooser or chooser_of(walk.nets, slope_of(walk.plan.lossless)))
    writer = Writer(models, may_skip=True if walk.plan.has_latents(index) else None, choice=choice)
    walk.level(index, writer)
    return writer


def reconstruct(
    x: np.ndarray,
    given: Iterable[str],
    *,
    seed: int | None,
    quality: float,
    grey: bool,
    model: str,
    backend: str,
) -> Reconstruction:
    """As selfvae_codec.reconstruct; x: uint8 (H, W, 3), three equal channels if ``grey``."""
    taken = known_given(given)
    nets = networks(model, backend)
    height, width = x.shape[:2]
    plan = plan_for(height, width, quality, grey=grey, lossless="x" in taken or quality == 100, config=nets.config)
    plan, latents = _suited(nets, plan, x, TUNES[0]) if taken or plan.lossless else (plan, None)
    if taken and latents is None:
        latents = analyse(nets, plan, x)
    if latents and "z" in taken:
        refine(nets, plan, latents, DEFAULT_EFFORT, chooser_of(nets, slope_of(plan.lossless)))
    walk = Walk(nets, plan, latents)
    walk.restorer = restoring.wanted
    return settle(walk, lambda level, variable: variable in taken, seed, write_level)
