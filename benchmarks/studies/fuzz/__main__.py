"""``python -m benchmarks.studies.fuzz``: damaged files through every way in, and what comes of each call.

Real files of tiny pictures are damaged: bytes changed, moved, doubled, cut, taken from another file, header fields set
to any value. Most are then given right checksums, as an attacker would. Each goes through every way in that is quick,
and every other one through one of those that decode; weights files and their arrays are damaged as well. All this is
done in processes that come and go, so that a crash or a hang costs one of them and is counted. A call may end in a
picture (or a header, or metadata), or in an error that is ours; anything else counts as outside and is told by the
number of its input, which makes it again. Goes on where it stopped, and begins anew where format, model or code are
others than before. What hypothesis tries is in the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import selfvae_codec.models
from selfvae_codec import CodecError, CodecWarning
from selfvae_codec.format import fields
from selfvae_codec.models.exact import backends

from ...measures.environment import UNTIMED, environment
from ...results import write_json
from ...sources import code_id
from .damage import corpus, damaged
from .ways import PIXELS, ways, weights_ways

INPUTS = 400  # damaged files that one process tries
CPU_S = 300  # for them all: what takes more hangs
PATIENCE_S = 7200  # the same for one that waits; machines that do other things are slow
# Errors that callers know to expect: ours, and what Pillow promises of every format.
OURS = (CodecError, Image.DecompressionBombError, Image.UnidentifiedImageError)


def outcome(call: Callable[[], Any]) -> str:
    """What came of a call: "result", the name of an error of ours, or what it should not have been."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            call()
            came = "result"
        except OURS as error:
            came = type(error).__name__
        except Exception as error:  # what this study looks for
            came = f"outside: {type(error).__name__}: {str(error)[:120]}"
    for warning in said:
        if not issubclass(warning.category, (CodecWarning, Image.DecompressionBombWarning)):
            return f"outside: warning {warning.category.__name__}: {str(warning.message)[:120]}"
    return came


def chunk(number: int, pipe: Any) -> None:
    """Try the inputs of one number; what is counted goes into the pipe."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    Image.MAX_IMAGE_PIXELS = PIXELS // 2
    files, outside = corpus(), []
    counts: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    for i in range(INPUTS):
        rng = random.Random(f"{number} {i}")
        data = damaged(files, rng)
        for name, call in (*ways(data, rng), *(weights_ways(rng) if i % 40 == 0 else ())):
            start = time.perf_counter()
            came = outcome(call)
            seconds = time.perf_counter() - start
            counts[f"{name}: {'outside' if came.startswith('outside') else came}"] += 1
            slowest[name] = max(slowest.get(name, 0), round(seconds, 3))
            if came.startswith("outside"):
                outside.append({"chunk": number, "input": i, "way": name, "came": came})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    pipe.send({"counts": counts, "outside": outside, "slowest_s": slowest, "peak_mib": peak})


def tried(number: int) -> dict[str, Any]:
    """What came of one number's inputs, in a process of their own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=chunk, args=(number, theirs))
    process.start()
    theirs.close()
    found = None
    with contextlib.suppress(EOFError):
        found = ours.recv() if ours.poll(PATIENCE_S) else None
    if found is None:
        process.kill()
    process.join()
    if found is None:
        came = f"outside: the process ended with {process.exitcode}, or not at all"
        return {"counts": {came: 1}, "outside": [{"chunk": number, "came": came}], "slowest_s": {}, "peak_mib": 0}
    return found


def run(calls: int, output: Path, command: list[str]) -> dict[str, Any]:
    """Go on until so many calls are counted; the file is written after every number."""
    known: dict[str, Any] = json.loads(output.read_text()) if output.exists() else {}
    now = {
        "format": fields.VERSION,
        "model": backends.networks().weights.model_id.hex(),
        "code": code_id(selfvae_codec, selfvae_codec.models, sys.modules[__package__ or ""]),
    }
    kept = {name: known.get(name) for name in now} == now
    counts = Counter(known["counts"] if kept else {})
    outside = known["outside"] if kept else []
    slowest, peak, number, took = (
        (known["slowest_s"], known["peak_mib"], known["chunks"], known["seconds"]) if kept else ({}, 0, 0, 0.0)
    )
    while sum(counts.values()) < calls:
        start = time.monotonic()
        found = tried(number)
        counts.update(found["counts"])
        outside += found["outside"]
        slowest = {name: max(slowest.get(name, 0), value) for name, value in (slowest | found["slowest_s"]).items()}
        peak, number, took = max(peak, found["peak_mib"]), number + 1, took + time.monotonic() - start
        known = {
            **now,
            "calls": sum(counts.values()),
            "outside_picture_and_our_errors": sum(n for name, n in counts.items() if "outside" in name),
            "chunks": number,
            "seconds": round(took, 1),
            "peak_mib": peak,
            "slowest_s": dict(sorted(slowest.items())),
            "counts": dict(sorted(counts.items())),
            "outside": outside[:200],
            "environment": environment(command, *UNTIMED),
        }
        write_json(output, known)
    return known


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=10**6, help="how many to count in all [default: 1000000]")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/fuzz.json"))
    args = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    corpus()  # models are loaded once; the processes are forks
    found = run(
        args.calls, args.output, ["python", "-m", "benchmarks.studies.fuzz", *(sys.argv[1:] if argv is None else argv)]
    )
    print(f"{found['calls']} calls, {found['outside_picture_and_our_errors']} ended outside of pictures and our errors")


if __name__ == "__main__":
    main()
