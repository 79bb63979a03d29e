"""Where, when and with what a result was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "numpy",
    "pillow",
    "imagecodecs",
    "pillow-heif",
    "onnxruntime",
    "onnx",
    "torch",
    "constriction",
    "pytorch-msssim",
    "ssimulacra2",
    "bjontegaard",
    "scipy",
    "selfvae-codec",
)


UNTIMED = (0, 1, 0, 0)  # threads, workers, repeats and timed pictures of a study that times nothing


def environment(command: list[str], threads: int, workers: int, repeats: int, timed_pictures: int) -> dict:
    """Machine, versions, date, command, commit; nothing that names a person or a folder tree."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join(shlex.quote(relative(word)) for word in command),
        "git_commit": git_commit(),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "memory_gib": memory_gib(),
            "load_average_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        },
        "python": platform.python_version(),
        "versions": versions(),
        "libraries": libraries(),
        "timing": {
            "threads": threads,
            "quality_processes": workers,
            "repeats_at_most": repeats,
            "timed_pictures": timed_pictures,
            "statistic": "median",
            "held_to_cores": hasattr(os, "sched_setaffinity"),
        },
    }


def relative(word: str) -> str:
    """A word of a command as others can repeat it: paths below here are relative, of others the last name is kept."""
    option, equals, path = word.rpartition("=")
    if os.sep not in path or "://" in path:
        return word
    below = os.path.relpath(path)
    outside = below.split(os.sep)[0] == os.pardir
    return option + equals + (os.path.basename(os.path.normpath(path)) if outside else below)


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def libraries() -> dict[str, str | None]:
    """The C libraries inside Pillow and imagecodecs that the peers run on."""
    from PIL import features

    found: dict[str, str | None] = {
        f"pillow:{name}": features.version(name)
        for name in ("libjpeg_turbo", "webp", "avif", "jpg_2000", "zlib")
        if features.check(name)
    }
    try:
        import imagecodecs
    except ImportError:
        return found
    wanted = ("libjxl", "openjpeg", "libavif", "libwebp", "charls", "qoi")
    for item in imagecodecs.version().split(", "):
        name, _, number = item.partition("-")
        if name in wanted:
            found[f"imagecodecs:{name}"] = number
    return found


def git_commit() -> str | None:
    """Commit of the checkout this file lies in, '+changes' if the tree differs; None outside one."""

    def git(*words):
        return subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            "+changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, AttributeError, OSError):
        return None


def this_command(argv: list[str]) -> list[str]:
    """The command line as a user would type it."""
    program = Path(sys.argv[0]).name
    if program.startswith("selfvae"):
        return ["selfvae-codec", "bench", *argv]
    return ["python", "-m", "benchmarks", *argv]
