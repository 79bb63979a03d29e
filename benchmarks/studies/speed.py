"""``python -m benchmarks.studies.speed``: one picture's time in whole processes, where it goes, and in warm calls.

Whole processes: medians over fresh ones; the split of a decode (imports, weights, entropy decoding, networks) is
measured inside such a process. Warm calls: medians in one process after a first call, with its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from selfvae_codec import encode
from selfvae_codec.models.exact.backends import RUNTIMES
from selfvae_codec.pictures import files, imaging

from ..measures.environment import environment
from ..results import write_json


def split(path: str, backend: str) -> dict[str, float]:
    """Seconds of each part of one decode, in this process, which has imported nothing of the codec's core yet."""
    clock = time.perf_counter
    began = clock()
    from selfvae_codec.coding import entropy, levels, reading
    from selfvae_codec.format import container
    from selfvae_codec.models.exact import backends, inference

    import_module(f"selfvae_codec.models.exact.{backends.RUNTIMES[backend]}")
    imported = clock()
    header, payloads = container.read_levels(Path(path).read_bytes())
    backends.networks(header.model_id, backend)
    loaded = clock()
    spent, inside = {"networks": 0.0, "entropy": 0.0}, set()

    def timed(owner, name, key):
        original = getattr(owner, name)

        def wrapper(*args, **kwargs):
            if key in inside:  # one asks another: counted once
                return original(*args, **kwargs)
            inside.add(key)
            start = clock()
            try:
                return original(*args, **kwargs)
            finally:
                spent[key] += clock() - start
                inside.discard(key)

        setattr(owner, name, wrapper)

    timed(inference.Networks, "run", "networks")
    for decoder in (entropy.Decoder, reading.NativeDecoder):
        for name in ("get", "around", "digits"):
            timed(decoder, name, "entropy")
    levels.decode_levels(header, payloads, backend=backend)
    total = clock() - loaded
    return {
        "import_s": imported - began,
        "weights_s": loaded - imported,
        "networks_s": spent["networks"],
        "entropy_decoding_s": spent["entropy"],
        "rest_s": total - spent["networks"] - spent["entropy"],
    }


def warm(picture: str, quality: float, backend: str, threads: int, repeats: int) -> dict[str, float]:
    """Median seconds of encode and decode in this process after one of each, and its peak memory in MiB."""
    import resource

    import selfvae_codec

    selfvae_codec.set_threads(threads)
    source = imaging.from_bytes(files.read(picture))
    seconds: dict[str, list[float]] = {"encode_s": [], "decode_s": []}
    for _ in range(repeats + 1):
        began = time.perf_counter()
        data = selfvae_codec.encode(source, quality=quality, backend=backend)
        encoded = time.perf_counter()
        selfvae_codec.decode(data, backend=backend)
        seconds["encode_s"].append(encoded - began)
        seconds["decode_s"].append(time.perf_counter() - encoded)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    return {key: statistics.median(values[1:]) for key, values in seconds.items()} | {"peak_memory_mib": peak}


def fresh(*arguments) -> dict[str, float]:
    """What a fresh process of this module prints for ``arguments``."""
    command = [sys.executable, "-m", "selfvae_codec.benchmarks.studies.speed", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def median_seconds(command: list[str], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--split"]:
        print(json.dumps(split(argv[1], argv[2])))
        return
    if argv[:1] == ["--warm"]:
        print(json.dumps(warm(argv[1], float(argv[2]), argv[3], int(argv[4]), int(argv[5]))))
        return
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.speed", description=__doc__.split("\n")[0])
    p.add_argument("picture", type=Path)
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("-q", "--quality", type=float, default=50)
    p.add_argument("--threads", type=int, default=2, help="of the warm calls (%(default)s)")
    p.add_argument("-n", "--repeats", type=int, default=5)
    args = p.parse_args(argv)
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        path, out = os.path.join(scratch, "picture.svae"), os.path.join(scratch, "out.png")
        data = encode(imaging.from_bytes(files.read(args.picture)), quality=args.quality)
        Path(path).write_bytes(data)
        cli = [sys.executable, "-m", "selfvae_codec"]
        rows["info"] = {"whole_process_s": median_seconds([*cli, "info", path, "--json"], args.repeats)}
        for backend in RUNTIMES:
            decode = [*cli, "decode", path, "-o", out, "--backend", backend]
            encode_ = [*cli, "encode", str(args.picture), "-o", path, "-q", f"{args.quality:g}", "--backend", backend]
            splits = [fresh("--split", path, backend) for _ in range(3)]
            rows[f"decode, {backend}"] = {
                "whole_process_s": median_seconds(decode, args.repeats),
                **{key: statistics.median(s[key] for s in splits) for key in splits[0]},
            }
            rows[f"encode, {backend}"] = {"whole_process_s": median_seconds(encode_, args.repeats)}
            for kind, quality in (("calls", args.quality), ("lossless calls", 100)):
                rows[f"warm {kind}, {backend}, {args.threads} threads"] = fresh(
                    "--warm", args.picture, quality, backend, args.threads, args.repeats
                )
    command = ["python", "-m", "benchmarks.studies.speed", *argv]
    result = {
        "environment": environment(command, args.threads, 1, args.repeats, 1),
        "picture": args.picture.name,
        "file_bytes": len(data),
        "quality": args.quality,
        "rows": rows,
    }
    write_json(args.out, result)
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
