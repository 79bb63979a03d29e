"""What a browser gets of a file, and which levels a screen needs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import CodecError, ImageError
from ...format.header import Header
from ...format.limits import check_size_limit

FORMATS = {"webp": "WEBP", "png": "PNG"}
REDUCTIONS = (1, 2, 4, 8, 16, 32)
_SAVE: dict[str, dict[str, Any]] = {"WEBP": {"quality": 90, "method": 2}, "PNG": {}}
_FIRST_PLANE = 3  # the first level that holds latents: those before it are guesses around a thumbnail
_MAX_WEBP_SIDE = 16383


@dataclass(frozen=True)
class Wanted:
    """A file's picture as WEBP or PNG: up to a level, one pixel for reduce x reduce, or within ``thumbnail`` pixels.

    tag: changes when the file does.
    """

    path: str
    tag: str
    format: str
    level: int = 0
    reduce: int = 1
    thumbnail: int = 0


def needed(header: Header, reduce: int) -> int:
    """The level that is enough where the picture is shown at 1/reduce of its size.

    Averaged over 16 x 16 pixels, level 2 differs from the whole file by less than files differ from their pictures;
    over 8 x 8 and 4 x 4, the two finest planes and the finest one do.
    """
    last = header.n_levels - (header.exact and reduce > 1)
    if reduce >= 16:
        return min(2, last)
    return max(min(_FIRST_PLANE, last), last - (reduce >= 4) - (reduce >= 8))


def reduction(header: Header, level: int, reduce: int) -> int:
    """What is gained by sending more pixels than a guess has detail: nothing."""
    detail = {1: 8, 2: 4}.get(level, 1)
    return max(reduce, detail)


def rendered(wanted: Wanted, pixels: int) -> bytes:
    """The picture file. Raises CodecError for a file that cannot be decoded or has more pixels than ``pixels``."""
    import selfvae_codec

    from ...pictures import imaging
    from .. import thumbnail

    if wanted.thumbnail:
        return thumbnail.make(Path(wanted.path), wanted.thumbnail, pixels=pixels, format=wanted.format)
    from PIL import Image

    data = Path(wanted.path).read_bytes()
    header = selfvae_codec.read_header(data)
    check_size_limit(header, pixels)
    width, height = (-(-side // wanted.reduce) for side in (header.width, header.height))
    if wanted.format == "WEBP" and max(width, height) > _MAX_WEBP_SIDE:
        raise ImageError(f"WebP cannot hold {width}x{height} pixels: ask for PNG, or for less of them")
    x = selfvae_codec.decode(data, wanted.level, dtype="uint8", size_limit=pixels)
    picture = imaging.to_pillow(x, grey=header.grey)
    if wanted.reduce > 1:
        picture = picture.resize((width, height), Image.Resampling.BOX)
    icc = _profile(data)
    buffer = io.BytesIO()
    picture.save(buffer, wanted.format, **_SAVE[wanted.format], **({"icc_profile": icc} if icc else {}))
    return buffer.getvalue()


def _profile(data: bytes) -> bytes | None:
    import selfvae_codec

    try:
        return selfvae_codec.read_metadata(data).icc
    except CodecError:
        return None  # the pixels are sound without it
