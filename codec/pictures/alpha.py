"""The alpha channel: exact at every level, as a PNG in the metadata section, where a reader of any level finds it."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from ..errors import FormatError
from ..format import metadata

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = (b"IHDR", b"IDAT", b"IEND")  # other chunks say nothing about alpha, and Pillow warns about some
# What Pillow's reader raises on damaged files, beside the OSError that it promises.
_READ_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error)


def pack(alpha: np.ndarray) -> bytes:
    """alpha: uint8 or uint16 (H, W)."""
    buffer = io.BytesIO()
    Image.fromarray(alpha).save(buffer, format="PNG")
    return buffer.getvalue()


def find(section: bytes | None, height: int, width: int) -> Image.Image | None:
    """The alpha channel in a metadata section, not decoded yet; None if there is none.

    Raises FormatError for a malformed section, and unless it says that it is a grey PNG, of 8 or 16 bits and of the
    picture's size.
    """
    png = metadata.alpha_of(section)
    if png is None:
        return None
    _check_chunks(png)
    try:
        image = PngImageFile(io.BytesIO(png))  # not Image.open: sizes have our own limits
    except _READ_ERRORS as error:
        raise FormatError(f"the alpha channel is damaged ({error})") from None
    if image.size != (width, height) or image.mode not in ("L", "I;16"):
        found = f"{image.mode} {image.width}x{image.height}"
        raise FormatError(f"the alpha channel is {found}, not that of {width}x{height} pixels")
    return image


def pixels(image: Image.Image) -> np.ndarray:
    """uint8 or uint16 (H, W) of what ``find`` found. Raises FormatError where it does not decode."""
    try:
        return np.array(image)
    except _READ_ERRORS as error:
        raise FormatError(f"the alpha channel is damaged ({error})") from None


def _check_chunks(png: bytes) -> None:
    at = len(_SIGNATURE)
    while png.startswith(_SIGNATURE) and len(png) >= at + 8:
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind not in _KINDS:
            raise FormatError(f"the alpha channel is damaged: it holds {kind!r}")
        at += length + 12
