"""``python -m benchmarks.studies.install_size``: megabytes that an installation brings, in fresh environments."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..measures.environment import UNTIMED, environment
from ..results import write_json

SOURCE = Path(__file__).resolve().parents[2]


def size_mb(folder: Path) -> float:
    """Bytes of all files below a folder, in 10^6."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6


def measure(requirements: list[str], largest: int = 6) -> dict:
    """Installs requirements one after the other into a fresh environment; pip itself is not counted."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        python = Path(scratch) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        packages = next(Path(scratch).rglob("site-packages"))
        before = size_mb(packages)
        own = {f.name for f in packages.iterdir()}  # pip's
        began = time.monotonic()
        for requirement in requirements:
            subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True)
        parts = {f.name: size_mb(f) for f in packages.iterdir() if f.is_dir() and f.name not in own}
        biggest = sorted(parts, key=parts.get, reverse=True)[:largest]
        return {
            "requirements": [r.replace(str(SOURCE), ".") for r in requirements],
            "megabytes": size_mb(packages) - before,
            "seconds": time.monotonic() - began,
            "largest_mb": {name: parts[name] for name in biggest},
        }


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.install_size", description=__doc__.split("\n")[0])
    p.add_argument("--torch", default="torch==2.13.0", help="the torch to install beside it (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    rows = {"selfvae-codec": measure([str(SOURCE)]), "selfvae-codec[torch]": measure([args.torch, f"{SOURCE}[torch]"])}
    for name, row in rows.items():
        print(f"{name}: {row['megabytes']:.0f} MB")
    command = ["python", "-m", "benchmarks.studies.install_size", *argv]
    write_json(args.out, {"environment": environment(command, *UNTIMED), "installations": rows})


if __name__ == "__main__":
    main()
