"""Rate and distortion of every codec on every picture: the rows all else is made from.

A few pictures of each set are timed: every codec encodes and decodes, one after
the other and alone on the machine, and only then are the results compared with
the original by several processes. The other pictures go through the same codecs
in those processes, several at a time and without a clock. Rows are written
after each picture, so that a run that was stopped goes on where it was, unless what
made them has changed since, or the picture.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..codecs import Codec, Point, build
from ..codecs.ours import code, model_id
from ..measures.quality import Reference
from ..measures.timing import cores, stopwatch
from ..pictures import Dataset, Picture
from ..progress import bar, say
from .gallery import Plan, carried


def untimed(function, *args):
    """Like a stopwatch's timed(), where nobody looks at the clock."""
    return function(*args), None, 0


def coded(codecs: list[Codec], pixels: np.ndarray, n_settings: int, threads: int, timed) -> list[tuple[Codec, Point]]:
    """Every point of every codec on one picture."""
    return [
        (codec, point) for codec in codecs for point in codec.points(pixels, codec.spread(n_settings), threads, timed)
    ]


def fingerprint(pixels: np.ndarray) -> str:
    """By which a picture is known again, whatever its name."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()[:16]


def compare(name: str, pixels: np.ndarray, points: list[tuple[str, bool, Point]], plan: Plan) -> list[dict]:
    """One row per (codec key, is it ours, point). Rows of ours carry what the report shows."""
    H, W = pixels.shape[:2]
    reference = Reference(pixels)
    rows = []
    for key, ours, point in points:
        rows.append(
            {
                "picture": name,
                "pixels": fingerprint(pixels),
                "width": W,
                "height": H,
                "codec": key,
                "setting": point.setting,
                "label": point.label,
                "bytes": point.n_bytes,
                "bpp": point.n_bytes * 8 / (H * W),
                "encode_s": point.encode_s,
                "decode_s": point.decode_s,
                "encode_runs": point.encode_runs,
                "decode_runs": point.decode_runs,
                "on_curve": point.on_curve,
                **reference.measures(point.pixels),
            }
        )
        if ours:
            rows[-1]["shown"] = carried(key, point.pixels, plan)
    return rows


def timed_picture(
    name: str,
    pixels: np.ndarray,
    codecs: list[Codec],
    n_settings: int,
    threads: int,
    timed,
    pool: ProcessPoolExecutor,
    workers: int,
    plan: Plan,
) -> list[dict]:
    """Rows of one picture: coded here, alone; compared by the pool afterwards."""
    with cores(threads):
        points = [(codec.key, codec.ours, point) for codec, point in coded(codecs, pixels, n_settings, threads, timed)]
    # dealt like cards: neighbouring settings cost the same, so every process gets a fair share
    hands = [pool.submit(compare, name, pixels, points[i::workers], plan) for i in range(workers)]
    rows: list[dict] = [{}] * len(points)
    for i, hand in enumerate(hands):
        rows[i::workers] = hand.result()
    return rows


built = lru_cache(maxsize=None)(build)  # once per worker process


def untimed_picture(picture: Picture, keys: tuple[str, ...], api: str, n_settings: int, plan: Plan) -> list[dict]:
    """Rows of one picture, all in the worker process that this is called in."""
    pixels = picture.pixels()
    points = coded([built(key, api) for key in keys], pixels, n_settings, 1, untimed)
    return compare(picture.name, pixels, [(c.key, c.ours, point) for c, point in points], plan)


def measure_dataset(
    dataset: Dataset,
    codecs: list[Codec],
    *,
    n_settings: int,
    n_timed: int,
    threads: int,
    repeats: int,
    budget_s: float,
    api: str,
    pool: ProcessPoolExecutor,
    workers: int,
    plan: Plan,
    journal: Path,
) -> list[dict]:
    """All rows of ``dataset``. ``journal`` (JSON lines) keeps finished pictures between runs.

    The journal's first line says how its rows were made; if that differs from
    now, it is started anew.
    """
    clocked = {picture.name for picture in dataset.spread(n_timed).pictures}
    made_with = {
        "codecs": {c.key: [c.description, list(c.spread(n_settings))] for c in codecs},
        "threads": threads,
        "repeats": repeats,
        "budget_s": budget_s,
        "timed": sorted(clocked),
        "plan": [plan.crop, plan.strip],
        **({"model": model_id(api), "code": code(api)} if any(codec.ours for codec in codecs) else {}),
    }
    rows = _finished(journal, made_with)
    before = {row["picture"] for row in rows}
    known = {picture.name: fingerprint(picture.pixels()) for picture in dataset.pictures if picture.name in before}
    rows = [row for row in rows if known.get(row["picture"]) == row["pixels"]]
    done = {row["picture"] for row in rows}
    if done:
        say(f"{dataset.name}: {len(done)} pictures were measured before, going on from there")
    to_do = [picture for picture in dataset.pictures if picture.name not in done]

    def results():
        timed = stopwatch(repeats, budget_s)
        for picture in to_do:
            if picture.name in clocked:
                yield timed_picture(
                    picture.name, picture.pixels(), codecs, n_settings, threads, timed, pool, workers, plan
                )
        keys = tuple(codec.key for codec in codecs)
        jobs = [
            pool.submit(untimed_picture, picture, keys, api, n_settings, plan)
            for picture in to_do
            if picture.name not in clocked
        ]
        for job in as_completed(jobs):
            yield job.result()

    with journal.open("a") as out:
        for new in bar(results(), dataset.name, total=len(to_do)):
            out.writelines(json.dumps(row) + "\n" for row in new)
            out.write(json.dumps({"finished": new[0]["picture"]}) + "\n")
            out.flush()
            rows += new
    order = {picture.name: i for i, picture in enumerate(dataset.pictures)}
    return sorted(rows, key=lambda row: order[row["picture"]])


def read_journal(journal: Path) -> tuple[dict, list[dict]]:
    """(how the rows were made, rows of the pictures that are complete); ({}, []) if unreadable."""
    try:
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
    except (OSError, ValueError):  # never begun, or killed in the middle of a line
        return {}, []
    complete = {line["finished"] for line in lines if "finished" in line}
    made_with = lines[0].get("made_with", {}) if lines else {}
    return made_with, [line for line in lines if line.get("picture") in complete]


def _finished(journal: Path, made_with: dict) -> list[dict]:
    """The journal's rows, or [] and a new journal if it was made otherwise."""
    earlier, rows = read_journal(journal)
    if earlier == json.loads(json.dumps(made_with)):  # tuples to lists, as they come back
        return rows
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text(json.dumps({"made_with": made_with}) + "\n")
    return []
