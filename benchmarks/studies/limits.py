"""``python -m benchmarks.studies.limits``: what the worst files that are accepted cost, in time and memory.

A file's bytes say little: flat pictures of many pixels take a few, and a file of one level is shown at full size, too.
Each is encoded in a process of its own and decoded in another, on one thread; time is the processor's, and memory the
largest that the process held, less what it held after a tiny picture. The last rows are as large as the default limit
allows (--largest).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import selfvae_codec

from ..measures.environment import environment
from ..results import write_json

SHAPES = ((1024, 1024), (2048, 2048), (4096, 4096), (65535, 1), (1, 65535), (65535, 64))
LARGEST = (13312, 13440)  # just below twice limits.DEFAULT_PIXELS

CHILD = """
import json, math, re, sys, time
import numpy as np, selfvae_codec
def peak(): return int(re.search("VmHWM:[^0-9]*([0-9]+)", open("/proc/self/status").read())[1]) / 1024
selfvae_codec.set_threads(1)
selfvae_codec.decode(selfvae_codec.encode(np.zeros((64, 64, 3), np.uint8), effort=0, **json.loads(sys.argv[2])))
before, start = peak(), time.process_time()
selfvae_codec.decode(open(sys.argv[1], 'rb').read(), size_limit=math.inf)
print(json.dumps([time.process_time() - start, before, peak()]))
"""


def coded(width: int, height: int, kind: str) -> tuple[bytes, dict[str, Any]]:
    """A file and its settings: flat, of one level or of all, or texture, or noise, whose bytes are many."""
    rng = np.random.default_rng(0)
    if kind == "noise, lossless":
        x = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return selfvae_codec.encode(x, lossless=True, effort=0), {"lossless": True}
    if kind == "texture, lossless":
        rows, columns = np.mgrid[:height, :width]
        waves = [60 * np.sin(columns / 9), 60 * np.cos(rows / 7), 40 * np.sin((rows + columns) / 11)]
        x = (128 + np.stack(waves, -1) + rng.normal(0, 2, (height, width, 3))).clip(0, 255).astype(np.uint8)
        return selfvae_codec.encode(x, lossless=True, effort=0), {"lossless": True}
    settings = {"levels": 1} if kind == "flat, one level" else {"quality": 90, "tune": "psnr"}
    return selfvae_codec.encode(np.full((height, width, 3), 77, np.uint8), effort=0, **settings), settings


def cost(width: int, height: int, kind: str) -> dict[str, Any]:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # what encoding holds is given back before
        data, settings = pool.submit(coded, width, height, kind).result()
    with tempfile.NamedTemporaryFile(suffix=".svae") as file:
        file.write(data)
        file.flush()
        command = [sys.executable, "-c", CHILD, file.name, json.dumps(settings)]
        seconds, before, peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    pixels = selfvae_codec.read_header(data).padded_pixels
    return {
        "width": width,
        "height": height,
        "kind": kind,
        "file_bytes": len(data),
        "padded_pixels": pixels,
        "cpu_s": round(seconds, 2),
        "peak_mib": round(peak),
        "tiny_picture_mib": round(before),
        "bytes_per_padded_pixel": round(2**20 * (peak - before) / pixels, 1),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.limits", description=__doc__.split("\n")[0])
    parser.add_argument("--largest", action="store_true", help="the default limit itself, too: minutes, gigabytes")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/limits.json"))
    args = parser.parse_args(argv)
    kinds = ("flat, one level", "flat, all levels")
    wanted = [(*shape, kind) for shape in SHAPES for kind in kinds]
    wanted += [(1024, 1024, "noise, lossless"), (1024, 1024, "texture, lossless"), (2048, 2048, "texture, lossless")]
    if args.largest:
        wanted += [(*LARGEST, kind) for kind in kinds]
    rows: list[dict[str, Any]] = []
    command = ["python", "-m", "benchmarks.studies.limits", *(sys.argv[1:] if argv is None else argv)]
    for width, height, kind in wanted:
        rows.append(cost(width, height, kind))
        print(rows[-1], flush=True)
        write_json(args.output, {"rows": rows, "environment": environment(command, 1, 1, 1, len(rows))})


if __name__ == "__main__":
    main()
