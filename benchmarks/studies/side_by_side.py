"""``python -m benchmarks.studies.side_by_side``: time and memory of this build next to an older one, in one run.

The other build is told by the path of a Python that has it installed. Both code the same pictures on the same threads,
in turn; each decodes files of its own, since formats differ, and their sizes are written down. Small pictures are timed
in processes that stay, large ones in a process for each part, whose peak memory is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ..measures.environment import environment
from ..pictures import read_folder
from ..progress import say
from ..results import write_json

WORKER = Path(__file__).with_name("side_by_side_worker.py")
WARM = {  # what is timed in processes that stay
    "decode, quality 50": ("decode", {"quality": 50}),
    "decode, lossless": ("decode", {"quality": 100}),
    "encode, quality 50": ("encode", {"quality": 50}),
    "encode, lossless": ("encode", {"quality": 100}),
}


class Build:
    """A build, in a process that codes what it is told to."""

    def __init__(self, python: str):
        self.python = python
        command = [python, str(WORKER)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.path = json.loads(self._process.stdout.readline())["path"]

    def ask(self, **asked) -> dict:
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def once(python: str, **asked) -> dict:
    """One part in a process of its own."""
    build = Build(python)
    answer = build.ask(**asked)
    build.close()
    return answer


def large_picture(sources: list[np.ndarray], megapixels: float) -> np.ndarray:
    """Photographs next to each other, mirrored and in changing light, uint8 (H, W, 3), 3:2."""
    rng = np.random.default_rng(0)
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    out = np.empty((height, width, 3), np.uint8)
    side = 512
    for top in range(0, height, side):
        for left in range(0, width, side):
            tile = sources[int(rng.integers(len(sources)))][:side, :side]
            light = (255 * np.linspace(0, 1, 256) ** rng.uniform(0.7, 1.4)).round().astype(np.uint8)
            tile = light[tile[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]]
            part = out[top : top + side, left : left + side]
            part[:] = tile[: part.shape[0], : part.shape[1]]
    return out


def compared(times: dict[str, list[float]]) -> dict:
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {f"{name}_s": value for name, value in medians.items()} | {
        "times_as_fast": medians["old"] / medians["new"],
        "runs": len(times["new"]),
    }


def warm(builds: dict[str, Build], folder: Path, picture: Path, threads: int, repeats: int) -> dict[str, dict]:
    """Medians of calls in turn, after one of each."""
    rows = {}
    for row, (part, settings) in WARM.items():
        times: dict[str, list[float]] = {name: [] for name in builds}
        sizes = {}
        for name, build in builds.items():
            asked = {"picture": str(picture), "file": str(folder / f"{name}.svae"), "threads": threads}
            sizes[name] = build.ask(do="encode", settings=settings, **asked)["bytes"]
        for turn in range(repeats + 1):
            for name, build in builds.items():
                asked = {"picture": str(picture), "file": str(folder / f"{name}.svae"), "threads": threads}
                took = build.ask(do=part, settings=settings, **asked)["s"]
                times[name] += [took] if turn else []
        rows[row] = compared(times) | {f"{name}_bytes": size for name, size in sizes.items()}
        say(f"{row}: {rows[row]}")
    return rows


def whole_processes(builds: dict[str, Build], folder: Path, picture: Path, repeats: int) -> dict:
    """``decode`` as a command, in turn."""
    times: dict[str, list[float]] = {name: [] for name in builds}
    for name, build in builds.items():
        build.ask(
            do="encode", picture=str(picture), file=str(folder / f"{name}.svae"), threads=2, settings={"quality": 50}
        )
    for turn in range(repeats + 1):
        for name, build in builds.items():
            command = [build.python, "-m", "selfvae_codec", "decode", f"{name}.svae", "-o", f"{name}.png"]
            began = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            times[name] += [time.perf_counter() - began] if turn else []
    return compared(times)


def large(pythons: dict[str, str], folder: Path, sources, megapixels: float, threads: int) -> dict[str, dict]:
    """Encode and decode once, each in a process of its own."""
    pixels = large_picture(sources, megapixels)
    picture = folder / "large.npy"
    np.save(picture, pixels)
    rows: dict[str, dict] = {part: {} for part in ("encode", "decode")}
    for part, row in rows.items():
        for name, python in pythons.items():
            asked = {"picture": str(picture), "file": str(folder / f"{name}.svae"), "threads": threads}
            took = once(python, do=part, settings={"quality": 50}, **asked)
            row[name] = took | {"us_per_pixel": 1e6 * took["s"] / pixels[..., 0].size}
            say(f"{part} {megapixels:g} megapixels, {name}: {row[name]}")
        if "old" in row:
            row["times_as_fast"] = row["old"]["s"] / row["new"]["s"]
    return rows


def scaling(build: Build, folder: Path, picture: Path, repeats: int) -> dict:
    """Seconds on one and two threads in turn, and the threads that the system counts after a decode on eight."""
    asked = {"picture": str(picture), "file": str(folder / "new.svae"), "settings": {"quality": 50}}
    times: dict[tuple[str, int], list[float]] = {(part, n): [] for part in ("encode", "decode") for n in (1, 2)}
    for turn in range(repeats + 1):
        for part, threads in times:
            took = build.ask(do=part, threads=threads, **asked)["s"]
            times[part, threads] += [took] if turn else []
    medians = {key: statistics.median(values) for key, values in times.items()}
    return {
        **{f"{part}_two_threads_times_as_fast": medians[part, 1] / medians[part, 2] for part in ("encode", "decode")},
        "system_threads_after_decoding_on_8": build.ask(do="decode", threads=8, **asked)["system_threads"],
    }


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.side_by_side", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="photographs, the first of which is timed")
    p.add_argument("--old", required=True, help="Python that has the other build installed")
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("-n", "--repeats", type=int, default=5)
    p.add_argument("--large", type=float, nargs="*", default=[24], help="megapixels of large pictures, both builds")
    p.add_argument("--largest", type=float, nargs="*", default=[100], help="megapixels, of this build alone")
    args = p.parse_args(argv)
    pictures = read_folder(args.folder).pictures
    sources = [picture.pixels() for picture in pictures[:8]]
    old = os.path.abspath(shutil.which(args.old) or args.old)  # commands run elsewhere
    pythons = {"old": old, "new": sys.executable}
    started = environment(["python", "-m", "benchmarks.studies.side_by_side", *argv], args.threads, 1, args.repeats, 1)
    started["instruction_sets"] = instruction_sets()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        picture = folder / "picture.npy"
        np.save(picture, sources[0])
        builds = {name: Build(python) for name, python in pythons.items()}
        result = {
            "environment": started,
            "picture": pictures[0].name,
            "paths": {name: build.path for name, build in builds.items()},
            "warm": warm(builds, folder, picture, args.threads, args.repeats),
            "decode as a process": whole_processes(builds, folder, picture, args.repeats),
            "threads": scaling(builds["new"], folder, picture, args.repeats),
        }
        for build in builds.values():
            build.close()
        small = once(sys.executable, do="encode", picture=str(picture), file=str(folder / "new.svae"),
                     threads=args.threads, settings={"quality": 50})  # fmt: skip
        result["peak_mib_of_one_encode"] = small["peak_mib"]
        result["large"] = {m: large(pythons, folder, sources, m, args.threads) for m in args.large}
        new = {"new": sys.executable}
        result["largest"] = {m: large(new, folder, sources, m, args.threads) for m in args.largest}
        pixels = sources[0][..., 0].size
        for rows in (*result["large"].values(), *result["largest"].values()):
            for part, row in rows.items():
                per_pixel = result["warm"][f"{part}, quality 50"]["new_s"] / pixels * 1e6
                row["time_per_pixel_against_the_small_picture"] = row["new"]["us_per_pixel"] / per_pixel
    write_json(args.out, result)
    print(json.dumps(result, indent=1))


def instruction_sets() -> list[str]:
    """Those of the processor that matter here."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return []
    return sorted(flags & {"avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimd", "asimddp"})


if __name__ == "__main__":
    main()
