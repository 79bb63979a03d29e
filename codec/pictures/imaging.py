"""Pictures in and out: Pillow files and arrays <-> uint8 RGB plus metadata.

Every Pillow mode either works or is refused by name, with what to do about it, before any coding starts.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from ..errors import ImageError, MetadataWarning
from ..format.header import MAGIC, MAX_PIXELS, MAX_SIDE
from ..format.metadata import Metadata

_EXIF_PREFIX = b"Exif\x00\x00"
_JPEG_SEGMENT_BYTES = 65000  # EXIF and XMP must fit one JPEG segment with its own header
_REFUSED = {
    "CMYK": "CMYK colours have no unique RGB values; convert to RGB first, with the profile of the press",
    "I;16": "16 bits per channel; convert to 8 bits first",
    "I": "32-bit integer pixels; convert to 8 bits first",
    "F": "floating-point pixels; convert to 8 bits first",
}
_ADVICE = "convert to 8-bit RGB or grey first"
# TIFF tags that describe how that file stores its pixels, profile and XMP: not true of any other file.
_PIXEL_TAGS = {*range(254, 260), 262, 263, 266, 273, 274, *range(277, 280), 284, 317, *range(320, 326)} | {
    330, 338, 339, 347, *range(529, 533), 700, 34675,
}  # fmt: skip
_XMP_TAG = 700
# What Pillow's readers raise on damaged files, beside the OSError that they promise.
_READ_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error, zlib.error)
# Exact where the format can be; JPEG and AVIF add a small loss of their own.
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}


@dataclass(frozen=True)
class Picture:
    """rgb: uint8 (H, W, 3). grey: the source had one channel; its three channels here are equal.

    alpha: uint8 (H, W), None where the picture is opaque.
    """

    rgb: np.ndarray
    grey: bool = False
    alpha: np.ndarray | None = None
    metadata: Metadata = field(default_factory=Metadata)


def as_picture(image: Picture | np.ndarray | Image.Image) -> Picture:
    """A uint8 array (H, W, 3), (H, W, 4) or (H, W), or a Pillow image, as a Picture. Raises ImageError."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, Image.Image):
        return from_pillow(image)
    if isinstance(image, np.ndarray):
        return from_array(image)
    raise TypeError(f"a picture is a uint8 array or a Pillow image, not {type(image).__name__}")


def from_array(x: np.ndarray) -> Picture:
    """uint8 (H, W, 3), (H, W, 4) with alpha, or (H, W) for grey. Raises ImageError for other dtypes, shapes, sizes."""
    if x.dtype != np.uint8:
        raise ImageError(f"the array is {x.dtype}; give uint8 values 0..255")
    if not (x.ndim == 2 or (x.ndim == 3 and x.shape[2] in (3, 4))):
        raise ImageError(f"the array has shape {x.shape}; give (H, W, 3), (H, W, 4) or (H, W)")
    check_size(x.shape[1], x.shape[0])
    grey = x.ndim == 2
    rgb = np.repeat(x[:, :, None], 3, axis=2) if grey else np.ascontiguousarray(x[:, :, :3])
    return Picture(rgb, grey, _unless_opaque(x[:, :, 3]) if x.ndim == 3 and x.shape[2] == 4 else None)


def from_bytes(data: bytes) -> Picture:
    """The picture in a file of any format that Pillow reads. Raises ImageError."""
    if not data:
        raise ImageError("is empty (0 bytes), not a picture")
    if data.startswith(MAGIC):
        raise ImageError("is a coded file already: decode it")
    try:
        with warnings.catch_warnings():
            # Pillow's remarks on size and odd tags: sizes have our own, named limit.
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", MetadataWarning)
            with Image.open(io.BytesIO(data)) as image:
                return from_pillow(image)
    except ImageError:
        raise
    except Image.UnidentifiedImageError:
        raise ImageError("is not a picture in a format that Pillow reads") from None
    except Image.DecompressionBombError:
        raise ImageError(f"has more pixels than Pillow opens (2 x {Image.MAX_IMAGE_PIXELS})") from None
    except _READ_ERRORS as error:
        raise ImageError(f"is a damaged picture ({error})") from None


def from_pillow(image: Image.Image) -> Picture:
    """A Pillow image as a Picture: orientation applied once, metadata kept. Raises ImageError.

    Accepted: modes 1, L, P, RGB, LA, PA, RGBA. Alpha that is opaque everywhere is dropped.
    """
    # Phones write MPO: a JPEG whose further pictures are previews or gain maps, not frames.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise ImageError(f"holds {getattr(image, 'n_frames', 'several')} frames; extract one of them first")
    check_size(*image.size)
    _refuse_mode(image)
    image.load()
    image, metadata = _oriented(image)
    alpha = None
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        alpha = _unless_opaque(np.array(image.convert("RGBA").getchannel("A")))
    grey = image.mode in ("1", "L", "LA")
    rgb = np.array(image.convert("L").convert("RGB") if grey else image.convert("RGB"))
    return Picture(rgb, grey, alpha, metadata)


def _unless_opaque(alpha: np.ndarray) -> np.ndarray | None:
    return np.ascontiguousarray(alpha) if alpha.min() < 255 else None


