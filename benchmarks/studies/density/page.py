"""``python -m benchmarks.studies.density.page RESULTS``: tables, modes and sheets on one self-contained page."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import jinja2

from .models import NAMES, PUBLISHED
from .small_pictures import TITLES

TEMPLATES = Path(__file__).parents[2] / "report" / "templates"


def write_page(out: Path) -> Path:
    """OUT/density.html from the SET-MODEL.json, SET-MODEL-pixels.json and sheets in OUT."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    page = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    sets = [
        rows[0]["set"] | {"title": TITLES[name], "rows": [row | {"sheets": sheets(out, row)} for row in rows]}
        for name, rows in read_rows(out).items()
    ]
    path = out / "density.html"
    path.write_text(page.get_template("density.html.j2").render(sets=sets, published=PUBLISHED), "utf-8")
    return path


def read_rows(out: Path) -> dict[str, list[dict]]:
    """What was measured of each set's models, in the order of NAMES. Raises FileNotFoundError if nothing was."""
    results = [json.loads(file.read_text("utf-8")) for file in out.glob("*-*.json")]
    if not results:
        raise FileNotFoundError(f"no SET-MODEL.json in {out}: run python -m benchmarks.studies.density first")
    results.sort(key=lambda row: (row["set"]["name"], list(NAMES).index(row["model"]), _pixel_minutes(row)))
    sets: dict[str, list[dict]] = {}
    for row in results:
        name = NAMES[row["model"]] + (", larger pixel networks" if _pixel_minutes(row) else "")
        sets.setdefault(row["set"]["name"], []).append(row | {"name": name})
    return sets


def stem(set_name: str, model: str, budget: dict) -> str:
    """What the files of a result are called by: those of larger pixel networks stand beside those before."""
    return f"{set_name}-{model}" + ("-pixels" if budget.get("pixel_minutes") else "")


def _pixel_minutes(row: dict) -> float:
    return row["budget"].get("pixel_minutes", 0)


def sheets(out: Path, row: dict) -> dict[str, str]:
    """data: URIs of the sheets of a row, by kind."""
    name = stem(row["set"]["name"], row["model"], row["budget"])
    files = {kind: out / f"{name}-{kind}.png" for kind in ("samples", "modes")}
    return {
        kind: f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
        for kind, file in files.items()
        if file.exists()
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.studies.density.page RESULTS")
    try:
        print(write_page(Path(sys.argv[1])))
    except FileNotFoundError as error:
        sys.exit(f"page: {error}")
