"""Run by test_portability.py in a process of its own: codes pictures in several ways, prints hashes as JSON."""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from selfvae_codec import encode
from selfvae_codec.coding.levels import decode_levels
from selfvae_codec.format.container import read_levels
from selfvae_codec.models.exact import backends

GOLDEN = Path(__file__).parent / "golden"
# of the golden files that are made of golden.png
SETTINGS = {"golden": {"quality": 75}, "lossless": {"lossless": True}, "edge": {"quality": 75, "model": "edge"}}
ENCODED = ("golden", "lossless")  # not edge: another version of scikit-image may find other edges


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def decode_with_tile(data: bytes, levels: int | None, backend: str, tile: int) -> str:
    header, payloads = read_levels(data, levels)
    original = backends.DEFAULT_TILE
    backends.DEFAULT_TILE = tile
    try:
        return digest(decode_levels(header, payloads, backend=backend).tobytes())
    finally:
        backends.DEFAULT_TILE = original


def main() -> None:
    backend, large_file = sys.argv[1:3]
    if backend == "torch":
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        torch.backends.mkldnn.enabled = os.environ.get("PROBE_MKLDNN", "1") == "1"
    picture = np.asarray(Image.open(GOLDEN / "golden.png"))
    report = {}
    for name in (*SETTINGS, "fitted"):
        golden = (GOLDEN / f"{name}.svae").read_bytes()
        if name in ENCODED:
            report[f"{name}, encoded"] = digest(encode(picture, **SETTINGS[name], backend=backend))
        levels = len(read_levels(golden)[1])
        for level, tile in [*((level, 256) for level in range(1, levels + 1)), (levels, 8)]:
            key = f"{name}, level {level}"
            found = decode_with_tile(golden, level, backend, tile)
            assert report.setdefault(key, found) == found, f"{key}: tiles of {tile} give other bits"
    if large_file != "-":
        data = Path(large_file).read_bytes()
        for tile in (48, 256):
            found = decode_with_tile(data, None, backend, tile)
            assert report.setdefault("large", found) == found, f"{large_file}: tiles of {tile} give other bits"
    print(json.dumps(report))


if __name__ == "__main__":
    main()
