"""Pictures as Pillow images and as picture files: the same picture, or a word on why a format cannot hold it."""

from __future__ import annotations

import functools
import io
import struct
import warnings
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import ImageError, MetadataWarning
from ..format.metadata import Metadata
from . import exif, png, tiff
from .quiet import unheard
from .reading import READ_ERRORS, opened

_JPEG_SEGMENT_BYTES = 65000  # EXIF and XMP must fit one JPEG segment with its own header
_LOSSY = ("JPEG", "AVIF")  # add a small loss of their own
_SOUND = ("PNG", "TIFF", "WEBP", *_LOSSY)  # hold every picture that they take, and all metadata
_DEEP = ("PNG", "TIFF")  # hold 16 bits
_FORMATS = {"icc": "ICC profile", "exif": "EXIF", "xmp": "XMP"}
# Exact where the format can be.
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 1},  # photographs take a fifth of the time of 6, and no more bytes
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}


def to_pillow(x: np.ndarray, *, grey: bool = False) -> Image.Image:
    """uint8 (H, W, 3) or (H, W, 4) as a Pillow image of mode RGB or RGBA, or L or LA (its luma) if grey.

    uint16 only if grey and opaque, as I;16: Pillow has no other mode of 16 bits.
    """
    shown = channels(x, grey=grey)
    return Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown)


def channels(x: np.ndarray, *, grey: bool) -> np.ndarray:
    """uint8 or uint16 (H, W, C): the colours of (H, W, 3) or (H, W, 4), or their luma if grey, and alpha."""
    if not grey:
        return x
    if x.dtype == np.uint8:
        y = np.array(Image.fromarray(x).convert("LA" if x.shape[2] == 4 else "L"))
        return y if y.ndim == 3 else y[:, :, None]
    red, green, blue = (x[..., colour].astype(np.uint32) for colour in range(3))
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16  # as Pillow has it
    return np.dstack([luma.astype(np.uint16), x[..., 3:]])


def output_format(path: str) -> str:
    """Pillow's name of the format that a path's extension asks for; PNG for "-". Raises ImageError.

    Call it before the work: an extension that cannot be written, or of a format that would change the picture, is
    refused here.
    """
    if path == "-":
        return "PNG"
    suffix = Path(path).suffix.lower()
    Image.preinit()  # the usual formats; all others take as long to load as decoding a small picture
    name = Image.EXTENSION.get(suffix) or Image.registered_extensions().get(suffix)
    if name not in Image.SAVE or name == "SVAE":
        raise ImageError(f"{path}: no picture format has the extension {suffix!r}; try .png")
    return name


def to_bytes(x: np.ndarray, name: str, *, grey: bool = False, metadata: Metadata | None = None) -> bytes:
    """A picture file in Pillow's format ``name``. What of the metadata it cannot hold is named in a MetadataWarning.

    x: uint8 or uint16 (H, W, 3) or (H, W, 4). Raises ImageError if the format cannot hold the picture.
    """
    metadata = metadata or Metadata()
    if grey and name not in _SOUND and _loss(name, "LA" if x.shape[2] == 4 else "L"):
        grey = False  # some formats have colours alone
    check_format(name, grey=grey, alpha=x.shape[2] == 4, depth=8 * x.dtype.itemsize)
    metadata, left = _held(name, metadata)
    try:
        content = _saved(x, name, grey, metadata)
    except Exception as error:  # whatever a writer thinks of the metadata, and then of the picture
        if not metadata:
            raise _cannot(name, x, error) from None
        try:
            content = _saved(x, name, grey, replace(metadata, exif=None, xmp=None))
            left.append(f"EXIF or XMP that cannot be written ({error})")
        except Exception:
            content = _bare(x, name, grey)
            left.append(f"metadata that cannot be written ({error})")
    if left:
        warnings.warn(f"{name} without {', '.join(left)}", MetadataWarning, stacklevel=2)
    return content


def _bare(x: np.ndarray, name: str, grey: bool) -> bytes:
    try:
        return _saved(x, name, grey, Metadata())
    except Exception as error:
        raise _cannot(name, x, error) from None


def _cannot(name: str, x: np.ndarray, error: Exception) -> ImageError:
    height, width = x.shape[:2]
    transparent = " transparent" if x.shape[2] == 4 else ""
    return ImageError(f"{name} cannot hold this{transparent} {width}x{height} picture ({error}); try .png")