def to_pillow(x: np.ndarray, *, grey: bool = False) -> Image.Image:
    """uint8 (H, W, 3) or (H, W, 4) as a Pillow image of mode RGB or RGBA, or L or LA (its luma) if grey."""
    image = Image.fromarray(x)
    return image.convert("LA" if x.shape[2] == 4 else "L") if grey else image


def output_format(path: str) -> str:
    """Pillow's name of the format that a path's extension asks for; PNG for "-". Raises ImageError.

    Call it before the work: an extension that cannot be written is refused here.
    """
    if path == "-":
        return "PNG"
    suffix = Path(path).suffix.lower()
    name = Image.registered_extensions().get(suffix)
    if name not in Image.SAVE:
        raise ImageError(f"{path}: no picture format has the extension {suffix!r}; try .png")
    return name


def to_bytes(x: np.ndarray, name: str, *, grey: bool = False, metadata: Metadata | None = None) -> bytes:
    """A picture file in Pillow's format ``name``. Metadata that the format cannot hold is left out.

    x: uint8 (H, W, 3) or (H, W, 4). Raises ImageError if the format cannot hold the picture.
    """
    buffer = io.BytesIO()
    options = _SAVE_OPTIONS.get(name, {}) | _metadata_options(name, metadata or Metadata())
    try:
        to_pillow(x, grey=grey).save(buffer, format=name, **options)
    except (OSError, ValueError, KeyError) as error:
        height, width = x.shape[:2]
        transparent = " transparent" if x.shape[2] == 4 else ""
        raise ImageError(f"{name} cannot hold this{transparent} {width}x{height} picture ({error}); try .png") from None
    return buffer.getvalue()


def check_size(width: int, height: int) -> None:
    """Raises ImageError unless a file of ours can hold a picture of that size."""
    if width < 1 or height < 1:
        raise ImageError(f"is {width}x{height} pixels: there is nothing to code")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"is {width}x{height} pixels, but a side may have {MAX_SIDE}; scale or split it")
    if width * height > MAX_PIXELS:
        raise ImageError(f"has {width * height} pixels, but {MAX_PIXELS} are the limit; scale or split it")


def _refuse_mode(image: Image.Image) -> None:
    # Pillow reads some 16-bit colour files as 8-bit ones without a word; only the reader's raw mode tells.
    raw_modes = " ".join(str(part) for tile in getattr(image, "tile", ()) for part in tile[3:])
    if image.mode.startswith("I;16") or ";16" in raw_modes:
        raise ImageError(f"has {_REFUSED['I;16']}")
    if image.mode in _REFUSED:
        raise ImageError(f"has mode {image.mode}: {_REFUSED[image.mode]}")
    if image.mode not in ("1", "L", "P", "RGB", "LA", "PA", "RGBA"):
        raise ImageError(f"has mode {image.mode}, which is not supported; {_ADVICE}")


def _oriented(image: Image.Image) -> tuple[Image.Image, Metadata]:
    """The image as it is meant to be seen, and its metadata without the orientation."""
    try:
        exif = image.getexif()
        # Turned pixels with the old EXIF would be turned again by every viewer.
        if exif.get(ExifTags.Base.Orientation, 1) != 1:
            image = ImageOps.exif_transpose(image)
        kept = image.info.get("exif", b"")
        if not kept:
            kept = _collected_exif(image)
    except _READ_ERRORS:
        warnings.warn("the EXIF data is damaged and was left out", MetadataWarning, stacklevel=3)
        kept = b""
    xmp = image.info.get("xmp") or b""
    metadata = Metadata(
        icc=image.info.get("icc_profile") or None,
        exif=kept.removeprefix(_EXIF_PREFIX) or None,
        xmp=(xmp.encode() if isinstance(xmp, str) else bytes(xmp)) or None,
    )
    return image, metadata


def _collected_exif(image: Image.Image) -> bytes:
    """EXIF of formats that keep it elsewhere: TIFF among the tags about its pixels, old PNGs as text."""
    exif = Image.Exif()  # a copy: the caller's image keeps its own
    exif.load(image.getexif().tobytes())
    for tag in _PIXEL_TAGS.intersection(exif):
        del exif[tag]
    return exif.tobytes() if len(exif) else b""


def _metadata_options(name: str, metadata: Metadata) -> dict[str, Any]:
    """Arguments of Pillow's save() that carry the metadata into a file of that format."""
    options: dict[str, Any] = {}
    if metadata.icc and name in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "JPEG2000"):
        options["icc_profile"] = metadata.icc
    limit = _JPEG_SEGMENT_BYTES if name == "JPEG" else None
    for kind, content in (("exif", metadata.exif), ("xmp", metadata.xmp)):
        if content and name in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF"):
            if limit and len(content) > limit:
                message = f"{len(content)} bytes of {kind} do not fit a JPEG and were left out"
                warnings.warn(message, MetadataWarning, stacklevel=3)
                continue
            options[kind] = _EXIF_PREFIX + content if kind == "exif" else content
    xmp = options.get("xmp")
    if xmp and name == "PNG":
        from PIL.PngImagePlugin import PngInfo

        del options["xmp"]
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    if xmp and name == "TIFF":
        # Pillow writes a TIFF's EXIF as the file's own tags, and XMP is one of them.
        del options["xmp"]
        tags = Image.Exif()
        tags.load(options.get("exif", b""))
        tags[_XMP_TAG] = xmp
        options["exif"] = tags
    return options
