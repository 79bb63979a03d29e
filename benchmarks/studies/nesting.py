"""``python -m benchmarks.studies.nesting``: what nested planes cost a file, against one plane of the same final step.

Files have one plane more on the fine side of a step of 3^2.69 than on its coarse side. Either side of it the final step
is the same but for 0.4 %, so that one plane and two can be compared where both exist; the difference in PSNR is turned
into rate with the slope between two files of one plane.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from pathlib import Path

import numpy as np

import selfvae_codec
from selfvae_codec.choice import looks
from selfvae_codec.coding.plan import LOG3_STEPS, QUALITIES
from selfvae_codec.models.config import DEFAULT_EFFORT, T_FIRST, TUNES
from selfvae_codec.pictures.psnr import psnr_db

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json


def quality_of(t: float, tune: str) -> float:
    return float(np.interp(-t, [-step for step in LOG3_STEPS[tune]], QUALITIES))


FILES = {  # log3 of the final step
    "coarser, one plane": T_FIRST + 24 / 256,
    "one plane": T_FIRST,
    "two planes": T_FIRST - 1 / 256,
}


def measured(x: np.ndarray, t: float, tune: str, effort: int) -> tuple[float, float, int]:
    """Bits per pixel of the file, PSNR in dB, and its levels."""
    data = selfvae_codec.encode(x, quality=quality_of(t, tune), tune=tune, effort=effort)
    levels = selfvae_codec.read_header(data).n_levels
    return 8 * len(data) / x[..., 0].size, psnr_db(selfvae_codec.decode(data), x), levels


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.nesting", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures")
    p.add_argument("--effort", type=int, nargs="+", default=[0, DEFAULT_EFFORT], help="of the encoder (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    pictures = [picture.pixels() for picture in read_folder(args.folder).pictures]
    looks.WEIGHTS = np.zeros_like(looks.WEIGHTS)  # every picture has the step that the quality has by itself
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.nesting", *argv], *UNTIMED),
        "pictures": len(pictures),
        "tunes": {tune: {} for tune in TUNES},
    }
    for tune, effort in itertools.product(TUNES, args.effort):
        rows = {}
        for name, t in FILES.items():
            bpp, psnr, levels = np.mean([measured(x, t, tune, effort) for x in pictures], axis=0)
            rows[name] = {"log3_step": t, "levels": levels, "bpp": bpp, "psnr_db": psnr}
        coarser, one, two = rows.values()
        slope = math.log(one["bpp"] / coarser["bpp"]) / (one["psnr_db"] - coarser["psnr_db"])
        excess = math.log(two["bpp"] / one["bpp"]) - slope * (two["psnr_db"] - one["psnr_db"])
        found = {"files": rows, "price_of_two_planes_percent": 100 * math.expm1(excess)}
        result["tunes"][tune][effort] = found
        print(tune, effort, found, flush=True)
    write_json(args.out, result)


if __name__ == "__main__":
    main()
