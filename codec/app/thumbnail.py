"""A small picture of a file, as file managers and galleries show it: from as few levels as its size needs."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from .. import pillow as _plugin  # noqa: F401 (from now on Pillow opens .svae files)
from ..errors import SizeLimitError
from ..format.header import MAX_HEADER_BYTES, read_header
from ..format.limits import check_size_limit

MAX_PIXELS = 2**26  # nobody asked for a thumbnail by name: it must not take gigabytes


def make(path: Path, size: int, *, pixels: int = MAX_PIXELS, format: str = "PNG") -> bytes:
    """A picture file whose sides are at most ``size`` pixels, with the ICC profile of the file.

    Raises CodecError for a file that cannot be decoded or has more pixels than the limit, OSError.
    """
    with open(path, "rb") as file:
        check_size_limit(read_header(file.read(MAX_HEADER_BYTES)), pixels)
        file.seek(0)
        try:
            with Image.open(file, formats=["SVAE"]) as picture:
                icc = picture.info.get("icc_profile")
                if picture.mode == "I;16":
                    picture.draft("L", (size, size))
                picture.thumbnail((size, size))
                buffer = io.BytesIO()
                picture.save(buffer, format, **({"icc_profile": icc} if icc else {}))
        except Image.DecompressionBombError as error:
            raise SizeLimitError(str(error)) from None
    return buffer.getvalue()
