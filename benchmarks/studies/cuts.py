"""``python -m benchmarks.studies.cuts``: what a download that stopped early shows, by whole levels and with its part.

Beside them what a file of its own quality shows in as many bytes, read off the picture's own curve of such files.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

import selfvae_codec
from selfvae_codec.errors import TruncatedWarning
from selfvae_codec.pictures.psnr import psnr_db

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json

SHARES = tuple(share / 100 for share in range(10, 101, 10))  # of the file's bytes
CURVE = (5, 20, 35, 50, 65, 80)  # qualities of files of their own


def measured(x: np.ndarray, quality: float) -> list[tuple[float, ...]]:
    """By share of the file's bytes: bits per pixel; PSNR in dB of whole levels, with the part, of a file of its own."""
    from scipy.interpolate import PchipInterpolator

    own = [selfvae_codec.encode(x, quality=q) for q in CURVE]
    curve = PchipInterpolator(np.log([len(d) for d in own]), [psnr_db(selfvae_codec.decode(d), x) for d in own])
    data = selfvae_codec.encode(x, quality=quality)
    rows = []
    for share in SHARES:
        n = round(share * len(data))
        shown = (selfvae_codec.decode(data[:n], partial=partial) for partial in (False, True))
        rows.append((8 * n / x[..., 0].size, *(psnr_db(y, x) for y in shown), float(curve(np.log(n)))))
    return rows


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.cuts", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures")
    p.add_argument("--quality", type=float, default=75, help="of the file that is cut, at most 80 (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    warnings.simplefilter("ignore", TruncatedWarning)
    pictures = [picture.pixels() for picture in read_folder(args.folder).pictures]
    names = ("bpp", "whole_levels_psnr_db", "partial_psnr_db", "own_file_psnr_db")
    means = np.mean([measured(x, args.quality) for x in pictures], axis=0)
    rows = [{"share": share, **dict(zip(names, row))} for share, row in zip(SHARES, means.tolist())]
    for row in rows:
        print(*(f"{name} {value:.3f}" for name, value in row.items()), flush=True)
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.cuts", *argv], *UNTIMED),
        "pictures": len(pictures),
        "quality": args.quality,
        "cuts": rows,
    }
    write_json(args.out, result)


if __name__ == "__main__":
    main()
