"""Files of every kind, and damage to them: any bytes, with right checksums or wrong ones."""

from __future__ import annotations

import contextlib
import random
import zlib
from functools import cache

import numpy as np

import selfvae_codec
from selfvae_codec import CodecError, Metadata
from selfvae_codec.format import fields, header

SIZES = ((9, 7), (24, 16), (70, 3))  # of the pictures, width and height


@cache
def corpus() -> list[bytes]:
    """Files of every kind, made anew, the same every time."""
    rng, out = np.random.default_rng(0), []
    for width, height in SIZES:
        rows, columns = np.mgrid[:height, :width]
        x = np.stack([5 * rows, 3 * columns, rows * columns % 256], -1) + rng.integers(0, 9, (height, width, 3))
        x = x.clip(0, 255).astype(np.uint8)
        alpha = rng.integers(0, 256, (height, width, 1), dtype=np.uint8)
        kept = Metadata(icc=b"profile" * 20, exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x:xmpmeta/>")
        out += [selfvae_codec.encode(x, quality=q, effort=0, metadata=kept) for q in (0, 50, 90)]
        out += [selfvae_codec.encode(x, tune="psnr", levels=3, effort=0), selfvae_codec.encode(x, lossless=True)]
        out += [selfvae_codec.encode(np.dstack([x, alpha]), quality=40, effort=0, metadata=kept)]
        out += [selfvae_codec.encode(x[..., 0], lossless=True), selfvae_codec.encode(alpha[..., 0], lossless=True)]
        with contextlib.suppress(CodecError, ImportError):  # without scikit-image there are no edges
            out.append(selfvae_codec.encode(x, quality=60, model="edge", effort=0))
    return out


def damaged(files: list[bytes], rng: random.Random) -> bytes:
    """One of the files, damaged in one to four ways; two times of three with right checksums."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.randint(1, 4)):
        place, length = rng.randrange(len(data) or 1), rng.choice((1, 1, 2, 4, 8, 40))
        way = rng.randrange(9)
        if way <= 1:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif way == 2 and data:
            data[place] ^= 1 << rng.randrange(8)
        elif way == 3:
            data[place : place + length] = rng.choice((b"\0", b"\xff", b"\x80", b"\x7f")) * length
        elif way == 4:
            del data[place : place + length]
        elif way == 5:
            data[place:place] = data[place : place + length]
        elif way == 6:
            other = rng.choice(files)
            at = rng.randrange(len(other))
            data[place : place + length] = other[at : at + length]
        elif way == 7:
            del data[place:]
        else:
            at = rng.randrange(4, header.HEADER_BYTES + 8)  # the header and the first lengths
            data[at : at + 1] = bytes([rng.choice((0, 1, 2, 3, 7, 8, 64, 127, 128, 255, rng.randrange(256)))])
    return sealed(data) if rng.randrange(3) else bytes(data)


def sealed(data: bytearray) -> bytes:
    """The file with the checksums that its bytes have, as far as it can be followed."""
    try:
        count = data[6] + (data[5] & fields.HAS_METADATA)
        entries, end = header._read_table(bytes(data), count)
    except (CodecError, IndexError):
        return bytes(data)
    at, place = end, header.HEADER_BYTES
    for length, _, _ in entries:
        while data[place] >= 128:
            place += 1
        crc = header.crc16(bytes(data[at : at + length]))
        data[place + 1 : place + 3] = crc.to_bytes(2, "little")
        place, at = place + 5, at + length
    head = header.HEADER_BYTES - 4
    data[head : head + 4] = zlib.crc32(data[:head] + data[header.HEADER_BYTES : end]).to_bytes(4, "little")
    return bytes(data)
