"""``python -m benchmarks.studies.region``: what ``encode --roi`` does inside the region and outside it.

The region is the middle third of the width and of the height.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import selfvae_codec
from selfvae_codec.pictures.psnr import psnr_db

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json


def central(height: int, width: int) -> np.ndarray:
    """The mask of the middle third of each side, bool (height, width)."""
    mask = np.zeros((height, width), bool)
    mask[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    return mask


def measured(x: np.ndarray, quality: float, mask: np.ndarray, **region) -> dict[str, float]:
    """bpp of the file, and PSNR in dB of what it decodes to, inside the mask and outside."""
    data = selfvae_codec.encode(x, quality=quality, **region)
    shown = selfvae_codec.decode(data)
    return {
        "bpp": 8 * len(data) / mask.size,
        "psnr_db_inside": psnr_db(shown[mask][None], x[mask][None]),
        "psnr_db_outside": psnr_db(shown[~mask][None], x[~mask][None]),
    }


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.region", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures")
    p.add_argument("--pictures", type=int, default=3, help="the first N (%(default)s)")
    p.add_argument("--quality", type=float, default=50)
    p.add_argument("--gains", type=float, nargs="+", default=[-6, 6, 12], help="roi_gain in dB (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    rows = []
    for picture in read_folder(args.folder).pictures[: args.pictures]:
        x = picture.pixels()
        mask = central(*x.shape[:2])
        rows.append({"picture": picture.name, "roi_gain_db": None, **measured(x, args.quality, mask)})
        for gain in args.gains:
            row = measured(x, args.quality, mask, roi=mask, roi_gain=gain)
            rows.append({"picture": picture.name, "roi_gain_db": gain, **row})
            print(rows[-1], flush=True)
    command = ["python", "-m", "benchmarks.studies.region", *argv]
    write_json(args.out, {"environment": environment(command, *UNTIMED), "quality": args.quality, "rows": rows})


if __name__ == "__main__":
    main()
