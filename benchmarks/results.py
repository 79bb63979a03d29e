"""The files a run leaves behind, and how to read them again.

OUT/report.html
OUT/scale.json                    time and memory against size, pictures over cores
OUT/<set>/<codec>.json            CompressAI's keys, plus per_image, dataset, env
OUT/<set>/summary.json            everything the report and the README are made from
OUT/<set>/{rows,summary,bd_rate,lossless,cost}.csv
OUT/<set>/journal.jsonl           rows so far; a stopped run goes on from here
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path

from .measures.curves import Curve


def compressai(codec, lines: list[dict], rows: list[dict], dataset: str, env: dict) -> dict:
    """CompressAI's result schema for one codec; its plot tool reads the file as it is.

    ``results``: means over the pictures, one entry per setting. psnr-rgb is the
    mean of decibels; the PSNR of the mean MSE is in ``summary``. A setting at
    which a picture came back lossless has null there.
    """
    columns = {
        "psnr-rgb": "psnr_db",
        "ms-ssim-rgb": "ms_ssim",
        "ssimulacra2": "ssimulacra2",
        "butteraugli-3-norm": "butteraugli",
        "cvvdp-jod": "cvvdp",
        "bpp": "bpp",
        "encoding_time": "encode_s",
        "decoding_time": "decode_s",
    }
    return {
        "name": codec.name,
        "description": codec.description,
        "results": {name: [line[field] for line in lines] for name, field in columns.items()},
        "dataset": dataset,
        "env": env,
        "summary": lines,
        "per_image": [{k: v for k, v in row.items() if k != "codec"} for row in rows],
    }


def write_json(path: Path, data) -> None:
    """Indented, lists of numbers on one line each, NaN refused; atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(_rounded(data), indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    temporary.replace(path)


def _rounded(value):
    """Seven significant digits: more than any of these numbers has, half of the file size."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value


def write_csv(path: Path, rows: list[dict]) -> None:
    """One table; columns are the union of the rows' keys in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(_rounded(row) for row in rows)


def curve_to_json(curve: Curve) -> dict:
    return asdict(curve)


def curve_from_json(data: dict) -> Curve:
    return Curve(**data)


def read_summaries(out: str | Path) -> list[dict]:
    """Every <set>/summary.json below ``out``, in the order they were measured.

    Raises FileNotFoundError where there is none.
    """
    found = [json.loads(path.read_text()) for path in sorted(Path(out).glob("*/summary.json"))]
    if not found:
        raise FileNotFoundError(f"no <set>/summary.json below {out}: run the benchmark first")
    return sorted(found, key=lambda summary: summary["order"])
