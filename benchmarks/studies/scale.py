"""Time and memory against the size of the picture, and many pictures over cores."""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from ..codecs import Codec, build
from ..measures.cost import cost
from ..pictures import Dataset, mirrored
from ..progress import say

CODECS = ("ours", "jpeg420", "webp", "jpeg2000", "jpegxl", "avif")  # one of each kind
MEGAPIXELS = (0.1, 0.4, 1.5, 6, 24)


def middle(codec: Codec) -> float:
    """The setting used wherever one per codec must do: the middle of its curve."""
    return codec.settings[len(codec.settings) // 2]


def against_size(
    dataset: Dataset,
    codecs: list[Codec],
    threads: int,
    api: str,
    megapixels=MEGAPIXELS,
    timeout_s: float = 300,
) -> list[dict]:
    """One row per codec and size, on 3:2 pictures mirrored from the first one of ``dataset``.

    Each part runs once in a fresh process (cost.py). After an error a codec's
    larger sizes are left out.
    """
    source = dataset.pictures[0].pixels()
    rows = []
    for codec in codecs:
        for size in megapixels:
            height = max(round((size * 1e6 / 1.5) ** 0.5), 1)
            pixels = mirrored(source, height, round(height * 1.5))
            row = cost(codec.key, pixels, middle(codec), threads, api, timeout_s)
            rows.append(
                {
                    "codec": codec.key,
                    "setting": middle(codec),
                    "megapixels": size,
                    "width": pixels.shape[1],
                    "height": pixels.shape[0],
                    **row,
                }
            )
            if "error" in row:
                say(f"{codec.key} at {size:g} megapixels: {row['error']}")
                break
    return rows


_job: tuple[Codec, list[np.ndarray]] | None = None  # of one worker process


def _prepare(key: str, api: str, pictures: list[np.ndarray], all_warm) -> None:
    """Build and warm the codec, then wait until every worker has."""
    global _job
    _job = (build(key, api), pictures)
    _job[0].encode(pictures[0], middle(_job[0]), 1)
    all_warm.wait()


def _encode(index: int) -> int:
    codec, pictures = _job
    return len(codec.encode(pictures[index % len(pictures)], middle(codec), 1))


def over_cores(
    dataset: Dataset, codecs: list[Codec], api: str, n_pictures: int = 8, workers: list[int] | None = None
) -> list[dict]:
    """Megapixels encoded per second by 1, 2, ... single-threaded processes.

    Every worker is started and warm before the clock starts.
    """
    pictures = [picture.pixels() for picture in dataset.spread(n_pictures).pictures]
    n_pixels = sum(p.shape[0] * p.shape[1] for p in pictures)
    limit = os.cpu_count() or 1
    workers = workers or [n for n in (1, 2, 4, 8, 16) if n <= limit]
    rows = []
    for codec in codecs:
        for n in workers:
            spawn = get_context("spawn")
            with ProcessPoolExecutor(n, spawn, _prepare, (codec.key, api, pictures, spawn.Barrier(n))) as pool:
                list(pool.map(_encode, range(n)))  # starts them all
                start = time.perf_counter()
                n_bytes = sum(pool.map(_encode, range(len(pictures))))
                seconds = time.perf_counter() - start
            rows.append(
                {
                    "codec": codec.key,
                    "setting": middle(codec),
                    "workers": n,
                    "pictures": len(pictures),
                    "bytes": n_bytes,
                    "pictures_per_s": len(pictures) / seconds,
                    "mpx_per_s": n_pixels / 1e6 / seconds,
                }
            )
    return rows
