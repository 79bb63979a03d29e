"""The ICC profile of a picture file: its own, or one made of what the file says in numbers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from . import png, profiles

if TYPE_CHECKING:
    from .reading import Remarks

_PSD_PROFILE = 1039  # of Photoshop's resources
_RESTRICTED, _ANY = 2, 3  # methods of a JPEG 2000 colr box that hold a profile


def profile_of(image: Any, data: bytes, found: list[png.Chunk], grey: bool, remarks: Remarks) -> bytes | None:
    """None where the file says nothing, or only what a picture without a profile means, sRGB."""
    if image.mode == "CMYK":
        return None  # it was converted by its own
    own = image.info.get("icc_profile") or _elsewhere(image, data)
    colours = (
        png.colours(found) if image.format == "PNG" else _of_avif(data) if image.format == "AVIF" and not own else None
    )
    if colours is None:
        return own
    if colours.usual:
        return None
    if colours.hdr:
        remarks.done.append(f"is of high dynamic range ({colours.name}): few programs heed its profile")
    try:
        return profiles.profile(colours, grey=grey)
    except ValueError as error:
        remarks.left.append(f"the colours that it names ({error})")
        return None


def _elsewhere(image: Any, data: bytes) -> bytes | None:
    """Where Pillow does not look."""
    if image.format == "PSD":
        return next((content for number, _, content in image.resources if number == _PSD_PROFILE), None)
    if image.format == "JPEG2000":
        start = data.find(b"colr", 0, max(0, data.find(b"\xff\x4f\xff\x51")))
        if start >= 4 and data[start + 4] in (_RESTRICTED, _ANY):
            (length,) = struct.unpack_from(">I", data, start - 4)
            return data[start + 7 : start - 4 + length] or None
    return None


def _of_avif(data: bytes) -> profiles.Colours | None:
    """The code points of the first colr box of type nclx (ISO 23008-12)."""
    start = data.find(b"colrnclx")
    if start < 0 or len(data) < start + 15:
        return None
    primaries, transfer, matrix = struct.unpack_from(">3H", data, start + 8)
    return profiles.from_code_points(primaries, transfer, matrix)
