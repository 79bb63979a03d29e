"""The header and the level table <-> bytes. FORMAT.md is the specification.

Writing and reading follow from what fields.py declares. A picture that takes a kilobyte should not spend a tenth of it
on its table, so that lengths take as many bytes as they need, and what follows from them is not said.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from ..errors import CodecError, HeaderError, NotSelfvaeError, TruncatedError, VersionError
from .fields import (
    ACTIVITY,
    DEEP,
    ENTRY,
    FIELDS,
    GREY,
    HAS_METADATA,
    LOSSLESS,
    MAGIC,
    MAX_FILE_BYTES,
    MAX_LENGTH_BYTES,
    MAX_LEVELS,
    PAD,
    VERSION,
    check_fields,
    level_names,
    planes_of,
)

_HEADER = struct.Struct("<" + "".join(field.code for field in FIELDS))
_ENTRY = struct.Struct("<" + "".join(field.code for field in ENTRY))
HEADER_BYTES = _HEADER.size  # 28
MAX_HEADER_BYTES = HEADER_BYTES + (MAX_LEVELS + 1) * (MAX_LENGTH_BYTES + _ENTRY.size)  # holds every header
_CRC_BYTES = 4


@dataclass(frozen=True)
class Section:
    """A run of bytes of the file: ``data[offset:end]``, with its CRC-16."""

    offset: int
    length: int
    crc: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True)
class Level(Section):
    """A level: index counts from 1; symbol_check (0..65535) is checked by whoever decodes the symbols."""

    symbol_check: int
    index: int
    name: str


@dataclass(frozen=True)
class Header:
    """Everything that stands before the first section. Ranges and units: FORMAT.md."""

    width: int
    height: int
    model_id: bytes
    step: int
    quality: int
    y_step: int
    fall: int
    grey: bool
    lossless: bool
    activity: bool
    deep: bool
    levels: tuple[Level, ...]
    metadata: Section | None = None
    version: int = VERSION

    @property
    def n_levels(self) -> int:
        return len(self.levels)

    @property
    def padded_pixels(self) -> int:
        """Pixels that decoders work on: sides are padded, so that a long line of pixels is a band of 64."""
        return -(-self.width // PAD) * PAD * (-(-self.height // PAD) * PAD)

    @property
    def planes(self) -> int:
        """Latent planes of the full stream."""
        return planes_of(self.step)

    @property
    def step_size(self) -> float:
        """The quantisation step D of the finest plane, in units of an orthonormal transform of 0..255."""
        return float(3.0 ** (self.step / 256))

    @property
    def file_bytes(self) -> int:
        """Length of the whole file in bytes."""
        return self.levels[-1].end

    def level_names(self) -> list[str]:
        """Names of the levels of this file, coarse to fine."""
        return [level.name for level in self.levels]

    @property
    def exact(self) -> bool:
        """Whether the last level of this file gives the exact pixels."""
        return self.lossless and self.n_levels == len(level_names(self.step, True, self.deep))

    def bpp(self, n_bytes: int) -> float:
        """Bits per pixel of this picture that ``n_bytes`` are."""
        return 8 * n_bytes / (self.width * self.height)


def pack_header(fields: dict[str, Any], sections: list[tuple[bytes, int]]) -> bytes:
    """Header and table of a file whose sections are these (payload, symbol check) pairs, in file order.

    fields: width, height, model_id, step, quality, y_step, fall, grey, lossless, activity, deep, metadata (bool: does
    one lead the sections?). Raises CodecError for a field outside its legal range.
    """
    has_metadata = bool(fields["metadata"])
    values = fields | {
        "magic": MAGIC,
        "version": VERSION,
        "flags": HAS_METADATA * has_metadata
        | GREY * fields["grey"]
        | LOSSLESS * fields["lossless"]
        | ACTIVITY * fields["activity"]
        | DEEP * fields["deep"],
        "n_levels": len(sections) - has_metadata,
        "crc": 0,
    }
    check_fields(values, CodecError)
    entries = [_length(len(payload)) + _ENTRY.pack(crc16(payload), check) for payload, check in sections]
    table = b"".join(entries)
    if HEADER_BYTES + len(table) + sum(len(payload) for payload, _ in sections) >= MAX_FILE_BYTES:
        raise CodecError("the file would pass 4 GiB, the limit of the format")
    head = _HEADER.pack(*(values[field.name] for field in FIELDS))[:-_CRC_BYTES]
    return head + zlib.crc32(head + table).to_bytes(_CRC_BYTES, "little") + table


def read_header(data: bytes) -> Header:
    """The header of a file, from the file or from any prefix of it that holds the header and the table.

    ``MAX_HEADER_BYTES`` are always enough. Raises NotSelfvaeError, VersionError, TruncatedError (the prefix
    ends inside the header) or HeaderError. Reads no section and checks none.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a file is given as bytes, not {type(data).__name__}: read it first")
    head = bytes(data[:MAX_HEADER_BYTES])
    if not head:
        raise NotSelfvaeError("not a selfvae-codec file: it is empty (0 bytes)")
    if not MAGIC.startswith(head[: len(MAGIC)]):
        raise NotSelfvaeError(f"not a selfvae-codec file: it starts with {head[:4].hex(' ')}, not {MAGIC.hex(' ')}")
    if len(head) > len(MAGIC) and head[len(MAGIC)] != VERSION:
        raise VersionError(
            f"the file has format number {head[len(MAGIC)]}; this version reads {VERSION}: "
            "update selfvae-codec (or the file is damaged)"
        )
    if len(head) < HEADER_BYTES:
        raise _cut_in_header(len(head))
    fields = dict(zip((field.name for field in FIELDS), _HEADER.unpack_from(head), strict=True))
    if not 1 <= fields["n_levels"] <= MAX_LEVELS:
        raise HeaderError(f"the header is damaged: it claims {fields['n_levels']} levels (1..{MAX_LEVELS})")
    entries, end = _read_table(head, fields["n_levels"] + (fields["flags"] & HAS_METADATA))
    if zlib.crc32(head[: HEADER_BYTES - _CRC_BYTES] + head[HEADER_BYTES:end]) != fields["crc"]:
        raise HeaderError("the header is damaged: its checksum does not match; get the file again")
    check_fields(fields, HeaderError)
    return _header(fields, entries, end)


