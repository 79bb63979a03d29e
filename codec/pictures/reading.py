"""Picture files and Pillow images as pictures: orientation applied once, colours named, metadata kept.

What cannot be kept is converted as the file itself says, refused by name (ImageError), or named in one warning
(PictureWarning). Every Pillow mode either works or is refused before any coding starts.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageFile

from ..errors import ImageError, PictureWarning
from ..format.fields import MAGIC
from ..format.metadata import MAX_CHUNK_BYTES, Metadata
from . import colour, depth, exif, leftovers, png
from .picture import Picture, check_size, from_array, unless_opaque
from .quiet import unheard

_MODES = ("1", "L", "P", "RGB", "RGBX", "LA", "PA", "RGBA")
_REFUSED = {
    "I": "32-bit integer pixels; convert to 8 or 16 bits first",
    "F": "floating-point pixels; convert to 8 or 16 bits first",
}
_CMYK = "its colours have no RGB values without a press's profile; convert with it first"
_ADVICE = "convert to RGB or grey of 8 or 16 bits first"
# What Pillow's readers raise on damaged files, beside the OSError that they promise.
READ_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, RuntimeError, AttributeError,
    AssertionError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


@dataclass
class Remarks:
    """What to say of a picture that was taken in: what was done to it, and what of its file is left out."""

    left: list[str]
    done: list[str] = field(default_factory=list)

    def say(self) -> None:
        """One warning, if there is anything to say."""
        words = [*self.done, *([f"left out: {', '.join(self.left)}"] if self.left else [])]
        if words:
            warnings.warn("; ".join(words), PictureWarning, stacklevel=4)


def as_picture(image: Picture | np.ndarray | Image.Image) -> Picture:
    """An array (H, W, 3), (H, W, 4) or (H, W), uint8 or uint16, or a Pillow image, as a Picture. Raises ImageError."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, Image.Image):
        return from_pillow(image)
    if isinstance(image, np.ndarray):
        return from_array(image)
    raise TypeError(f"a picture is an array of uint8 or uint16 or a Pillow image, not {type(image).__name__}")


def from_bytes(data: bytes) -> Picture:
    """The picture in a file of any format that Pillow reads. Raises ImageError."""
    if not data:
        raise ImageError("is empty (0 bytes), not a picture")
    if data.startswith(MAGIC):
        raise ImageError("is a coded file already: decode it")
    with _in_our_words():
        found = png.chunks_of(data)
        data = png.without(data, [chunk for chunk in found if png.too_long(chunk)])
        with opened(data) as image:
            picture, remarks = _read(image, data, found)
    remarks.say()
    return picture


def from_pillow(image: Image.Image, orientation: int | None = None) -> Picture:
    """A Pillow image as a Picture. Raises ImageError.

    orientation: by which it is to be turned, 1 to 8 as in EXIF; None: its own.

    Accepted: modes 1, L, P, RGB, RGBX, LA, PA, RGBA, I;16, and CMYK with a profile. Alpha that is opaque everywhere is
    dropped. Of a file that Pillow has not loaded yet, all is kept that ``from_bytes`` keeps, 16 bits too.
    """
    data = _unread_file(image)
    with _in_our_words():
        picture, remarks = _read(image, data, png.chunks_of(data), orientation)
    remarks.say()
    return picture


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Pillow's errors become ours, and its remarks on odd tags are not heard."""
    try:
        with unheard():
            yield
    except ImageError:
        raise
    except READ_ERRORS as error:
        raise ImageError(f"is a damaged picture ({error})") from None


def opened(data: bytes) -> ImageFile.ImageFile:
    """A file opened as ``Image.open`` opens it, but for its limit on pixels: ours is checked by ``check_size``.

    Raises ImageError if no reader takes it.
    """
    for load in (Image.preinit, Image.init):
        load()
        for name in Image.ID:
            factory, accept = Image.OPEN[name]
            try:
                accepted = accept is None or accept(data[:16])
                if accepted and not isinstance(accepted, str):  # a word on what is not installed
                    return factory(io.BytesIO(data), "")
            except (SyntaxError, IndexError, TypeError, struct.error):
                continue
    if data.startswith(b"\xff\xd8") and depth.of_jpeg(data) > 8:
        raise ImageError(_too_deep(depth.of_jpeg(data)))
    raise ImageError("is not a picture in a format that Pillow reads")


def _unread_file(image: Image.Image) -> bytes:
    """The file behind an image that was opened and not loaded; nothing where it cannot be read again."""
    stream = getattr(image, "fp", None)
    if stream is None or not getattr(image, "tile", None):
        return b""
    try:
        position = stream.tell()
        stream.seek(0)
        data = bytes(stream.read())
        stream.seek(position)
    except (OSError, ValueError, AttributeError):
        return b""
    return data


