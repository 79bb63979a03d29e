"""How many bits a file's samples have, and those of 16 bits, which Pillow's colour modes cannot hold.

Pillow's readers unpack 16-bit colours to their high bytes. Asked to take them for samples of the other byte order, the
same readers give the low bytes: two passes over a file give all 16 bits, of every filter, compression and layout
that Pillow knows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ImageError

_PLANAR, _PHOTOMETRIC, _BITS = 284, 262, 258  # TIFF tags
_WHITE_IS_ZERO, _SEPARATE = 0, 2
_NATIVE = "L" if sys.byteorder == "little" else "B"


def bits(image: Any, data: bytes) -> int:
    """Bits of a file's widest sample, 8 if it has no more. image: opened by Pillow, not loaded; data: the file."""
    rule = _RULES.get(image.format or "")
    tiles = getattr(image, "tile", ())
    if rule is not None:
        return max(8, rule(image, data))
    raw_modes = " ".join(str(part) for tile in tiles for part in (tile[3] if isinstance(tile[3], tuple) else [tile[3]]))
    wide = (
        ";16" in raw_modes
        or image.mode.startswith("I;16")
        or any(tile[0] == "bcn" and tile[3][0] == 6 for tile in tiles)
    )
    return 16 if wide else 8


def _of_png(image: Any, data: bytes) -> int:
    return data[24]


def _of_tiff(image: Any, data: bytes) -> int:
    return int(max(image.tag_v2.get(_BITS, (1,))))


def _of_ppm(image: Any, data: bytes) -> int:
    """The largest value is a decoder's second argument, unless the samples are whole bytes."""
    _, _, _, arguments = image.tile[0]
    if isinstance(arguments, tuple) and len(arguments) > 1:
        return int(arguments[1]).bit_length()
    return 16 if image.mode == "I" or image.mode.startswith("I;16") else 8


def _of_sgi(image: Any, data: bytes) -> int:
    return 8 * data[3]


def _of_jpeg2000(image: Any, data: bytes) -> int:
    """The components' Ssiz in the SIZ segment, which follows the start of the codestream (ISO 15444-1, A.5.1)."""
    start = data.find(b"\xff\x4f\xff\x51")
    components = int.from_bytes(data[start + 40 : start + 42], "big")
    sizes = data[start + 42 : start + 42 + 3 * components : 3]
    return max(((size & 0x7F) + 1 for size in sizes), default=8)


def _of_avif(image: Any, data: bytes) -> int:
    """The flags high_bitdepth and twelve_bit of every av1C box (AV1-ISOBMFF, 2.3.3)."""
    flags = [match[1][0] for match in re.finditer(rb"av1C\x81.(.)", data, re.DOTALL)]
    return max((8 if not flag & 0x40 else 12 if flag & 0x20 else 10 for flag in flags), default=8)


def _of_psd(image: Any, data: bytes) -> int:
    return int.from_bytes(data[22:24], "big")


_RULES: dict[str, Callable[[Any, bytes], int]] = {
    "PNG": _of_png,
    "TIFF": _of_tiff,
    "PPM": _of_ppm,
    "SGI": _of_sgi,
    "JPEG2000": _of_jpeg2000,
    "AVIF": _of_avif,
    "PSD": _of_psd,
}


def of_jpeg(data: bytes) -> int:
    """Bits of the samples of a JPEG that Pillow does not open, by its first frame header; 8 if none is found."""
    position = 2
    while position + 5 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[position + 4]
        position += 2 + length
    return 8


def pixels(image: Any, reopened: Callable[[], Any]) -> np.ndarray:
    """Samples of 16 bits, uint16 (H, W), (H, W, 3) or (H, W, 4); (H, W, 2) is grey and alpha.

    image: opened; loaded here. reopened: opens the file anew. Raises ImageError where they cannot be read.
    """
    tiff = image.format == "TIFF"
    if image.mode.startswith("I;16"):
        x = np.array(image).astype(np.uint16)
        return 65535 - x if tiff and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else x
    if image.mode not in ("RGB", "RGBA"):
        raise ImageError(
            f"has 16 bits per channel in mode {image.mode}; grey and RGB are read: convert it to RGB first"
        )
    second = reopened()
    if _raw_mode(image.tile[0]) == "LA;16B":  # two bytes each, as four channels of one
        image.tile = [tile._replace(args="RGBA") for tile in image.tile]
        return np.ascontiguousarray(np.array(image)).view(">u2").astype(np.uint16)
    if tiff and image.tag_v2.get(_PLANAR) == _SEPARATE:
        _separate(image)
        _separate(second)
    second.tile = [_swapped(tile) for tile in second.tile]
    high, low = np.array(image).astype(np.uint16), np.array(second)
    return np.asarray(high << 8 | low)


def _raw_mode(tile: Any) -> str:
    return str(tile.args if isinstance(tile.args, str) else tile.args[0])


def _with_raw_mode(tile: Any, mode: str) -> Any:
    return tile._replace(args=mode if isinstance(tile.args, str) else (mode, *tile.args[1:]))


def _swapped(tile: Any) -> Any:
    """A tile that unpacks low bytes."""
    mode = re.sub("N$", _NATIVE, _raw_mode(tile))
    if not re.fullmatch(r"(RGB|RGBX|RGBA|[RGBA]);16[LB]", mode):
        raise ImageError(f"has 16 bits per channel stored as {mode}; save it as plain RGB or RGBA of 16 bits")
    return _with_raw_mode(tile, mode[:-1] + {"L": "B", "B": "L"}[mode[-1]])


def _separate(image: Any) -> None:
    """Planes one after the other: Pillow takes their samples for bytes."""
    if any(tile.codec_name != "raw" for tile in image.tile):
        raise ImageError("has 16 bits per channel in separate, compressed planes; save it with interleaved channels")
    order = "L" if image.tag_v2.prefix == b"II" else "B"
    image.tile = [_with_raw_mode(tile, f"{_raw_mode(tile)};16{order}") for tile in image.tile]
