"""Lossless coding: bits per sub-pixel and seconds, every codec on every picture.

A row is written only for a picture that came back equal.
"""

from __future__ import annotations

import numpy as np

from .codecs import Codec
from .curves import mean
from .pictures import Dataset
from .progress import bar
from .timing import cores, stopwatch


def measure(dataset: Dataset, codecs: list[Codec], threads: int, repeats: int,
            budget_s: float) -> list[dict]:
    """One row per codec and picture. Raises ValueError where a codec changes a picture."""
    timed = stopwatch(repeats, budget_s)
    rows = []
    for picture in bar(dataset.pictures, f"{dataset.name}, lossless"):
        pixels = picture.pixels()
        H, W, C = pixels.shape
        with cores(threads):
            for codec in codecs:
                for point in codec.points(pixels, codec.settings, threads, timed):
                    if not np.array_equal(point.pixels, pixels):
                        raise ValueError(f"{codec.key} is not lossless on {picture.name}")
                    rows.append({
                        "picture": picture.name, "width": W, "height": H, "codec": codec.key,
                        "bytes": point.n_bytes, "bpp": point.n_bytes * 8 / (H * W),
                        "bpsp": point.n_bytes * 8 / (H * W * C),
                        "encode_s": point.encode_s, "decode_s": point.decode_s,
                        "encode_runs": point.encode_runs, "decode_runs": point.decode_runs})
    return rows


def summarise(rows: list[dict], codecs: list[Codec]) -> list[dict]:
    """Means per codec, best first. bpsp is the mean over pictures; bytes the sum."""
    lines = []
    for codec in codecs:
        group = [row for row in rows if row["codec"] == codec.key]
        if group:
            lines.append({
                "codec": codec.key, "name": codec.name, "description": codec.description,
                "ours": codec.ours, "pictures": len(group), "bytes": sum(r["bytes"] for r in group),
                "bpsp": mean(r["bpsp"] for r in group), "bpp": mean(r["bpp"] for r in group),
                "encode_s": mean(r["encode_s"] for r in group),
                "decode_s": mean(r["decode_s"] for r in group)})
    return sorted(lines, key=lambda line: line["bpsp"])
