"""``python -m benchmarks.studies.batch_engines``: a batch on each engine, two workers, one killed on the way.

What must hold: every picture has one row, no file is written twice, and all engines write the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from ..measures.environment import UNTIMED, environment
from ..results import write_json

SIZE = (96, 128)
PACKAGES = {"local": (), "dask": ("dask", "distributed"), "ray": ("ray",)}


def make_pictures(folder: Path, count: int) -> None:
    """Smooth pictures with some noise: what they show does not matter here."""
    folder.mkdir()
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    for seed in range(count):
        noise = np.random.default_rng(seed).normal(0, 4, (*SIZE, 3))
        x = np.stack([2 * rows, columns, rows + columns], axis=-1) + noise
        Image.fromarray(x.clip(0, 255).astype(np.uint8)).save(folder / f"{seed:03}.png")


def rows_of(manifest: Path) -> list[dict]:
    """The whole lines that are there by now."""
    lines = manifest.read_text().splitlines(keepends=True) if manifest.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def identity(path: Path) -> tuple[int, int]:
    """Changes when a file is written anew."""
    facts = path.stat()
    return facts.st_ino, facts.st_mtime_ns


def run(engine: str, pictures: Path, out: Path, kill_after: int) -> dict:
    """One batch; the worker of the latest row is killed once there are ``kill_after``."""
    command = [sys.executable, "-m", "selfvae_codec", "batch", str(pictures), "--to", str(out), "--engine", engine]
    began = time.monotonic()
    batch = subprocess.Popen([*command, "-j", "2", "--effort", "0"], stderr=subprocess.PIPE, text=True)
    manifest, killed, before = out / "svae-manifest.jsonl", None, {}
    while batch.poll() is None and killed is None:
        time.sleep(0.05)
        done = rows_of(manifest)
        if len(done) >= kill_after:
            before = {row["output"]: identity(Path(row["output"])) for row in done}
            killed = done[-1]["worker"].split(":")[1]
            os.kill(int(killed), signal.SIGKILL)
    _, said = batch.communicate()
    rows = rows_of(manifest)
    files = sorted(out.glob("*.svae"))
    return {
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES[engine]},
        "exit_status": batch.returncode,
        "seconds": time.monotonic() - began,
        "pictures": len(list(pictures.iterdir())),
        "rows": len(rows),
        "rows_of_different_pictures": len({row["source"] for row in rows}),
        "failed": sum(row["error"] is not None for row in rows),
        "workers_killed": int(killed is not None),
        "workers_that_coded": len({row["worker"] for row in rows}),
        "done_before_the_kill": len(before),
        "of_these_written_again": sum(identity(Path(name)) != known for name, known in before.items()),
        "left_over_files": len([path for path in out.iterdir() if path.suffix not in (".svae", ".jsonl")]),
        "sha256": hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest(),
        "said": [line.replace(str(out.parent), "") for line in said.splitlines()],
    }


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.batch_engines", description=__doc__.split("\n")[0])
    p.add_argument("engines", nargs="+", choices=list(PACKAGES))
    p.add_argument("--pictures", type=int, default=24, help="how many (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        make_pictures(Path(scratch) / "pictures", args.pictures)
        for engine in args.engines:
            results[engine] = run(engine, Path(scratch) / "pictures", Path(scratch) / engine, kill_after=3)
            facts = {key: value for key, value in results[engine].items() if key not in ("said", "versions")}
            print(engine, *(f"{key} {value}" for key, value in facts.items()), flush=True)
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.batch_engines", *argv], *UNTIMED),
        "same_bytes": len({row["sha256"] for row in results.values()}) == 1,
        "engines": results,
    }
    write_json(args.out, result)


if __name__ == "__main__":
    main()
