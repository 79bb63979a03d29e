"""What a header holds, as data, and which values, alone and together, a file may have. FORMAT.md says the same.

A combination that no encoder writes is refused, so that decoders meet none that nobody has tried. Of the step any value
in its range is legal with any flags: how a scale of qualities goes by steps is an encoder's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import CodecError

MAGIC = b"\x8aSVA"
VERSION = 4
HAS_METADATA, GREY, LOSSLESS, ACTIVITY, DEEP = 1, 2, 4, 8, 16  # bits of the field flags

MAX_SIDE = 65535  # the largest side that JPEG, and so most software around us, can hold
MAX_PIXELS = 2**28  # 768 MiB of decoded pixels: bounds what a hostile file of 33 bytes can ask for
PAD = 64  # networks see pictures whose sides are multiples of this
FINEST_STEP, FIRST_STEP, COARSEST_STEP = 256, 688, 1408  # log3 in 1/256; first planes lie at or above the second
Y_STEP_BOUNDS = (
    779,
    941,
    1102,
    1264,
)  # of a first plane's step: y_step is 1 below, and twice as much from each on
LOSSLESS_QUALITY = 100  # which lossless files have, and no others
MAX_LEVELS = 7  # two representations, three planes, the exact pixels of 8 bits and of 16
MAX_FILE_BYTES = 2**32
MAX_LENGTH_BYTES = 5  # of a length below that, seven bits a byte


class Field(NamedTuple):
    """One header field: struct code (little-endian), unit, and the values that are legal (None: any)."""

    name: str
    code: str
    unit: str
    legal: Sequence[Any] | None
    meaning: str


FIELDS = (
    Field("magic", "4s", "-", (MAGIC,), "identifies the format"),
    Field("version", "B", "-", (VERSION,), "format number"),
    Field("flags", "B", "bits", range(32), "bit 0: metadata; 1: grey; 2: lossless; 3: activity map; 4: 16 bits"),
    Field("n_levels", "B", "levels", range(1, MAX_LEVELS + 1), "levels in this file"),
    Field("fall", "B", "0.03 log2", range(8), "how much coarser steps are at each further frequency"),
    Field("width", "H", "pixels", range(1, MAX_SIDE + 1), "width of the picture"),
    Field("height", "H", "pixels", range(1, MAX_SIDE + 1), "height of the picture"),
    Field("model_id", "8s", "-", None, "first 8 bytes of the SHA-256 of the weights file"),
    Field(
        "step",
        "H",
        "log3 / 256",
        range(FINEST_STEP, COARSEST_STEP + 1),
        "quantisation step D of the finest latent plane",
    ),
    Field("y_step", "B", "grey levels", (1, 2, 4, 8, 16), "quantisation step of the representations y"),
    Field("quality", "B", "-", range(101), "what the encoder was asked for; informative"),
    Field("crc", "I", "-", None, "CRC-32 of bytes 0..23 and of the level table"),
)
ENTRY = (  # after the section's length
    Field("crc", "H", "-", None, "CRC-16 of the section"),
    Field("symbol_check", "H", "-", None, "check of the decoded symbols; 0 for metadata"),
)


def planes_of(step: int) -> int:
    """Latent planes of a full stream whose finest step this is: the coarsest lies at or above FIRST_STEP."""
    return 1 + max(0, -((step - FIRST_STEP) // 256))


def y_step_of(step: int) -> int:
    """Quantisation step of the representations of a file of this finest step: it follows from the first plane's."""
    coarsest = step + 256 * (planes_of(step) - 1)
    return 1 << sum(coarsest >= bound for bound in Y_STEP_BOUNDS)


def level_names(step: int, lossless: bool, deep: bool) -> list[str]:
    """Names of the levels of a full stream of that finest step: y2, y1, z.0, z.1, ...

    If lossless then x, and if deep, too, x16.
    """
    planes = [f"z.{plane}" for plane in range(planes_of(step))]
    return ["y2", "y1", *planes] + ["x"] * lossless + ["x16"] * (lossless and deep)


def check_fields(fields: Mapping[str, Any], error: type[CodecError]) -> None:
    """Raises the error for a value, or a combination of values, that is not legal."""
    for field in FIELDS:
        value = fields[field.name]
        if field.legal is not None and value not in field.legal:
            raise error(f"{field.name} is {value}, but must be {legal_text(field)}")
    if len(fields["model_id"]) != 8:
        raise error(f"a model id is 8 bytes, not {len(fields['model_id'])}")
    possible = len(level_names(fields["step"], bool(fields["flags"] & LOSSLESS), bool(fields["flags"] & DEEP)))
    if fields["n_levels"] > possible:
        raise error(f"n_levels is {fields['n_levels']}, but a step of {fields['step']} makes {possible} levels")
    due = y_step_of(fields["step"])
    if fields["y_step"] != due:
        raise error(f"y_step is {fields['y_step']}, but a step of {fields['step']} goes with {due}")
    lossless = bool(fields["flags"] & LOSSLESS)
    if (fields["quality"] == LOSSLESS_QUALITY) != lossless:
        raise error(f"quality is {fields['quality']}, but it is {LOSSLESS_QUALITY} in lossless files and in no others")
    if lossless and (fields["flags"] & ACTIVITY or fields["fall"]):
        raise error("the header is of a lossless file with a step field (fall or activity map), but these have none")
    if fields["width"] * fields["height"] > MAX_PIXELS:
        raise error(f"{fields['width']}x{fields['height']} pixels are more than {MAX_PIXELS}, the limit")


def legal_text(field: Field) -> str:
    """The legal range of a field, as FORMAT.md and messages write it."""
    if field.legal is None:
        return "any"
    if isinstance(field.legal, range):
        return f"{field.legal.start}..{field.legal.stop - 1}"
    return ", ".join(value.hex(" ") if isinstance(value, bytes) else str(value) for value in field.legal)
