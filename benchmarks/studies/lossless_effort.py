"""``python -m benchmarks.studies.lossless_effort``: lossless files by effort, in bits per sub-pixel.

Every file is decoded and compared. Pictures are shared out among processes of one thread each; seconds are those of the
process, and of files that were made beside others.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

import selfvae_codec
from selfvae_codec.models.config import DEFAULT_EFFORT

from ..measures.environment import UNTIMED, environment
from ..pictures import Picture, read_folder
from ..progress import bar
from ..results import write_json


def row(picture: Picture, effort: int) -> dict:
    """Of one picture. Raises ValueError where its file holds another."""
    x, start = picture.pixels(), time.process_time()
    data = selfvae_codec.encode(x, lossless=True, effort=effort)
    seconds = time.process_time() - start
    if not np.array_equal(selfvae_codec.decode(data), x):
        raise ValueError(f"{picture.name} at effort {effort} comes back as another picture")
    return {"picture": picture.name, "bytes": len(data), "bpsp": 8 * len(data) / x.size, "encode_cpu_s": seconds}


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.lossless_effort", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures")
    p.add_argument("--effort", type=int, nargs="+", default=[DEFAULT_EFFORT, 9], help="of the encoder (%(default)s)")
    p.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    pictures = read_folder(args.folder).pictures
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes to come
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.lossless_effort", *argv], *UNTIMED),
        "pictures": len(pictures),
        "efforts": {},
    }
    with ProcessPoolExecutor(args.processes, multiprocessing.get_context("spawn")) as pool:
        for effort in args.effort:
            rows = list(bar(pool.map(partial(row, effort=effort), pictures), f"effort {effort}", len(pictures)))
            means = {key: float(np.mean([r[key] for r in rows])) for key in ("bpsp", "encode_cpu_s")}
            result["efforts"][effort] = {**means, "files": rows}
            write_json(args.out, result)
            print(effort, means, flush=True)


if __name__ == "__main__":
    main()
