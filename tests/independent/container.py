"""Sections "Header" and "Level table": what a file is made of, and whether it arrived as it was written."""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import dataclass

HEADER = struct.Struct("<4sBBBBHH8sHBBI")
METADATA, GREY, LOSSLESS, ACTIVITY, DEEP = (1 << bit for bit in range(5))  # flags


@dataclass
class Level:
    payload: bytes
    symbol_check: int


@dataclass
class File:
    flags: int
    fall: int
    width: int
    height: int
    model_id: bytes
    step: int
    y_step: int
    levels: list[Level]

    grey = property(lambda self: bool(self.flags & GREY))
    lossless = property(lambda self: bool(self.flags & LOSSLESS))
    activity = property(lambda self: bool(self.flags & ACTIVITY))
    deep = property(lambda self: bool(self.flags & DEEP))

    @property
    def planes(self) -> int:
        return 1 + max(0, -((self.step - 688) // 256))

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width ("Geometry")."""
        return -(-self.height // 64) * 64, -(-self.width // 64) * 64

    @property
    def blocks(self) -> tuple[int, int]:
        """Rows and columns of blocks that touch the picture: no others are coded."""
        return -(-self.height // 8), -(-self.width // 8)

    def step_of(self, plane: int) -> int:
        """log3(D) 256 of a plane of latents."""
        return self.step + 256 * (self.planes - 1 - plane)


def read(data: bytes) -> File:
    magic, version, flags, n_levels, fall, width, height, model_id, step, y_step, _, crc = HEADER.unpack_from(data)
    assert magic == b"\x8aSVA" and version == 4 and flags < 32

    sections, at = [], HEADER.size
    for _ in range(n_levels + (flags & METADATA)):
        length, at = _length(data, at)
        sections.append((length, *struct.unpack_from("<HH", data, at)))
        at += 4
    assert zlib.crc32(data[HEADER.size : at], zlib.crc32(data[:24])) == crc

    levels = []
    for length, section_crc, symbol_check in sections:
        section = data[at : at + length]
        assert len(section) == length and binascii.crc_hqx(section, 0xFFFF) == section_crc
        levels.append(Level(section, symbol_check))
        at += length
    assert at == len(data)
    if flags & METADATA:
        del levels[0]
    return File(flags, fall, width, height, model_id, step, y_step, levels)


def _length(data: bytes, at: int) -> tuple[int, int]:
    """LEB128 in as few bytes as it takes; and where it ends."""
    length = shift = 0
    while True:
        byte = data[at]
        at += 1
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            assert shift <= 35 and (byte or shift == 7)
            return length, at
