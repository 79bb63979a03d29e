"""A picture <-> the levels of a file: walks (walk.py) whose coder writes or reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import raw
from .analysis import analyse
from .coders import Coder, Expect, Models, PartReader, Reader, Sample, Writer
from .container import Header
from .entropy import Decoder, Encoder
from .errors import CodecError
from .models.backends import networks
from .models.config import DEFAULT_EFFORT, DEFAULT_MODEL, TUNES
from .models.inference import Networks
from .plan import Plan, plan_for
from .refine import refined
from .walk import Walk, models_of

DAMAGE_LIMIT = 0.01  # squared error of skipped symbols, mean per coefficient, in steps; 1/12 is the quantiser's own


@dataclass(frozen=True)
class EncodedLevels:
    payloads: list[bytes]
    symbol_checks: list[int]
    step: int
    planes: int
    y_step: int
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
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
) -> EncodedLevels:
    """The levels of a picture.

    x: uint8 (H, W, 3), three equal channels if ``grey``; quality: 0 to 100; levels: how many to write, 1 or more, all
    without it; lossless: whether the exact pixels are the last of them; effort: passes that refine latents, 0 or more;
    tune: one of TUNES; model: its name.
    Raises CodecError for ``levels`` beyond what there is, WeightsError for a model that is not installed.
    """
    nets = networks(model, backend)
    plan = plan_for(*x.shape[:2], quality, grey=grey, lossless=lossless, config=nets.config)
    if levels is not None and not 1 <= levels <= plan.count:
        kind = "a lossless file has" if lossless else f"at quality {quality:g} a file has"
        raise CodecError(f"levels={levels} is out of range: {kind} 1 to {plan.count} levels")
    plan, written = _smallest(nets, plan, x, levels or plan.count, effort, tune)
    payloads, checks = zip(*written)
    return EncodedLevels(list(payloads), list(checks), plan.step, plan.planes, plan.y_step, nets.weights.model_id)


def likelihoods(
    x: np.ndarray,
    *,
    quality: float,
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
) -> np.ndarray:
    """Probability of every symbol that ``encode_levels`` codes, (N,) float64: the model's own count of bits."""
    nets = networks(model, backend)
    plan = plan_for(*x.shape[:2], quality, lossless=lossless, config=nets.config)
    return np.concatenate([w.likelihoods() for w in _write(nets, plan, x, plan.count, effort)])


def _smallest(
    nets: Networks, plan: Plan, x: np.ndarray, count: int, effort: int, tune: str
) -> tuple[Plan, list[tuple[bytes, int]]]:
    """The plan, and payload and check of each of the first ``count`` levels.

    Of noise, latents are dear and make no pixel cheaper: a whole lossless file that would be larger than the pixels
    themselves has latents of the coarsest step instead. A coded level of pixels is always shorter than they are.
    """
    whole = plan.lossless and count == plan.count
    pixels = raw.pack(x, plan.grey) if whole else b""

    def written(plan: Plan, count: int) -> list[tuple[bytes, int]]:
        levels = [(writer.finish(), writer.check) for writer in _write(nets, plan, x, count, effort, tune)]
        if whole and len(levels[-1][0]) >= len(pixels):
            levels[-1] = (pixels, raw.check(pixels))
        return levels

    plans = [(plan, written(plan, count))]
    if whole and _size(plans[0]) > len(pixels):
        coarse = replace(plan_for(plan.height, plan.width, 0, config=plan.config), grey=plan.grey, lossless=True)
        plans.append((coarse, written(coarse, coarse.count)))
    return min(plans, key=_size)


def _size(planned: tuple[Plan, list[tuple[bytes, int]]]) -> int:
    return sum(len(payload) for payload, _ in planned[1])


def _write(nets: Networks, plan: Plan, x: np.ndarray, count: int, effort: int, tune: str = TUNES[0]) -> list[Writer]:
    """Walk the first ``count`` levels, writing each."""
    latents = analyse(nets, plan, x, latents=count > plan.first_latent, tune=tune)
    if count > plan.first_latent:
        latents = refined(nets, plan, latents, effort)
    walk, models = Walk(nets, plan, latents), models_of(nets)
    return [write_level(walk, models, index) for index in range(count)]


