"""What else a file holds beside the picture and the metadata that are kept: by name, so that nobody misses it later."""

from __future__ import annotations

import re
from typing import Any

from ..errors import ImageError
from . import png

_DNG_VERSION, _SUBFILE_TYPE = 50706, 254  # TIFF tags
_PREVIEW = 1  # a bit of the latter
_IPTC = 0x0404  # of Photoshop's resources
_FILM = re.compile(rb"\0\0\0[\x08-\x40]ftyp(?:mp4|isom|iso\d|qt  |avc1|M4V|MSNV|3gp)")


def refuse_more(image: Any) -> None:
    """Raises ImageError for files of which no single picture is the picture: films, pages, raw photographs."""
    if image.format == "TIFF":
        if _DNG_VERSION in image.tag_v2:
            raise ImageError("is a raw photograph (DNG), of which only a preview could be read; develop it first")
        if image.tag_v2.get(_SUBFILE_TYPE, 0) & _PREVIEW:
            raise ImageError("begins with the preview of another picture, as raw photographs do; develop it first")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format not in ("MPO", "PSD") and not _previews_follow(image, frames):
        raise ImageError(f"holds {frames} frames; extract one of them first")


def _previews_follow(image: Any, frames: int) -> bool:
    """Whether all further pages of a TIFF are smaller versions of the first."""
    if image.format != "TIFF":
        return False
    try:
        for page in range(1, frames):
            image.seek(page)
            if not image.tag_v2.get(_SUBFILE_TYPE, 0) & _PREVIEW:
                return False
        return True
    finally:
        image.seek(0)


def names(image: Any, data: bytes, found: list[png.Chunk]) -> list[str]:
    """What of a file is left out, in words. image: opened; data: the file; found: its chunks, of a PNG."""
    left = []
    if image.format in ("JPEG", "MPO"):
        left += _of_jpeg(image, data)
    elif image.format == "PNG":
        left += _of_png(data, found)
    elif image.format == "AVIF":
        brands = data[8 : int.from_bytes(data[:4], "big")]
        left += ["gain map"] * (b"tmap" in brands) + ["crop"] * (b"clap" in data[:4096])
    elif image.format == "PSD":
        left += [f"layers ({image.n_frames})"] * (getattr(image, "n_frames", 1) > 1)
    elif image.format == "TIFF":
        left += ["smaller versions"] * (getattr(image, "n_frames", 1) > 1)
    elif image.format in ("ICO", "ICNS"):
        left += ["other sizes"] * (len(image.info.get("sizes", ())) > 1)
    if image.format == "GIF" and image.info.get("comment"):
        left.append("comment")
    return left


def _of_jpeg(image: Any, data: bytes) -> list[str]:
    segments = [content for _, content in getattr(image, "applist", ())]
    left = []
    further = getattr(image, "n_frames", 1) - 1
    gain_map = any(
        b"urn:iso:std:iso:ts:21496" in s[:64] or b"hdr-gain-map" in s or b"HDRGainMap" in s for s in segments
    )
    if gain_map:
        left.append("gain map")
    elif further > 0:
        left.append("second picture" if further == 1 else f"{further} further pictures")
    if any(b"GDepth:" in s or b"photos/1.0/depthmap" in s or b"photos/dd/1.0" in s for s in segments):
        left.append("depth map")
    announced = any(b"MotionPhoto" in s or b"MicroVideo" in s for s in segments)
    if announced or _FILM.search(data) or b"MotionPhoto_Data" in data[-(1 << 16) :]:
        left.append("motion video")
    if any(s.startswith(b"http://ns.adobe.com/xmp/extension/\0") for s in segments):
        left.append("extended XMP")
    if _IPTC in image.info.get("photoshop", {}):
        left.append("IPTC")
    if any(b"jumb" in s[:32] for s in segments):
        left.append("content credentials")
    if image.info.get("comment"):
        left.append("comment")
    density = image.info.get("jfif_density", (1, 1))
    if image.info.get("jfif_unit") == 0 and len(set(density)) > 1:
        left.append("shape of pixels")
    return left


def _of_png(data: bytes, found: list[png.Chunk]) -> list[str]:
    left = []
    keywords = sorted({c.content.partition(b"\0")[0].decode("latin-1") for c in found if c.kind in png.TEXTS})
    keywords = [k for k in keywords if k not in png.METADATA_TEXTS]
    if keywords:
        left.append(f"text ({', '.join(k if k.isprintable() else repr(k) for k in keywords)})")
    kinds = {chunk.kind for chunk in found}
    left += ["content credentials"] * (b"caBX" in kinds) + ["HDR mastering data"] * bool(kinds & {b"mDCV", b"cLLI"})
    ends = [chunk.end for chunk in found if chunk.kind == b"IEND"]
    if ends and ends[0] < len(data):
        left.append(f"{len(data) - ends[0]:,} bytes after its end")
    return left
