"""``python -m benchmarks.studies.portability``: photographs' files must decode to the same bits in every setting.

Each setting is a process of its own: thread counts, instruction sets, oneDNN switched off, whole or in tiles, torch,
onnxruntime or every path of the native library. Prints and writes one hash per setting over all pictures and qualities.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selfvae_codec import encode
from selfvae_codec.coding.levels import decode_levels
from selfvae_codec.format.container import read_levels
from selfvae_codec.models.exact import backends, clibrary

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json


def settings() -> list[dict]:
    """Backend, environment variables and tile (positions) of every process."""
    grid = [(*s, 256) for s in itertools.product(("1", "2"), (None, "default"), (None, "SSE41"))]
    grid += [("2", None, None, 24), ("1", "default", "SSE41", 24)]
    out = [
        {
            "backend": "torch",
            "OMP_NUM_THREADS": threads,
            "ATEN_CPU_CAPABILITY": aten,
            "ONEDNN_MAX_CPU_ISA": isa,
            "tile": tile,
        }
        for threads, aten, isa, tile in grid
    ]
    out.append({"backend": "torch", "OMP_NUM_THREADS": "2", "PROBE_MKLDNN": "0", "tile": 256})
    out += [{"backend": "onnxruntime", "OMP_NUM_THREADS": n, "tile": tile} for n in ("1", "2") for tile in (256, 24)]
    out.append({"backend": "onnxruntime", clibrary.CHOICE: clibrary.NONE, "OMP_NUM_THREADS": "2", "tile": None})
    native = itertools.product(clibrary.paths() if clibrary.library() else (), ("1", "2", "4"), (None, 24))
    out += [
        {"backend": "native", clibrary.CHOICE: path, "OMP_NUM_THREADS": threads, "tile": tile}
        for path, threads, tile in native
    ]
    return out


def probe(folder: Path, backend: str, tile: int | None) -> None:
    """Decode every file of a folder at all its levels and print one hash."""
    if backend == "torch":
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        torch.backends.mkldnn.enabled = os.environ.get("PROBE_MKLDNN", "1") == "1"
    backends.DEFAULT_TILE = tile
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.svae")):
        digest.update(decode_levels(*read_levels(file.read_bytes()), backend=backend).tobytes())
    print(digest.hexdigest())


def run_setting(folder: Path, setting: dict) -> str:
    """The hash that a fresh process prints for a setting."""
    variables = {k: v for k, v in setting.items() if k.isupper() and v is not None}
    forced = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", clibrary.CHOICE)
    clean = {k: v for k, v in os.environ.items() if k not in forced}
    command = [sys.executable, "-m", "selfvae_codec.benchmarks.studies.portability", "--probe", str(folder)]
    command += [setting["backend"], str(setting["tile"] or 0)]
    done = subprocess.run(command, env=clean | variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--probe"]:
        probe(Path(argv[1]), argv[2], int(argv[3]) or None)
        return
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.portability", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path)
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("-q", "--qualities", type=float, nargs="+", default=[30, 75])
    args = p.parse_args(argv)
    pictures = read_folder(args.folder).pictures
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for picture, quality in itertools.product(pictures, args.qualities):
            (folder / f"{picture.name}-{quality:g}.svae").write_bytes(encode(picture.pixels(), quality=quality))
        for setting in settings():
            began = time.monotonic()
            rows.append({**setting, "sha256": run_setting(folder, setting)})
            print(f"{rows[-1]['sha256'][:16]}  {setting}  {time.monotonic() - began:.0f} s", flush=True)
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.portability", *argv], *UNTIMED),
        "pictures": len(pictures),
        "qualities": args.qualities,
        "all_settings_give_the_same_bits": len({row["sha256"] for row in rows}) == 1,
        "settings": rows,
    }
    write_json(args.out, result)
    print("the same bits everywhere" if result["all_settings_give_the_same_bits"] else "BITS DIFFER")


if __name__ == "__main__":
    main()