def write_level(walk: Walk, models: Models, index: int) -> Writer:
    """Walk one level. Near-certain symbols are skipped unless the picture defies the model (text, noise)."""
    before = walk.symbols
    latents = walk.plan.has_latents(index)
    finer = walk.plan.first_latent + walk.plan.planes - 1 - index if latents else None
    writer = Writer(models, skip=True if latents else None, finer=finer)
    walk.level(index, writer)
    if writer.skip and writer.damage > DAMAGE_LIMIT * walk.symbols[walk.plan.coded].size:
        walk.symbols = before
        writer = Writer(models, skip=False, finer=finer)
        walk.level(index, writer)
    return writer


def write_plainly(walk: Walk, models: Models, index: int, encoder: Encoder | None = None) -> Writer:
    """Walk one level, its latents rounded and nothing left out, into a payload or a stream that goes on."""
    skip = False if encoder is None and walk.plan.has_latents(index) else None
    writer = Writer(models, skip=skip, finer=None, encoder=encoder)
    walk.level(index, writer)
    return writer


def decode_levels(
    header: Header, payloads: list[bytes], *, part: bytes = b"", sample: int | None = None, backend: str = "auto"
) -> np.ndarray:
    """The picture, uint8 (H, W, 3), from the levels given: all, or the first few.

    part: the beginning of the next level, used if that is a plane of latents; nothing checks it. sample: seed to draw
    what was not read, in place of expecting it. Raises MismatchError when a level decodes to other symbols than were
    encoded, UnknownModelError for a model that is not installed.
    """
    walk, models = _read(header, payloads, backend)
    missing: Coder = Expect(models) if sample is None else Sample(models, sample)
    first, finest, read = walk.plan.first_latent, walk.plan.planes - 1, len(payloads)
    if part and walk.plan.has_latents(read):
        read += read_part(walk, read, part, header.levels[read].length, missing)
    last = finest if sample is not None else min(max(0, read - first - 1), finest)
    for index in range(read, first + last + 1):
        walk.level(index, missing)
    return walk.picture(last)


def representation(header: Header, payloads: list[bytes], backend: str = "auto") -> np.ndarray:
    """The last representation among the payloads as an exact picture, uint8 (h, w, 3)."""
    config = networks(header.model_id, backend).config
    walk, _ = _read(header, payloads[: len(config.representations)], backend)
    _, stride = config.representations[len(walk.y) - 1]
    height, width = -(-header.height // stride), -(-header.width // stride)
    return walk.thumbnail(len(walk.y) - 1).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)[:height, :width]


def _read(header: Header, payloads: list[bytes], backend: str) -> tuple[Walk, Models]:
    """Walk the levels that are there."""
    nets = networks(header.model_id, backend)
    fields = (header.height, header.width, header.step, header.planes, header.y_step, header.grey, header.lossless)
    walk = Walk(nets, Plan(*fields, nets.config))
    for index, (payload, level) in enumerate(zip(payloads, header.levels)):
        read_level(walk, index, payload, level.symbol_check, f"{level.index} ({level.name})")
    return walk, models_of(nets)


def read_part(walk: Walk, index: int, part: bytes, length: int, rest: Coder) -> bool:
    """Walk a plane of latents of which only the first bytes are there; ``rest`` settles what they do not say.

    Returns whether they say anything: if not, the walk stays where it was.
    """
    before = walk.symbols, walk.z
    coder = PartReader(Reader(models_of(walk.nets), Decoder(part, length), 0, "in part", skips=True), rest)
    walk.level(index, coder)
    if not coder.channels:
        walk.symbols, walk.z = before
    return coder.channels > 0


def read_level(walk: Walk, index: int, payload: bytes, check: int, name: str) -> None:
    """Walk one level of a stream. Raises ChecksumError, MismatchError for a payload that is not this level's."""
    plan = walk.plan
    if index == plan.first_latent + plan.planes and raw.is_raw(payload, plan.height, plan.width, plan.grey):
        walk.x = raw.unpack(payload, plan.height, plan.width, check).transpose(2, 0, 1)
        return
    reader = Reader(models_of(walk.nets), Decoder(payload), check, name, skips=plan.has_latents(index))
    walk.level(index, reader)
    reader.finish()
