"""Published curves, for codecs that are not run here (BPG, HM, VTM, learned ones).

A folder of JSON files in CompressAI's schema, {"name", "results": {"bpp": [..],
"psnr-rgb": [..], "ms-ssim-rgb": [..]}}; common variants are understood as well:
no "results" around the lists, "psnr" for "psnr-rgb", MS-SSIM in dB, several
named curves in one file; and DPICT's two-column CSV (bpp, PSNR). Published
curves are for one data set: they are used only for the set whose name the
folder bears.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from .curves import Curve
from .quality import decibels

# what the charts show of them, first match per line wins: (file stem, name for people)
FEATURED = {
    "vtm": "VTM (VVC intra)",
    "hm": "HM (HEVC intra)",
    "bpg_444_x265_ycbcr": "BPG 4:4:4",
    "av1": "AV1",
    "compressai-bmshj2018-factorized_mse_cpu": "Factorized prior (2018)",
    "compressai-bmshj2018-hyperprior_mse_cpu": "Hyperprior (2018)",
    "compressai-mbt2018_mse_cpu": "MBT (2018)",
    "compressai-cheng2020-anchor_mse_cpu": "Cheng (2020)",
    "qres34m": "QRes-VAE (2022)",
    "qarv_base": "QARV (2023)",
    "mlicplusplus_mse": "MLIC++ (2023)",
    "DPICT_kodak_PSNR": "DPICT (embedded, 2022)",
}
_PSNR = ("psnr-rgb", "psnr", "PSNR", "psnr_rgb")
_MS_SSIM = ("ms-ssim-rgb", "ms-ssim", "ms_ssim")
_MS_SSIM_DB = ("ms-ssim-db-rgb", "ms-ssim-db")


def folder_for(root: str | Path, dataset: str) -> Path | None:
    """``root``/<dataset> or ``root`` itself if it bears the set's name; None if neither."""
    root = Path(root)
    if (root / dataset).is_dir():
        return root / dataset
    return root if root.is_dir() and root.resolve().name == dataset else None


def read_folder(folder: str | Path) -> list[Curve]:
    """Every curve in the JSON and CSV files below ``folder``; files of other kinds are passed over."""
    folder = Path(folder)
    curves: list[Curve] = []
    for path in sorted(folder.rglob("*.json")):
        curves += _from_json(path, _key(folder, path))
    for path in sorted(folder.rglob("*_PSNR.csv")):
        curves += _from_csv(path, _key(folder, path))
    return curves


def featured(curves: list[Curve]) -> list[Curve]:
    """The few that charts and the README show, in FEATURED's order."""
    by_stem = {curve.key.rsplit("/", 1)[-1]: curve for curve in reversed(curves)}
    return [by_stem[stem] for stem in FEATURED if stem in by_stem]


def _key(folder: Path, path: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _first(table: dict, names) -> list | None:
    return next((table[name] for name in names if isinstance(table.get(name), list)), None)


def _curve(key: str, name: str, table: dict) -> Curve | None:
    """A curve from a table of lists, or None if it holds no rate or no quality."""
    bpp = _first(table, ("bpp",))
    psnr = _first(table, _PSNR)
    ms_ssim_db = _first(table, _MS_SSIM_DB)
    if ms_ssim_db is None and (raw := _first(table, _MS_SSIM)) is not None:
        in_db = any(value is not None and value > 1 for value in raw)  # some store dB under this name
        ms_ssim_db = raw if in_db else [decibels(value) for value in raw]
    if not bpp or (psnr is None and ms_ssim_db is None):
        return None
    nothing = [None] * len(bpp)
    rows = sorted(zip(bpp, psnr or nothing, ms_ssim_db or nothing, strict=False))
    return Curve(
        key,
        name,
        [r[0] for r in rows],
        [r[1] for r in rows],
        [r[2] for r in rows],
        list(_first(table, ("ssimulacra2",)) or nothing),
        [""] * len(rows),
        published=True,
    )


def _from_json(path: Path, key: str) -> list[Curve]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return []
    if not isinstance(data, dict):
        return []
    name = FEATURED.get(path.stem) or str(data.get("name") or path.stem)
    table = data["results"] if isinstance(data.get("results"), dict) else data
    if "bpp" in table:
        curve = _curve(key, name, table)
        return [curve] if curve else []
    found = (_curve(f"{key}:{inner}", inner, value) for inner, value in table.items() if isinstance(value, dict))
    return [curve for curve in found if curve]


def _from_csv(path: Path, key: str) -> list[Curve]:
    """Two columns without names: bpp, PSNR in dB (UTF-8, perhaps with a byte-order mark)."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(float(a), float(b)) for a, b, *_ in csv.reader(file)]
    except (OSError, ValueError):
        return []
    table = {"bpp": [r for r, _ in rows], "psnr": [q for _, q in rows]}
    curve = _curve(key, FEATURED.get(path.stem, path.stem), table)
    return [curve] if curve else []
