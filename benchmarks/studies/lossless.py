"""Lossless coding: bits per sub-pixel and seconds, every codec on every picture.

A row is written only for a picture that came back equal. As in rd.py, some
pictures are timed alone and the rest is coded by several processes at once.
"""

from __future__ import annotations

from concurrent.futures import as_completed

import numpy as np

from ..codecs import Codec
from ..measures.curves import mean, mean_known
from ..measures.timing import cores, stopwatch
from ..pictures import Dataset, Picture
from ..progress import bar
from .rd import built, coded, untimed


def rows_of(name: str, pixels: np.ndarray, codecs: list[Codec], threads: int, timed) -> list[dict]:
    """One row per codec for one picture. Raises ValueError where a codec changes it."""
    H, W, C = pixels.shape
    rows = []
    for codec, point in coded(codecs, pixels, 1, threads, timed):
        if not np.array_equal(point.pixels, pixels):
            raise ValueError(f"{codec.key} is not lossless on {name}")
        rows.append(
            {
                "picture": name,
                "width": W,
                "height": H,
                "codec": codec.key,
                "bytes": point.n_bytes,
                "bpp": point.n_bytes * 8 / (H * W),
                "bpsp": point.n_bytes * 8 / (H * W * C),
                "encode_s": point.encode_s,
                "decode_s": point.decode_s,
                "encode_runs": point.encode_runs,
                "decode_runs": point.decode_runs,
            }
        )
    return rows


def untimed_rows(picture: Picture, keys: tuple[str, ...], api: str) -> list[dict]:
    """rows_of() in the worker process that this is called in."""
    return rows_of(picture.name, picture.pixels(), [built(key, api) for key in keys], 1, untimed)


def measure(
    dataset: Dataset,
    codecs: list[Codec],
    *,
    n_timed: int,
    threads: int,
    repeats: int,
    budget_s: float,
    api: str,
    pool,
) -> list[dict]:
    """One row per codec and picture. Raises ValueError where a codec changes a picture."""
    clocked = dataset.spread(n_timed).pictures

    def results():
        timed = stopwatch(repeats, budget_s)
        for picture in clocked:
            with cores(threads):
                yield rows_of(picture.name, picture.pixels(), codecs, threads, timed)
        keys = tuple(codec.key for codec in codecs)
        for job in as_completed(
            [pool.submit(untimed_rows, picture, keys, api) for picture in dataset.pictures if picture not in clocked]
        ):
            yield job.result()

    rows = [row for group in bar(results(), f"{dataset.name}, lossless", len(dataset.pictures)) for row in group]
    order = {picture.name: i for i, picture in enumerate(dataset.pictures)}
    return sorted(rows, key=lambda row: order[row["picture"]])


def summarise(rows: list[dict], codecs: list[Codec]) -> list[dict]:
    """Means per codec, best first. bpsp is the mean over pictures; bytes the sum."""
    lines = []
    for codec in codecs:
        group = [row for row in rows if row["codec"] == codec.key]
        if group:
            lines.append(
                {
                    "codec": codec.key,
                    "name": codec.name,
                    "description": codec.description,
                    "ours": codec.ours,
                    "pictures": len(group),
                    "bytes": sum(r["bytes"] for r in group),
                    "bpsp": mean(r["bpsp"] for r in group),
                    "bpp": mean(r["bpp"] for r in group),
                    "encode_s": mean_known(r["encode_s"] for r in group),
                    "decode_s": mean_known(r["decode_s"] for r in group),
                }
            )
    return sorted(lines, key=lambda line: line["bpsp"])
