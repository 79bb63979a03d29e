"""The self-contained HTML report, made from the result files and the pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import jinja2

from ..measures.bdrate import per_picture
from ..measures.curves import METRICS, curves_on_pictures
from ..progress import bar, say
from ..results import read_summaries
from ..studies.gallery import Plan, entry
from ..studies.rd import read_journal
from . import svg, tables
from .palette import css_name, stylesheet
from .rd_charts import SHOWN_FIRST, colour_keys, efficiency_chart, measured_and_published, rd_chart

TEMPLATES = Path(__file__).parent / "templates"
CARDS = ("jpeg420", "webp", "jpeg2000", "jpegxl", "avif", "bpg_444_x265_ycbcr", "vtm")
DARK = ':root[data-theme="dark"]'


def write_report(out: Path, datasets, api: str, plan: Plan, pool) -> Path:
    """OUT/report.html from OUT's files; the pictures of ``datasets`` are coded again for it.

    Raises FileNotFoundError where nothing has been measured yet.
    """
    summaries = read_summaries(out)
    names = {dataset.name for dataset in datasets}
    summaries = [s for s in summaries if s["dataset"] in names] or summaries
    scale_file = out / "scale.json"
    scale = json.loads(scale_file.read_text()) if scale_file.exists() else None
    summaries = [summary | {"bd_pictures": bd_on_pictures(out / summary["dataset"], summary)} for summary in summaries]
    gallery = make_gallery(out, summaries, datasets, api, plan, pool)
    path = out / "report.html"
    path.write_text(render(summaries, scale, gallery), encoding="utf-8")
    return path


def bd_on_pictures(folder: Path, summary: dict) -> dict[str, dict[str, float | None]]:
    """BD-rate (PSNR) of our codec on each picture: picture -> anchor -> %, from the codecs' own files."""
    codecs = summary.get("codecs", {})
    test = next((key for key, codec in codecs.items() if codec["ours"]), next(iter(codecs), None))
    files = {key: folder / f"{key}.json" for key in codecs}
    rows = {key: json.loads(file.read_text())["per_image"] for key, file in files.items() if file.exists()}
    found: dict[str, dict[str, float | None]] = {}
    for result in per_picture(curves_on_pictures(rows), [test] if test else [], ["psnr_db"]):
        found.setdefault(result.scope, {})[result.anchor] = result.bd_rate_pct
    return found


def make_gallery(out: Path, summaries, datasets, api: str, plan: Plan, pool) -> list[dict]:
    """One entry per picture, made by the pool; empty where no rows are there to start from."""
    jobs = []
    names = {summary["dataset"] for summary in summaries}
    for dataset in datasets:
        made_with, rows = read_journal(out / dataset.name / "journal.jsonl")
        if dataset.name not in names or not rows:
            continue
        crop, strip = made_with["plan"]  # what the rows carry was cut to these sizes
        here = replace(plan, crop=crop, strip=strip)
        for picture in dataset.pictures:
            mine = [row for row in rows if row["picture"] == picture.name]
            if mine:
                jobs.append(pool.submit(entry, picture, dataset.name, mine, here, api))
    entries = []
    for job in bar(jobs, "pictures of the report"):
        try:
            entries.append(job.result())
        except Exception as error:  # one picture less; the numbers are already safe
            say(f"report: a picture is left out ({error!r})")
    return entries


def render(summaries: list[dict], scale: dict | None, gallery: list[dict]) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        percent=tables.percent,
        seconds=tables.seconds,
        ratio=tables.ratio,
        number=tables.number,
        wins=tables.wins,
        css=css_name,
        day=_day,
    )
    environment.globals["metrics"] = METRICS
    environment.globals["source"] = lambda name: (TEMPLATES / name).read_text(encoding="utf-8")
    colours: dict[str, tuple] = {}
    for summary in summaries:
        colours.update({item[0]: item for item in colour_keys(summary)})
    names = {key: codec["name"] for s in summaries for key, codec in s.get("codecs", {}).items()}
    return environment.get_template("report.html.j2").render(
        sets=[_set(summary) for summary in summaries],
        env=summaries[0]["env"],
        runs=tables.runs_of(summaries[0]),
        scale=_scale(scale, names),
        names=names,
        gallery_json=_json({"pictures": gallery, "names": names}),
        has_gallery=bool(gallery),
        css_colours=stylesheet(list(colours.values()), DARK),
    )


