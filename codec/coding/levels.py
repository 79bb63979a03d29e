"""The levels of a file -> a picture: walks (walk.py) whose coder reads, and after that expects or draws."""

from __future__ import annotations

import numpy as np

from ..errors import HeaderError
from ..format.header import Header
from ..models.exact.backends import networks
from . import low_bits, raw
from .coders import Coder, Expect, Models, PartReader, Reader, Sample, Writer
from .plan import Plan
from .reading import decoder
from .walk import Walk, models_of


def decode_levels(
    header: Header,
    payloads: list[bytes],
    *,
    part: bytes = b"",
    sample: int | None = None,
    deep: bool = False,
    backend: str = "auto",
) -> np.ndarray:
    """The picture, uint8 (H, W, 3), or uint16 if deep, from the levels given: all, or the first few.

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
    return walk.picture(last, deep=deep)


def representation(header: Header, payloads: list[bytes], backend: str = "auto") -> np.ndarray:
    """The last representation among the payloads as an exact picture, uint8 (h, w, 3)."""
    config = networks(header.model_id, backend).config
    walk, _ = _read(header, payloads[: len(config.shown)], backend)
    _, stride = config.shown[len(walk.y) - 1]
    height, width = -(-header.height // stride), -(-header.width // stride)
    return walk.thumbnail(len(walk.y) - 1).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)[:height, :width]


def _read(header: Header, payloads: list[bytes], backend: str) -> tuple[Walk, Models]:
    """Walk the levels that are there."""
    nets = networks(header.model_id, backend)
    if header.activity and nets.config.activity_stride is None:
        raise HeaderError(f"the header is damaged: model {header.model_id.hex()} has no activity map")
    names = ("height", "width", "step", "planes", "y_step", "grey", "lossless", "fall", "activity")
    walk = Walk(nets, Plan(**{name: getattr(header, name) for name in names}, config=nets.config))
    for index, (payload, level) in enumerate(zip(payloads, header.levels)):
        read_level(walk, index, payload, level.symbol_check, f"{level.index} ({level.name})")
    return walk, models_of(nets)


def read_part(walk: Walk, index: int, part: bytes, length: int, rest: Coder) -> bool:
    """Walk a plane of latents of which only the first bytes are there; ``rest`` settles what they do not say.

    Returns whether they say anything: if not, the walk stays where it was.
    """
    before = walk.settled.copy() if walk.settled else None, walk.restoration
    coder = PartReader(Reader(models_of(walk.nets), decoder(part, length), 0, "in part", skips=True), rest)
    walk.plane(index - walk.plan.first_latent, coder)
    if not coder.channels:
        walk.settled, walk.restoration = before
    return coder.channels > 0


def read_level(walk: Walk, index: int, payload: bytes, check: int, name: str) -> None:
    """Walk one level of a stream. Raises ChecksumError, MismatchError for a payload that is not this level's."""
    plan = walk.plan
    if index == plan.count:  # beyond the exact pixels of 8 bits
        x8 = np.ascontiguousarray(walk.picture(plan.planes - 1))
        walk.x16 = low_bits.unpack(payload, x8, plan.grey, check)
        return
    if index == plan.first_latent + plan.planes and raw.is_raw(payload, plan.height, plan.width, plan.grey):
        walk.x = raw.unpack(payload, plan.height, plan.width, check).transpose(2, 0, 1)
        return
    reader = Reader(models_of(walk.nets), decoder(payload), check, name, skips=plan.has_latents(index))
    walk.level(index, reader)
    reader.finish()


def write_plainly(walk: Walk, models: Models, index: int) -> Writer:
    """Walk one level, its latents rounded and nothing left out."""
    writer = Writer(models, may_skip=False if walk.plan.has_latents(index) else None)
    walk.level(index, writer)
    return writer
