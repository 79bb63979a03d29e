"""``selfvae-codec evaluate``: what must hold of real files, checked picture by picture and level by level.

For every picture and quality it writes a file, decodes it at every level and checks that

- a file cut after level k decodes to the bits that ``levels=k`` of the whole file gives,
- the file is as long as its header says,
- PSNR rises strictly from level to level (null in the results where the pixels are exact),
- the last level of a lossless file (quality 100) is the picture,

and it compares the file's size with the model's own count of bits, its bound.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np

from selfvae_codec import encode, read_header
from selfvae_codec.choice.encoder import likelihoods
from selfvae_codec.coding.levels import decode_levels
from selfvae_codec.errors import TruncatedWarning
from selfvae_codec.format import container
from selfvae_codec.models.config import DEFAULT_MODEL
from selfvae_codec.models.exact.backends import BACKENDS
from selfvae_codec.pictures.psnr import psnr_db

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json


def evaluate_picture(x: np.ndarray, quality: float, model: str, backend: str) -> dict:
    """Facts about one picture, uint8 (H, W, 3), at one quality."""
    data = encode(x, quality=quality, model=model, backend=backend)
    header = read_header(data)
    pixels = x.shape[0] * x.shape[1]
    bound = likelihoods(x, quality=quality, lossless=header.lossless, model=model, backend=backend)
    model_bits = float(-np.log2(bound).sum())
    levels = []
    for level in header.levels:
        header_k, payloads = container.read_levels(data, level.index)
        whole = decode_levels(header_k, payloads, backend=backend)
        cut = container.cut(data, level.index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncatedWarning)
            header_cut, payloads_cut = container.read_levels(cut)
        same = payloads_cut == payloads and np.array_equal(
            decode_levels(header_cut, payloads_cut, backend=backend), whole
        )
        levels.append(
            {
                "level": level.index,
                "name": level.name,
                "bpp": 8 * len(cut) / pixels,
                "psnr_db": None if np.array_equal(whole, x) else psnr_db(whole, x),
                "cut_file_decodes_to_the_same_bits": bool(same),
            }
        )
    psnrs = [math.inf if level["psnr_db"] is None else level["psnr_db"] for level in levels]
    return {
        "quality": quality,
        "file_bytes": len(data),
        "bpp": 8 * len(data) / pixels,
        "model_bpp": model_bits / pixels,
        "exact": header.exact and levels[-1]["psnr_db"] is None,
        "payload_over_model_percent": 100 * (8 * sum(level.length for level in header.levels) / model_bits - 1),
        "length_is_what_info_says": header.file_bytes == len(data),
        "psnr_rises_strictly": all(a < b for a, b in zip(psnrs, psnrs[1:])),
        "levels": levels,
    }


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(prog="selfvae-codec evaluate", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="folder of pictures")
    p.add_argument("-o", "--out", type=Path, required=True, help="JSON file to write")
    p.add_argument("-q", "--qualities", type=float, nargs="+", default=[20, 50, 80, 100])
    p.add_argument("--model", default=DEFAULT_MODEL, help="name of installed weights")
    p.add_argument("--backend", choices=BACKENDS, default="auto")
    args = p.parse_args(argv)
    rows = []
    for picture in read_folder(args.folder).pictures:
        x = picture.pixels()
        for quality in args.qualities:
            rows.append({"picture": picture.name, **evaluate_picture(x, quality, args.model, args.backend)})
            row = rows[-1]
            psnr = row["levels"][-1]["psnr_db"]
            reached = "exact" if psnr is None else f"{psnr:.2f} dB"
            print(f"{picture.name} q{quality:g}: {row['bpp']:.4f} bpp, {reached}", flush=True)
    checks = ("length_is_what_info_says", "psnr_rises_strictly")
    summary = {check: all(row[check] for row in rows) for check in checks}
    summary["cut_file_decodes_to_the_same_bits"] = all(
        level["cut_file_decodes_to_the_same_bits"] for row in rows for level in row["levels"]
    )
    summary["payload_over_model_percent_max"] = max(row["payload_over_model_percent"] for row in rows)
    for quality in args.qualities:
        chosen = [row for row in rows if row["quality"] == quality]
        mean = {
            name: float(np.mean([row[name] for row in chosen]))
            for name in ("bpp", "model_bpp", "payload_over_model_percent")
        }
        mean["bpp_by_level"] = [float(np.mean(v)) for v in zip(*([k["bpp"] for k in r["levels"]] for r in chosen))]
        if quality == 100:
            mean |= {
                "exact": all(row["exact"] for row in chosen),
                "bits_per_dim_of_the_bound": mean["model_bpp"] / 3,
                "bits_per_dim_of_the_files": mean["bpp"] / 3,
            }
        else:
            mean["psnr_db"] = float(np.mean([row["levels"][-1]["psnr_db"] for row in chosen]))
        summary[f"quality {quality:g}"] = mean
    command = ["selfvae-codec", "evaluate", *(sys.argv[1:] if argv is None else argv)]
    write_json(args.out, {"environment": environment(command, *UNTIMED), "summary": summary, "rows": rows})
    print(json.dumps(summary, indent=1))
