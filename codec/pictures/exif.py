"""EXIF and XMP without what is no longer true of a picture that was turned, and taken out of its file."""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from ..errors import MetadataWarning
from ..format.metadata import Metadata
from .quiet import unheard

PREFIX = b"Exif\0\0"  # before the TIFF structure, in JPEG and in Pillow's info
ORIENTATION = 0x0112
XMP_TAG = 700
DEFAULT_DPI, MAX_DPI = 72, 1e6  # the first is EXIF's own value for a resolution that is not known
_INCHES, _CENTIMETRES = 2, 3
# TIFF tags that describe how that file stores its pixels, profile and XMP: not true of any other file.
_PIXEL_TAGS = {*range(254, 260), 262, 263, 266, 273, 274, *range(277, 280), 284, 317, *range(320, 326)} | {
    330, 338, 339, 347, *range(529, 533), 700, 34675,
}  # fmt: skip
_ENTRY_BYTES = 12
# What XMP says of pictures and films that stand beside the first picture in its file, and are not handed on with it.
_NAMESPACES = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    *(f"http://ns.google.com/photos/1.0/{part}/" for part in ("container", "camera", "depthmap", "image", "audio")),
    "http://ns.google.com/photos/dd/1.0/",
    "http://ns.samsung.com/",
    "http://ns.adobe.com/xmp/note/",  # where its extension is
)


def turned(x: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, ...) as it is meant to be seen. orientation: 1 to 8, as in EXIF."""
    x = x.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else x
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(x[::rows, ::columns])


def orientation_of(image: Image.Image) -> int:
    """1 to 8, from EXIF or XMP."""
    value = image.getexif().get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def orientation_in(block: bytes) -> int:
    """1 to 8, of EXIF that is handed in; 1 for what is none."""
    try:
        return without_orientation(block.removeprefix(PREFIX))[1]
    except ValueError:
        return 1


def upright(metadata: Metadata, turned_by: int) -> Metadata:
    """What was given for a picture whose pixels are as they are to be seen: the same without an orientation.

    turned_by: the orientation that pixels were turned by. Of another a MetadataWarning says that nobody has heeded it,
    as one does of EXIF that is no TIFF structure.
    """
    block, orientation = metadata.exif, 1
    try:
        if block:
            block, orientation = without_orientation(block.removeprefix(PREFIX))
    except ValueError as error:
        warnings.warn(f"the EXIF data was left out: {error}", MetadataWarning, stacklevel=3)
        block = None
    if orientation not in (1, turned_by):
        message = f"the EXIF's orientation, {orientation}, was left out: the picture is taken as it is to be seen"
        warnings.warn(message, MetadataWarning, stacklevel=3)
    return replace(metadata, exif=block, xmp=metadata.xmp and upright_xmp(metadata.xmp))


def upright_xmp(xmp: bytes) -> bytes:
    return re.sub(rb'\s*tiff:Orientation="\d+"|<tiff:Orientation>\s*\d+\s*</tiff:Orientation>', b"", xmp)


def without_orientation(exif: bytes) -> tuple[bytes, int]:
    """A TIFF structure without its orientation, and what that was. Nothing else moves: makers' notes hold offsets.

    Raises ValueError for bytes that are no TIFF structure.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("it is no TIFF structure")
    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, first)
    except struct.error:
        raise ValueError("it ends before its first directory") from None
    end = first + 2 + _ENTRY_BYTES * count + 4  # the offset of the next directory follows the entries
    if end > len(exif):
        raise ValueError("it ends inside its first directory")
    entries = [exif[at : at + _ENTRY_BYTES] for at in range(first + 2, end - 4, _ENTRY_BYTES)]
    gone = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] == ORIENTATION]
    if not gone:
        return exif, 1
    kept = [entry for entry in entries if entry not in gone]
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + exif[end - 4 : end]
    (value,) = struct.unpack_from(order + "H", gone[0], 8)
    return exif[:first] + directory.ljust(end - first, b"\0") + exif[end:], value if 1 <= value <= 8 else 1


def collected(image: Image.Image) -> bytes:
    """EXIF of formats that keep it elsewhere: TIFF among the tags about its pixels, old PNGs as text."""
    exif = Image.Exif()  # a copy: the caller's image keeps its own
    exif.load(image.getexif().tobytes())
    for tag in _PIXEL_TAGS.intersection(exif):
        del exif[tag]
    return exif.tobytes().removeprefix(PREFIX) if len(exif) else b""


def with_resolution(dpi: tuple[float, float]) -> bytes:
    """EXIF that says how large a picture is meant to be, and nothing else."""
    made = Image.Exif()
    for tag, value in zip((ExifTags.Base.XResolution, ExifTags.Base.YResolution), dpi):
        made[tag] = TiffImagePlugin.IFDRational(round(float(value) * 10000), 10000)
    made[ExifTags.Base.ResolutionUnit] = _INCHES
    return made.tobytes().removeprefix(PREFIX)


def meant(dpi: tuple[float, float]) -> bool:
    """Whether pixels per inch say something: a file that does not know has EXIF's own default, or TIFF's 1."""
    if not all(1 < float(d) < MAX_DPI for d in dpi):
        return False
    return {round(float(d)) for d in dpi} != {DEFAULT_DPI}


def resolution(exif: bytes | None) -> tuple[float, float] | None:
    """Pixels per inch, None where EXIF does not say."""
    try:
        with unheard():
            found = Image.Exif()
            found.load(exif or b"")
        unit = {_INCHES: 1.0, _CENTIMETRES: 2.54}[found.get(ExifTags.Base.ResolutionUnit, _INCHES)]
        dpi = tuple(float(found[tag]) * unit for tag in (ExifTags.Base.XResolution, ExifTags.Base.YResolution))
    except Exception:  # of whatever a damaged block brings about, nothing is worth more than not knowing
        return None
    return (dpi[0], dpi[1]) if all(0 < d < MAX_DPI for d in dpi) else None


def announces_more(xmp: bytes | None) -> bool:
    """Whether XMP speaks of further pictures in the file it came from."""
    return xmp is not None and any(namespace.encode() in xmp for namespace in _NAMESPACES)


def without_announcements(xmp: bytes) -> bytes | None:
    """XMP without them; None where it cannot be read."""
    start, end = xmp.find(b"<x:xmpmeta"), xmp.rfind(b"</x:xmpmeta>")
    if start < 0 or end < 0 or b"<!" in xmp:
        return None
    try:
        for prefix, uri in re.findall(r'xmlns:([\w.-]+)="([^"]+)"', xmp.decode("utf-8", "replace")):
            if not re.fullmatch(r"ns\d+", prefix):
                ElementTree.register_namespace(prefix, uri)
        root = ElementTree.fromstring(xmp[start : end + len(b"</x:xmpmeta>")])
    except (ElementTree.ParseError, ValueError):
        return None
    for element in list(root.iter()):
        for name in [name for name in element.attrib if _foreign(name)]:
            del element.attrib[name]
        for child in [child for child in element if _foreign(child.tag)]:
            element.remove(child)
    return xmp[:start] + ElementTree.tostring(root) + xmp[end + len(b"</x:xmpmeta>") :]


def _foreign(name: object) -> bool:
    return isinstance(name, str) and name.lstrip("{").startswith(_NAMESPACES)