def _read(
    image: Image.Image, data: bytes, found: list[png.Chunk], orientation: int | None = None
) -> tuple[Picture, Remarks]:
    """The picture, and what to say of it. image: opened, and not loaded if its file, ``data``, is there."""
    check_size(*image.size)
    leftovers.refuse_more(image)
    remarks = Remarks(left=leftovers.names(image, data, found) if data else [])
    bits = depth.bits(image, data) if data else 16 if image.mode.startswith("I;16") else 8
    if bits > 8:
        x, image = _deep(image, data, bits)
    else:
        _refuse_mode(image)
        image.load()
        x = _colours(image, remarks)
    metadata, own = _metadata(image, data, found, grey=x.ndim == 2 or x.shape[2] == 2, remarks=remarks)
    by = own if orientation is None else orientation
    x = exif.turned(x, by)
    if x.ndim == 3 and x.shape[2] == 2:  # grey with alpha
        return Picture(x[:, :, :1].repeat(3, 2), True, unless_opaque(x[:, :, 1]), metadata, by), remarks
    return replace(from_array(x, metadata), turned=by), remarks


def _deep(image: Image.Image, data: bytes, bits: int) -> tuple[np.ndarray, Image.Image]:
    """Samples of 16 bits, grey or colours, last alpha if there is any, and the image that they were loaded from."""
    if bits != 16 or image.format not in ("PNG", "TIFF", "SVAE", None):
        raise ImageError(_too_deep(bits))
    if data:
        image = opened(data)
        x = depth.pixels(image, lambda: opened(data))
    else:
        x = np.array(image).astype(np.uint16)
    key = image.info.get("transparency")  # the one colour that is transparent, of PNG
    if key is not None and (x.ndim == 2 or x.shape[2] == 3):
        opaque = (x != np.uint16(key)) if x.ndim == 2 else (x != np.array(key, np.uint16)).any(2)
        x = np.dstack([x, np.where(opaque, 65535, 0).astype(np.uint16)])
    return x, image


def _too_deep(bits: int) -> str:
    return f"has {bits} bits per channel; more than 8 are read as 16, from PNG and TIFF: convert it first"


def _refuse_mode(image: Image.Image) -> None:
    if image.mode in _REFUSED:
        raise ImageError(f"has mode {image.mode}: {_REFUSED[image.mode]}")
    if image.mode == "CMYK" and not image.info.get("icc_profile"):
        raise ImageError(f"has mode CMYK: {_CMYK}")
    if image.mode not in (*_MODES, "CMYK"):
        raise ImageError(f"has mode {image.mode}, which is not supported; {_ADVICE}")


def _colours(image: Image.Image, remarks: Remarks) -> np.ndarray:
    """uint8 (H, W), (H, W, 3) or (H, W, 4), or (H, W, 2) for grey and alpha."""
    if image.mode == "CMYK":
        return _from_cmyk(image, remarks)
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        x = np.array(image.convert("RGBA"))
        return x[:, :, 2:] if grey else x
    return np.array(image.convert("L") if grey else image.convert("RGB"))


def _from_cmyk(image: Image.Image, remarks: Remarks) -> np.ndarray:
    """sRGB of a press's colours, by the profile that the file brings."""
    try:
        from PIL import ImageCms
    except ImportError:
        raise ImageError(f"has mode CMYK, and this Pillow has no colour management: {_CMYK}") from None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        name = ImageCms.getProfileDescription(source).strip()
        intent, srgb = ImageCms.Intent(ImageCms.getDefaultIntent(source)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, renderingIntent=intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(f"has mode CMYK and a profile that cannot be used ({error}): {_CMYK}") from None
    remarks.done.append(f"CMYK colours were converted to sRGB by the picture's profile ({name})")
    return np.array(converted)


def _metadata(
    image: Image.Image, data: bytes, found: list[png.Chunk], *, grey: bool, remarks: Remarks
) -> tuple[Metadata, int]:
    """What is kept, and the orientation that it was without."""
    block, xmp, orientation = b"", image.info.get("xmp") or b"", 1
    try:
        orientation = exif.orientation_of(image)
        block = image.info.get("exif", b"") or exif.collected(image)
        block = exif.without_orientation(block.removeprefix(exif.PREFIX))[0] if block else b""
    except READ_ERRORS:
        remarks.left.append("the EXIF data, which is damaged")
        block = b""
    xmp = exif.upright_xmp(xmp.encode() if isinstance(xmp, str) else bytes(xmp))
    if exif.announces_more(xmp):
        xmp = exif.without_announcements(xmp) or b""
        if not xmp:
            remarks.left.append("the XMP, which speaks of them")
    dpi: tuple[float, float] = image.info.get("dpi", (0, 0))
    if exif.meant(dpi) and not block:
        block = exif.with_resolution(dpi)
    elif exif.meant(dpi) and exif.resolution(block) is None:
        remarks.left.append(f"its resolution ({float(dpi[0]):.0f} dpi)")
    icc = colour.profile_of(image, data, found, grey, remarks)
    kept = {"ICC profile": icc, "EXIF": block, "XMP": xmp}
    for name, content in kept.items():
        if content and len(content) > MAX_CHUNK_BYTES:
            remarks.left.append(f"{len(content):,} bytes of {name}, more than a file holds")
            kept[name] = None
    return Metadata(*(content or None for content in kept.values())), orientation