def _json(data) -> str:
    """JSON that may stand inside a <script> element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _day(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%-d %B %Y")


def _set(summary: dict) -> dict:
    """What the template needs of one set of pictures."""
    measured, published = measured_and_published(summary)
    ours = next((curve.key for curve in measured if curve.ours), None)
    test = ours or (measured[0].key if measured else None)
    pictures = summary.get("bd_pictures", {})
    return {
        "name": summary["dataset"],
        "n": len(summary["pictures"]),
        "summary": summary,
        "charts": [(words, chart) for metric, (words, _) in METRICS.items() if (chart := rd_chart(summary, metric))],
        "chips": [(c.key, c.name, c.published, not c.published or c.key in SHOWN_FIRST) for c in measured + published],
        "cards": [
            line for line in tables.bd_lines(summary, test) if line["anchor"] in CARDS and line["psnr_db"] is not None
        ]
        if test
        else [],
        "efficiency": efficiency_chart(summary),
        "test": test,
        "test_name": summary.get("codecs", {}).get(test, {}).get("name", ""),
        "bd": (lines := tables.bd_lines(summary, test) if test else []),
        "metrics": tables.taken(lines),
        "settings": tables.other_settings(summary),
        "bd_rest": _rest(summary, test),
        "bd_pictures": pictures,
        "bd_picture_keys": [key for key in tables.ORDER if any(key in row for row in pictures.values())],
        "speed": tables.speed_lines(summary),
        "lossless": summary.get("lossless", []),
        "embedding": summary.get("embedding"),
        "cost": summary.get("cost", []),
    }


def _rest(summary: dict, test: str | None) -> list[dict]:
    """BD-rates against the published curves that the first table leaves out."""
    if test is None:
        return []
    shown = {line["anchor"] for line in tables.bd_lines(summary, test)}
    rest = [line for line in tables.bd_lines(summary, test, featured_only=False) if line["anchor"] not in shown]
    return sorted(rest, key=lambda line: (line["psnr_db"] is None, line["psnr_db"]))


def _scale(scale: dict | None, names: dict[str, str]) -> dict | None:
    """Charts of seconds and memory over megapixels, and the table of cores."""
    if scale is None:
        return None
    rows = [row for row in scale["against_size"] if "error" not in row]
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    charts = []
    for field, words in (
        ("encode_s", "encode, seconds"),
        ("decode_s", "decode, seconds"),
        ("encode_peak_rss_mib", "peak memory of encode, MiB"),
        ("decode_peak_rss_mib", "peak memory of decode, MiB"),
    ):
        if not rows:
            break
        lines = []
        for key in sorted(codecs, key=lambda key: key == "ours"):
            group = [row for row in rows if row["codec"] == key]
            lines.append(
                svg.Line(
                    key,
                    names.get(key, key),
                    [r["megapixels"] for r in group],
                    [r[field] for r in group],
                    [f"{names.get(key, key)}, {r['megapixels']:g} megapixels: {r[field]:.3g}" for r in group],
                    width=2.8 if key == "ours" else 1.8,
                )
            )
        charts.append(
            (
                words,
                svg.chart(
                    lines,
                    svg.log_axis("megapixels", [row["megapixels"] for row in rows]),
                    svg.log_axis(words, [row[field] for row in rows]),
                    title=words,
                    height=320,
                ),
            )
        )
    cores: dict[str, dict[int, float]] = {}
    for row in scale["over_cores"]:
        cores.setdefault(row["codec"], {})[row["workers"]] = row["mpx_per_s"]
    workers = sorted({row["workers"] for row in scale["over_cores"]})
    return {
        "charts": charts,
        "cores": cores,
        "workers": workers,
        "errors": [row for row in scale["against_size"] if "error" in row],
        "keys": [(key, names.get(key, key), False, True) for key in codecs],
    }
