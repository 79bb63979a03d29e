"""Rate-distortion charts of one set, from its summary; used by the report and the README."""

from __future__ import annotations

from ..measures.curves import METRICS, Curve
from . import svg
from .palette import stylesheet

SHOWN_FIRST = ("vtm", "bpg_444_x265_ycbcr")  # published curves that charts show without being asked


def measured_and_published(summary: dict) -> tuple[list[Curve], list[Curve]]:
    """Curves of the set: what was run here, and the featured published ones."""
    measured = [Curve(**curve) for curve in summary.get("measured", [])]
    published = {curve["key"]: Curve(**curve) for curve in summary.get("published", [])}
    return measured, [published[key] for key in summary.get("featured", [])]


def colour_keys(summary: dict) -> list[tuple[str, int, bool]]:
    """(key, index, published) of every curve in the charts, for palette.stylesheet."""
    measured, published = measured_and_published(summary)
    return [(curve.key, 0, False) for curve in measured] + [(curve.key, i, True) for i, curve in enumerate(published)]


def rd_chart(summary: dict, metric: str, **options) -> str | None:
    """The chart of one metric over bpp (log axis); None where nothing has that metric."""
    measured, published = measured_and_published(summary)
    curves = [curve for curve in measured if len(curve.metric(metric)[0]) > 1]
    if not curves:
        return None
    words, unit = METRICS[metric]
    only = options.pop("only_published", None)
    lines = []
    for index, curve in enumerate(published):
        rates, values = curve.metric(metric)
        if len(rates) > 1 and (only is None or curve.key in only):
            lines.append(
                svg.Line(
                    curve.key,
                    curve.name,
                    rates,
                    values,
                    [""] * len(rates),
                    dash=svg.dash(index),
                    width=1.6,
                    marker="",
                    hidden=only is None and curve.key not in SHOWN_FIRST,
                )
            )
    for curve in sorted(curves, key=lambda curve: curve.ours):  # ours drawn last, on top
        rates, values = curve.metric(metric)
        notes = [
            f"{curve.name}, {label}: {rate:.3f} bpp, {value:.2f} {unit}".strip()
            for rate, value, label in zip(curve.bpp, getattr(curve, metric), curve.labels, strict=True)
            if value is not None
        ]
        lines.append(
            svg.Line(
                curve.key,
                curve.name,
                rates,
                values,
                notes,
                width=2.8 if curve.ours else 1.8,
                marker="square" if curve.key == "ours-embedded" else "circle",
            )
        )
    rates = [rate for curve in curves for rate in curve.metric(metric)[0]]
    values = [value for curve in curves for value in curve.metric(metric)[1]]
    if metric == "ssimulacra2":  # far below zero the score only says "broken"
        values = [max(value, -10) for value in values]
    return svg.chart(
        lines,
        svg.log_axis("bits per pixel", rates),
        svg.linear_axis(f"{words}{', ' + unit if unit else ''}", values),
        title=f"{words} over bits per pixel, {summary['dataset']}",
        **options,
    )


def standalone(
    summary: dict,
    metric: str = "psnr_db",
    published=SHOWN_FIRST,
    codecs: tuple[str, ...] = (),
    left_out=("jpeg444", "heif", "ours-psnr", "ours-edge"),
) -> str | None:
    """An SVG file of its own: colours inside, names at the curves' ends, a few curves only.

    codecs: keys of the measured curves; without any, all but those that are left out.
    """
    summary = {
        **summary,
        "measured": [c for c in summary["measured"] if (c["key"] in codecs if codecs else c["key"] not in left_out)],
        "published": [{**c, "name": f"{c['name']}, published"} for c in summary["published"]],
    }
    style = svg.STANDALONE_CSS + stylesheet(colour_keys(summary))
    return rd_chart(summary, metric, only_published=published, width=860, height=480, end_labels=True, style=style)


def efficiency_chart(summary: dict, anchor: str = "jpeg420") -> str | None:
    """BD-rate (PSNR) against ``anchor`` over encode + decode time: lower left is better."""
    lines = []
    for row in summary.get("bd_rate", []):
        if (
            (row["scope"], row["metric"], row["anchor"]) != ("set", "psnr_db", anchor)
            or row["bd_rate_pct"] is None
            or row["test"] == "ours-embedded"
        ):
            continue
        group = summary["lines"][row["test"]]
        seconds = sum(line["encode_s"] + line["decode_s"] for line in group) / len(group)
        words = summary["codecs"][row["test"]]["name"]
        lines.append(
            svg.Line(
                row["test"],
                words,
                [seconds],
                [row["bd_rate_pct"]],
                [f"{words}: {row['bd_rate_pct']:+.1f} %, {seconds:.3g} s"],
                width=5,
            )
        )
    if anchor in summary.get("codecs", {}):
        group = summary["lines"][anchor]
        seconds = sum(line["encode_s"] + line["decode_s"] for line in group) / len(group)
        lines.append(svg.Line(anchor, summary["codecs"][anchor]["name"], [seconds], [0.0], [""], width=5))
    if len(lines) < 3:
        return None
    name = summary["codecs"][anchor]["name"]
    return svg.chart(
        lines,
        svg.log_axis("encode + decode, seconds per picture", [line.xs[0] for line in lines], margin=1.7),
        svg.linear_axis(f"BD-rate against {name}, %", [line.ys[0] for line in lines]),
        title=f"BD-rate against {name} over time, {summary['dataset']}",
        point_labels=True,
    )
