"""Bytes <-> file: the header, the level table and the sections after them. FORMAT.md is the specification.

This file knows nothing of pictures, networks or entropy coding: a level is a run of bytes.
"""

from __future__ import annotations

import warnings

from ..errors import ChecksumError, CodecError, TrailingBytesError, TruncatedError, TruncatedWarning
from .fields import MAX_LEVELS, level_names
from .header import MAX_HEADER_BYTES, Header, Level, Section, crc16, pack_header, read_header

__all__ = [
    "MAX_HEADER_BYTES",
    "MAX_LEVELS",
    "Header",
    "Level",
    "Section",
    "check_levels",
    "cut",
    "level_names",
    "pack",
    "read_header",
    "read_levels",
    "read_metadata",
    "read_part",
    "whole_levels",
]


def pack(
    *,
    width: int,
    height: int,
    model_id: bytes,
    step: int,
    quality: int,
    y_step: int,
    fall: int = 0,
    payloads: list[bytes],
    symbol_checks: list[int],
    grey: bool = False,
    lossless: bool = False,
    activity: bool = False,
    deep: bool = False,
    metadata: bytes | None = None,
) -> bytes:
    """A file of these levels, coarse to fine. Raises CodecError for a field outside its legal range."""
    if len(payloads) != len(symbol_checks):
        raise CodecError(f"{len(payloads)} payloads but {len(symbol_checks)} symbol checks: give one each")
    sections = [] if metadata is None else [(metadata, 0)]
    sections += zip(payloads, symbol_checks, strict=True)
    fields = {
        "width": width,
        "height": height,
        "model_id": model_id,
        "step": step,
        "quality": quality,
        "y_step": y_step,
        "fall": fall,
        "grey": grey,
        "lossless": lossless,
        "activity": activity,
        "deep": deep,
        "metadata": metadata is not None,
    }
    return b"".join([pack_header(fields, sections), *(payload for payload, _ in sections)])


def read_levels(data: bytes, levels: int | None = None, *, partial: bool = False) -> tuple[Header, list[bytes]]:
    """The header and the payloads of levels 1..levels (default: all), their checksums verified.

    A file that is cut off gives the levels that are whole, with a TruncatedWarning when they are fewer than
    asked for; partial: the caller knows of ``read_part``. Raises what ``read_header`` raises, and CodecError
    (``levels`` out of range), TruncatedError (level 1 is not whole), ChecksumError (names the damaged level),
    TrailingBytesError. Levels after the last one asked for are not looked at.
    """
    header = read_header(data)
    wanted = check_levels(header, levels)
    if len(data) > header.file_bytes:
        raise TrailingBytesError(
            f"bytes follow the end of the file: it is {header.file_bytes} bytes long; cut it there if you trust it"
        )
    whole = whole_levels(header, len(data))
    if whole == 0:
        raise TruncatedError(
            f"the file is cut off after {len(data)} of {header.file_bytes} bytes, before the end of level 1 "
            f"(byte {header.levels[0].end}): nothing can be decoded"
        )
    if whole < wanted:
        helps = header.levels[whole].name.startswith("z")  # planes of latents can be shown in part
        warnings.warn(
            f"the file is cut off after {len(data)} of {header.file_bytes} bytes: "
            f"only levels 1 to {whole} of {header.n_levels} are whole"
            + ("; --partial shows what there is of the next" if helps and not partial else ""),
            TruncatedWarning,
            stacklevel=2,
        )
    payloads = []
    for level in header.levels[: min(whole, wanted)]:
        payload = bytes(data[level.offset : level.end])
        if crc16(payload) != level.crc:
            intact = level.index - 1
            fix = f"--levels {intact} decodes the levels before it" if intact else "get the file again"
            raise ChecksumError(f"level {level.index} ({level.name}) is damaged: its checksum does not match; {fix}")
        payloads.append(payload)
    return header, payloads


def read_part(data: bytes, header: Header, levels: int | None = None) -> bytes:
    """What is there of the first level that is not whole, if it is among the ones asked for; else nothing.

    Its check is of the whole level, so that nothing tells whether these bytes are damaged.
    """
    whole = whole_levels(header, len(data))
    if whole >= check_levels(header, levels):
        return b""
    return bytes(data[header.levels[whole].offset :])


def read_metadata(data: bytes, header: Header) -> bytes | None:
    """The metadata section, None if there is none. Raises TruncatedError or ChecksumError."""
    section = header.metadata
    if section is None:
        return None
    if len(data) < section.end:
        raise TruncatedError(f"the file is cut off after {len(data)} bytes, inside its metadata")
    content = bytes(data[section.offset : section.end])
    if crc16(content) != section.crc:
        raise ChecksumError("the metadata is damaged: its checksum does not match; the picture may be fine")
    return content


def cut(data: bytes, levels: int) -> bytes:
    """The file up to the end of level ``levels``: decodes to what decode(data, levels) gives, and warns."""
    header = read_header(data)
    return bytes(data[: header.levels[check_levels(header, levels) - 1].end])


def check_levels(header: Header, levels: int | None) -> int:
    """How many levels are meant; None: all. Raises CodecError if the file does not have as many."""
    if levels is None:
        return header.n_levels
    if not 1 <= levels <= header.n_levels:
        held = "1 level" if header.n_levels == 1 else f"{header.n_levels} levels"
        raise CodecError(f"levels={levels} is out of range: this file holds {held}")
    return levels


def whole_levels(header: Header, n_bytes: int) -> int:
    """How many levels lie wholly within the first ``n_bytes`` of the file."""
    return sum(level.end <= n_bytes for level in header.levels)