def _read_table(head: bytes, count: int) -> tuple[list[tuple[int, int, int]], int]:
    """(length, crc, symbol check) of each section, and where the table ends."""
    entries, at = [], HEADER_BYTES
    for _ in range(count):
        length = shift = 0
        while True:
            if at == len(head):
                raise _cut_in_header(len(head))
            byte, at = head[at], at + 1
            length |= (byte & 127) << shift
            shift += 7
            if byte == 0 and shift > 7:
                raise HeaderError("the header is damaged: a length takes more bytes than it needs")
            if byte < 128:
                break
            if shift == 7 * MAX_LENGTH_BYTES:
                raise HeaderError(f"the header is damaged: a length takes more than {MAX_LENGTH_BYTES} bytes")
        if len(head) < at + _ENTRY.size:
            raise _cut_in_header(len(head))
        entries.append((length, *_ENTRY.unpack_from(head, at)))
        at += _ENTRY.size
    return entries, at


def _length(value: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have bit 7 set (LEB128)."""
    out = bytearray()
    while value >= 128:
        out.append(128 | value & 127)
        value >>= 7
    return bytes([*out, value])


def crc16(section: bytes) -> int:
    """CRC-16 of a section: polynomial 0x1021, initial value 0xFFFF, highest bits first (CRC-16/IBM-3740)."""
    return binascii.crc_hqx(section, 0xFFFF)


def _header(fields: dict[str, Any], entries: list[tuple[int, int, int]], offset: int) -> Header:
    """Header from checked fields and table entries; the first section starts at ``offset``, each where one ends."""
    names = level_names(fields["step"], bool(fields["flags"] & LOSSLESS), bool(fields["flags"] & DEEP))
    placed = []
    for length, crc, check in entries:
        placed.append((offset, length, crc, check))
        offset += length
    if offset >= MAX_FILE_BYTES:
        raise HeaderError(f"the header is damaged: its sections end at byte {offset}, beyond the limit of the format")
    metadata = Section(*placed.pop(0)[:3]) if fields["flags"] & HAS_METADATA else None
    if metadata and (not metadata.length or entries[0][2]):
        raise HeaderError("the header is damaged: it speaks of metadata that is empty, or has a check of symbols")
    levels = tuple(
        Level(*place, index, name) for index, (place, name) in enumerate(zip(placed, names, strict=False), start=1)
    )
    kept = ("width", "height", "model_id", "step", "quality", "y_step", "fall", "version")
    return Header(
        **{name: fields[name] for name in kept},
        grey=bool(fields["flags"] & GREY),
        lossless=bool(fields["flags"] & LOSSLESS),
        activity=bool(fields["flags"] & ACTIVITY),
        deep=bool(fields["flags"] & DEEP),
        levels=levels,
        metadata=metadata,
    )


def _cut_in_header(n_bytes: int) -> TruncatedError:
    return TruncatedError(f"the file is cut off after {n_bytes} bytes, inside its header: nothing to decode")
