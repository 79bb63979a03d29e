"""ICC profile, EXIF, XMP and alpha as one compact section of tagged chunks. FORMAT.md, "Metadata", specifies it.

A chunk is its tag (u8), how it is stored (u8: 0 as it is, 1 deflated), its stored length (u32) and its bytes.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, fields

from ..errors import FormatError

_CHUNK = struct.Struct("<BBI")
_RAW, _DEFLATED = 0, 1
ALPHA_TAG = 4
MAX_CHUNK_BYTES = 16 * 2**20  # after inflating; real profiles and EXIF blocks are far below, bombs are above


@dataclass(frozen=True)
class Metadata:
    """What travels with a picture beside its pixels; the order of the fields gives the tags 1, 2, 3.

    icc: ICC profile. exif: a TIFF structure, without the prefix that JPEG puts before it, and without the
    orientation, which is already applied to the pixels. xmp: an XML packet, UTF-8.
    Raises TypeError for what is no bytes.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            content = getattr(self, field.name)
            if not isinstance(content, (bytes, bytearray, type(None))):
                raise TypeError(f"{field.name} is bytes, or None, not {type(content).__name__}")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


def pack(metadata: Metadata, alpha: bytes | None = None) -> bytes | None:
    """The section, or None when there is nothing to keep. alpha: a PNG (alpha.py).

    Raises FormatError for a chunk over the limit.
    """
    section = b""
    for tag, field in enumerate(fields(metadata), start=1):
        content = getattr(metadata, field.name)
        if not content:
            continue
        if len(content) > MAX_CHUNK_BYTES:
            raise FormatError(f"{len(content)} bytes of {field.name}; the limit is {MAX_CHUNK_BYTES}")
        deflated = zlib.compress(content, 9)
        method, stored = (_DEFLATED, deflated) if len(deflated) < len(content) else (_RAW, content)
        section += _CHUNK.pack(tag, method, len(stored)) + stored
    if alpha:
        section += _CHUNK.pack(ALPHA_TAG, _RAW, len(alpha)) + alpha
    return section or None


def unpack(section: bytes | None) -> Metadata:
    """Metadata of a section. Chunks with other tags are skipped. Raises FormatError for a malformed one."""
    held = _chunks(section)
    tags = enumerate((field.name for field in fields(Metadata)), start=1)
    return Metadata(**{name: _content(*held[tag]) for tag, name in tags if tag in held})


def alpha_of(section: bytes | None) -> bytes | None:
    """The PNG of the alpha channel, None if there is none. Raises FormatError for a malformed section."""
    method, png = _chunks(section).get(ALPHA_TAG, (_RAW, None))
    if method != _RAW:
        raise FormatError("the alpha channel is stored in another way than as it is")
    return png


def _chunks(section: bytes | None) -> dict[int, tuple[int, bytes]]:
    """(method, stored bytes) of every chunk, by tag: one of each at most, so that no reader does any work twice."""
    section = section or b""
    held: dict[int, tuple[int, bytes]] = {}
    at = 0
    while at < len(section):
        if len(section) < at + _CHUNK.size:
            raise FormatError("the metadata ends inside a chunk header")
        tag, method, length = _CHUNK.unpack_from(section, at)
        at += _CHUNK.size + length
        if at > len(section):
            raise FormatError("the metadata ends inside a chunk")
        if tag in held:
            raise FormatError(f"the metadata holds two chunks of one kind (tag {tag})")
        held[tag] = method, section[at - length : at]
    return held


def _content(method: int, stored: bytes) -> bytes:
    if method == _RAW:
        return stored
    if method != _DEFLATED:
        raise FormatError(f"a metadata chunk is stored in an unknown way ({method})")
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(stored, MAX_CHUNK_BYTES)
    except zlib.error as error:
        raise FormatError(f"a metadata chunk does not inflate: {error}") from None
    if not inflate.eof:
        raise FormatError(f"a metadata chunk is cut off, or inflates to more than {MAX_CHUNK_BYTES} bytes")
    return content
