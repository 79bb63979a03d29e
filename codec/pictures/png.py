"""PNG files beyond what Pillow tells of them: chunks, the colours that they name, and 16 bits out.

Chunks as in the PNG specification, third edition (W3C, 2025).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .profiles import SRGB_PRIMARIES, Colours, from_code_points

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT_BYTES = 1 << 20  # of a text that Pillow inflates
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
METADATA_TEXTS = ("XML:com.adobe.xmp", "Raw profile type exif")  # texts that Pillow reads as XMP and EXIF


class Chunk(NamedTuple):
    kind: bytes
    start: int  # of its length field
    end: int  # after its checksum
    content: bytes


def chunks_of(data: bytes) -> list[Chunk]:
    """Every whole chunk up to IEND, without contents of pixels; none of a file that is no PNG. Checks nothing."""
    return list(_chunks(data)) if data.startswith(SIGNATURE) else []


def _chunks(data: bytes) -> Iterator[Chunk]:
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            return
        yield Chunk(kind, position, end, b"" if kind in (b"IDAT", b"fdAT") else data[position + 8 : end - 4])
        position = end
        if kind == b"IEND":
            return


def colours(found: list[Chunk]) -> Colours | None:
    """What chunks say of the picture's colours; None where they say nothing, or leave it to a profile."""
    named = {chunk.kind: chunk.content for chunk in found}
    if len(named.get(b"cICP", b"")) == 4:
        return from_code_points(*named[b"cICP"])
    if b"iCCP" in named or b"sRGB" in named:
        return None
    gamma = int.from_bytes(named[b"gAMA"], "big") if len(named.get(b"gAMA", b"")) == 4 else 0
    points = struct.unpack(">8I", named[b"cHRM"]) if len(named.get(b"cHRM", b"")) == 32 else None
    if not gamma and not points:
        return None
    primaries = SRGB_PRIMARIES if points is None else tuple(p / 100000 for p in points[2:] + points[:2])
    return Colours(primaries, 100000 / gamma, f"gamma {100000 / gamma:.3g}") if gamma else Colours(primaries)


def without(data: bytes, dropped: list[Chunk]) -> bytes:
    """The file without some of its chunks, given in order."""
    kept, position = [], 0
    for chunk in dropped:
        kept.append(data[position : chunk.start])
        position = chunk.end
    return b"".join([*kept, data[position:]])


def too_long(chunk: Chunk) -> bool:
    """Whether a text is longer than Pillow takes: it would refuse the whole picture for it."""
    keyword, _, rest = chunk.content.partition(b"\0")
    if chunk.kind == b"zTXt":
        packed = rest[1:]
    elif chunk.kind == b"iTXt" and rest[:1] == b"\1":
        packed = rest[2:].split(b"\0", 2)[-1]
    else:
        return False
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return False
    return bool(inflate.unconsumed_tail)


def pack(x: np.ndarray, extra: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of 16 bits. x: uint16 (H, W, C), C = 1, 3 or 4, or 2 for grey and alpha; extra: its other chunks."""
    height, width, channels = x.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = x.astype(">u2").view(np.uint8).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    compressor = zlib.compressobj(6)
    packed = [compressor.compress(part) for part in _filtered(rows, 2 * channels)] + [compressor.flush()]
    parts = [(b"IHDR", head), *extra, (b"IDAT", b"".join(packed)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _filtered(rows: np.ndarray, step: int) -> Iterator[bytes]:
    """Each row, by whichever of the filters leaves the smallest bytes (the usual heuristic: as signed numbers)."""
    above = np.zeros(rows.shape[1], np.uint8)
    for row in rows:
        left, corner = (np.concatenate([np.zeros(step, np.uint8), r[:-step]]) for r in (row, above))
        mean = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
        tried = [row, row - left, row - above, row - mean, row - _paeth(left, above, corner)]
        best = min(range(5), key=lambda kind: int(np.abs(tried[kind].view(np.int8).astype(np.int16)).sum()))
        yield bytes([best]) + tried[best].tobytes()
        above = row


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    a, b, c = (v.astype(np.int16) for v in (left, above, corner))
    to_left, to_above, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    by_left = (to_left <= to_above) & (to_left <= to_corner)
    return np.where(by_left, left, np.where(to_above <= to_corner, above, corner))
