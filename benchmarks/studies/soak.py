"""``python -m benchmarks.studies.soak``: eight threads of one process decode and encode pictures of changing sizes.

As a server would, for a thousand calls: is every result what one call alone gives, does memory stay flat, and how many
threads does the operating system count? Memory is what the process holds (resident) whenever fifty more calls are done
and none runs; growth is the slope of a line through the second half of these.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import selfvae_codec

from ..measures.environment import environment
from ..results import write_json

SIDES = (24, 50, 97, 130, 200, 310)
EVERY = 50  # calls between two looks at memory


def pictures() -> list[np.ndarray]:
    """Waves of several sizes, uint8 (H, W, 3)."""
    rng, out = np.random.default_rng(0), []
    for width in SIDES:
        for height in SIDES[::2]:
            rows, columns = np.mgrid[:height, :width]
            waves = [np.sin(columns / (9 + 4 * c) + c) + np.cos(rows / (7 + 5 * c)) for c in range(3)]
            x = 128 + 45 * np.stack(waves, -1) + rng.normal(0, 4, (height, width, 3))
            out.append(x.clip(0, 255).astype(np.uint8))
    return out


def tasks(backend: str) -> list[Callable[[], bytes]]:
    """Calls whose result is always the same bytes: of four that decode one encodes."""
    found: list[Callable[[], bytes]] = []
    for i, x in enumerate(pictures()):
        settings: dict[str, Any] = {"quality": (20, 50, 80)[i % 3], "effort": 0, "backend": backend}
        data = selfvae_codec.encode(x, lossless=i % 4 == 3, **settings)
        for levels in (None, 1, 2, 3):
            found.append(lambda d=data, n=levels: selfvae_codec.decode(d, n, backend=backend).tobytes())
        found.append(lambda x=x, s=settings: selfvae_codec.encode(x, **s))
    return found


def resident_mib() -> float:
    """What this process holds in memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def soak(backend: str, callers: int, threads: int, calls: int) -> dict[str, Any]:
    """``calls`` calls by ``callers`` threads on networks of ``threads`` threads."""
    selfvae_codec.set_threads(threads)
    todo = tasks(backend)
    alone = [hashlib.sha256(task()).digest() for task in todo]
    rng = random.Random(0)
    order = [rng.randrange(len(todo)) for _ in range(calls)]
    wrong, done, seen, most = [], 0, [resident_mib()], 0
    lock = threading.Lock()

    def call(index: int) -> None:
        nonlocal done, most
        result = hashlib.sha256(todo[index]()).digest()
        with lock:
            done += 1
            if result != alone[index]:
                wrong.append(index)
            most = max(most, len(os.listdir("/proc/self/task")))

    start = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        for first in range(0, calls, EVERY):
            list(pool.map(call, order[first : first + EVERY]))
            gc.collect()
            seen.append(round(resident_mib(), 1))
    half = seen[len(seen) // 2 :]
    growth = np.polyfit(np.arange(len(half)) * EVERY / 100, half, 1)[0] if len(half) > 1 else np.nan
    return {
        "backend": backend,
        "callers": callers,
        "threads_set": threads,
        "calls": done,
        "wrong": len(wrong),
        "seconds": round(time.perf_counter() - start, 1),
        "resident_mib": seen,
        "growth_mib_per_100_calls": None if np.isnan(growth) else round(float(growth), 2),
        "most_system_threads": most,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--backends", nargs="+", default=["native", "onnxruntime"])
    parser.add_argument("--callers", type=int, default=8, help="threads that call [default: 8]")
    parser.add_argument("--threads", type=int, default=2, help="that networks may take, all together [default: 2]")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/soak.json"))
    args = parser.parse_args(argv)
    rows = [soak(backend, args.callers, args.threads, args.calls) for backend in args.backends]
    command = ["python", "-m", "benchmarks.studies.soak", *(sys.argv[1:] if argv is None else argv)]
    write_json(args.output, {"runs": rows, "environment": environment(command, args.threads, args.callers, 1, 0)})
    for row in rows:
        print({name: value for name, value in row.items() if name != "resident_mib"})


if __name__ == "__main__":
    main()