def _held(name: str, metadata: Metadata) -> tuple[Metadata, list[str]]:
    """What a format can hold, and the rest by name."""
    if name not in _SOUND:
        return Metadata(), [words for field, words in _FORMATS.items() if getattr(metadata, field)]
    if name != "JPEG":
        return metadata, []
    long = {field: len(getattr(metadata, field) or b"") for field in ("exif", "xmp")}
    long = {field: length for field, length in long.items() if length > _JPEG_SEGMENT_BYTES}
    words = [f"{length} bytes of {_FORMATS[field]}, which do not fit" for field, length in long.items()]
    return replace(metadata, **dict.fromkeys(long)), words


def _saved(x: np.ndarray, name: str, grey: bool, metadata: Metadata) -> bytes:
    if x.dtype == np.uint16:
        shown = channels(x, grey=grey)
        return tiff.pack(shown, metadata) if name == "TIFF" else png.pack(shown, _png_chunks(metadata))
    buffer = io.BytesIO()
    image = to_pillow(x, grey=grey)
    with unheard():
        image.save(buffer, format=name, **_SAVE_OPTIONS.get(name, {}), **_metadata_options(name, metadata))
    content = buffer.getvalue()
    if name not in _SOUND:
        with opened(content) as again:
            if again.size != image.size:
                raise ValueError(f"it would be {again.width}x{again.height} pixels")
    return content


def check_format(name: str, *, grey: bool, alpha: bool, depth: int = 8) -> None:
    """Raises ImageError for a format that would not hold such a picture as it is."""
    if depth > 8 and name not in _DEEP:
        raise ImageError(f"{name} would hold 8 of its 16 bits per channel; try .png or .tif, or --depth 8")
    if alpha and name == "JPEG":
        raise ImageError("JPEG cannot hold this transparent picture; try .png")
    if name not in _SOUND:
        loss = _loss(name, ("LA" if alpha else "L") if grey else ("RGBA" if alpha else "RGB"))
        if loss:
            raise ImageError(f"{name} cannot hold this picture: {loss}; try .png")


@functools.cache
def _loss(name: str, mode: str) -> str | None:
    """What a format makes of a picture, in words; None where it is the same picture: a small one of noise is asked."""
    noise = np.random.default_rng(0).integers(0, 256, (19, 17, 4), dtype=np.uint8)
    noise[:9, :, 3] = 0
    sample = Image.fromarray(noise).convert(mode)
    buffer = io.BytesIO()
    if name not in Image.OPEN or name == "EPS":  # that one is drawn by another program
        return "what it writes cannot be read back as pixels"
    try:
        with unheard():
            sample.save(buffer, format=name)
        with unheard(), opened(buffer.getvalue()) as image:
            again = image.convert("RGBA")
            bands = image.getbands()
    except (ImageError, KeyError, *READ_ERRORS) as error:
        return str(error)
    if again.size != sample.size:
        return "it changes the size"
    if bands in (("F",), ("I",)):
        return "it makes other numbers of its pixels"
    if "A" in mode and "A" not in bands and np.array(again)[..., 3].min() == 255:
        return "it loses transparency"
    return None if np.array_equal(np.array(again), np.array(sample.convert("RGBA"))) else "it changes colours"


def _metadata_options(name: str, metadata: Metadata) -> dict[str, Any]:
    """Arguments of Pillow's save() that carry the metadata into a file of that format."""
    kept = {
        "icc_profile": metadata.icc,
        "exif": metadata.exif and exif.PREFIX + metadata.exif,
        "xmp": metadata.xmp,
        "dpi": exif.resolution(metadata.exif) if name in ("PNG", "JPEG") else None,
    }
    options: dict[str, Any] = {option: value for option, value in kept.items() if value}
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
        tags[exif.XMP_TAG] = xmp
        options["exif"] = tags
    return options


def _png_chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """The same as a PNG's chunks, for one that Pillow does not write."""
    chunks = []
    if metadata.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    dpi = exif.resolution(metadata.exif)
    if dpi:
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(d / 0.0254) for d in dpi), 1)))
    if metadata.exif:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    return chunks
