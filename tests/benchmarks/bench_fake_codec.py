"""A stand-in with the codec's public functions, for tests of the benchmark.

Six levels, each a complete JPEG of rising quality (the first two of a small
picture), one after the other: embedded, wasteful, exact at quality 100. The
model "edge" spends more on the first two.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from types import SimpleNamespace

import numpy as np
from PIL import Image

MAGIC = b"FAKE"
LEVELS = 6


def _jpeg(pixels, quality):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def encode(array, quality=75, levels=None, tune="visual", model="default", backend="auto"):
    if model not in ("default", "edge"):
        raise ValueError(f"no weights of a model {model!r} are installed")
    H, W = array.shape[:2]
    parts = []
    for level in range(1, LEVELS + 1):
        if level <= 2:
            small = Image.fromarray(array).resize((max(W >> 6 - level, 1), max(H >> 6 - level, 1)))
            parts.append(_jpeg(np.asarray(small), 95 if model == "edge" else 80))
        else:
            parts.append(_jpeg(array, max(int(min(quality, 95) * (level - 2) / (LEVELS - 2)), 1)))
    if quality >= 100:
        parts.append(zlib.compress(array.tobytes()))
    table = json.dumps({"w": W, "h": H, "lengths": [len(part) for part in parts]}).encode()
    return MAGIC + struct.pack("<I", len(table)) + table + b"".join(parts)


def read_header(data):
    (n,) = struct.unpack_from("<I", data, 4)
    header = json.loads(data[8 : 8 + n])
    levels, offset = [], 8 + n
    for index, length in enumerate(header["lengths"], 1):
        levels.append(
            SimpleNamespace(
                index=index,
                name="exact" if index > LEVELS else f"plane {index}",
                offset=offset,
                length=length,
            )
        )
        offset += length
    return SimpleNamespace(levels=levels, width=header["w"], height=header["h"], model_id="fake0001")


def decode(data, levels=None, backend="auto"):
    header = read_header(data)
    last = [level for level in header.levels if level.offset + level.length <= len(data)][-1]
    part = data[last.offset : last.offset + last.length]
    if last.index > LEVELS:
        return np.frombuffer(zlib.decompress(part), np.uint8).reshape(header.height, header.width, 3)
    image = Image.open(io.BytesIO(part)).convert("RGB")
    return np.asarray(image.resize((header.width, header.height)))


def set_threads(count):
    pass
