"""Rate and distortion of every codec on every picture: the rows all else is made from.

Per picture: first every codec encodes and decodes, one after the other and
alone on the machine (timed); then the decoded pictures are compared with the
original by several processes (not timed). Rows are written after each picture,
so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from .codecs import Codec
from .pictures import Dataset
from .progress import bar, say
from .quality import measure_many
from .timing import cores, stopwatch


def measure_picture(name: str, pixels: np.ndarray, codecs: list[Codec], n_settings: int,
                    threads: int, timed, pool: ProcessPoolExecutor, workers: int,
                    slow: bool = True) -> list[dict]:
    """One row per codec and setting for one (H, W, 3) uint8 picture."""
    H, W = pixels.shape[:2]
    rows, decoded = [], []
    with cores(threads):
        for codec in codecs:
            for point in codec.points(pixels, codec.spread(n_settings), threads, timed):
                rows.append({
                    "picture": name, "width": W, "height": H, "codec": codec.key,
                    "setting": point.setting, "label": point.label, "bytes": point.n_bytes,
                    "bpp": point.n_bytes * 8 / (H * W),
                    "encode_s": point.encode_s, "decode_s": point.decode_s,
                    "encode_runs": point.encode_runs, "decode_runs": point.decode_runs})
                decoded.append(point.pixels)
    # dealt like cards: neighbouring settings cost the same, so every process gets a fair share
    hands = [pool.submit(measure_many, pixels, decoded[i::workers], slow) for i in range(workers)]
    for i, hand in enumerate(hands):
        for row, measures in zip(rows[i::workers], hand.result(), strict=True):
            row.update(measures)
    return rows


def measure_dataset(dataset: Dataset, codecs: list[Codec], *, n_settings: int, threads: int,
                    repeats: int, budget_s: float, pool: ProcessPoolExecutor, workers: int,
                    journal: Path) -> list[dict]:
    """All rows of ``dataset``. ``journal`` (JSON lines) keeps finished pictures between runs.

    The journal's first line says how its rows were made; if that differs from
    now, it is started anew.
    """
    made_with = {"codecs": {c.key: [c.description, list(c.spread(n_settings))] for c in codecs},
                 "threads": threads, "repeats": repeats, "budget_s": budget_s}
    rows = _finished(journal, made_with)
    done = {row["picture"] for row in rows}
    wanted = {picture.name for picture in dataset.pictures}
    if done & wanted:
        say(f"{dataset.name}: {len(done & wanted)} pictures were measured before, going on from there")
    rows = [row for row in rows if row["picture"] in wanted]
    timed = stopwatch(repeats, budget_s)
    with journal.open("a") as out:
        for picture in bar([p for p in dataset.pictures if p.name not in done], dataset.name):
            new = measure_picture(picture.name, picture.pixels(), codecs, n_settings, threads,
                                  timed, pool, workers)
            out.writelines(json.dumps(row) + "\n" for row in new)
            out.write(json.dumps({"finished": picture.name}) + "\n")
            out.flush()
            rows += new
    order = {picture.name: i for i, picture in enumerate(dataset.pictures)}
    return sorted(rows, key=lambda row: order[row["picture"]])


def _finished(journal: Path, made_with: dict) -> list[dict]:
    """Rows of the pictures that ``journal`` holds completely; [] (and a new file) if it is of no use."""
    made_with = json.loads(json.dumps(made_with))  # tuples to lists, as they come back
    if journal.exists():
        try:
            lines = [json.loads(line) for line in journal.read_text().splitlines()]
        except ValueError:  # killed in the middle of a line
            lines = []
        if lines and lines[0] == {"made_with": made_with}:
            complete = {line["finished"] for line in lines if "finished" in line}
            return [line for line in lines if line.get("picture") in complete]
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text(json.dumps({"made_with": made_with}) + "\n")
    return []
