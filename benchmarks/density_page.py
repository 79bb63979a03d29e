"""One self-contained page of the density experiments: table, modes and sheets, made from the files of a run."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2

from .density_models import NAMES

TEMPLATES = Path(__file__).parent / "templates"


def write_page(out: Path, result: dict) -> Path:
    """OUT/density.html from what OUT/density.json holds and the sheets beside it."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    page = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    rows = [row | {"name": NAMES[row["model"]], "sheets": sheets(out, row)} for row in result["rows"]]
    path = out / "density.html"
    path.write_text(page.get_template("density.html.j2").render(result | {"rows": rows}), "utf-8")
    return path


def sheets(out: Path, row: dict) -> dict[str, str]:
    """data: URIs of the sheets of a row, by kind."""
    files = {kind: out / f"{row['set']}-{row['model']}-{kind}.png" for kind in ("samples", "modes")}
    return {
        kind: f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
        for kind, file in files.items()
        if file.exists()
    }
