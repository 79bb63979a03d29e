"""Rows of the tables that the report and the README share, and how numbers are written."""

from __future__ import annotations

from ..measures.curves import METRICS, mean

ORDER = ("jpeg420", "jpeg444", "webp", "jpeg2000", "jpegxl", "avif", "avif-psnr", "avif-ssimulacra2", "heif")


def bd_lines(summary: dict, test: str, featured_only: bool = True) -> list[dict]:
    """One line per anchor with the set's BD-rates of ``test`` in every metric.

    {anchor, name, published, narrow, range, one of each of METRICS, mean_of_pictures,
    smaller, pictures}; BD-rates in %, None where the curves do not meet; ``smaller``,
    by metric: on how many of the pictures ours is the smaller file. Measured peers first,
    in ORDER, then published ones from strongest to weakest.
    """
    lines: dict[str, dict] = {}
    featured = set(summary.get("featured", []))
    for row in summary.get("bd_rate", []):
        if row["test"] != test or row["scope"] not in ("set", "mean of pictures"):
            continue
        published = row["anchor_kind"] == "published"
        if (published and featured_only and row["anchor"] not in featured) or row["anchor"].startswith("ours"):
            continue
        line = lines.setdefault(
            row["anchor"],
            {
                "anchor": row["anchor"],
                "name": _name(summary, row["anchor"]),
                "published": published,
                "narrow": False,
                "range": "",
                "mean_of_pictures": None,
                "smaller": {},
                "pictures": None,
                **dict.fromkeys(METRICS),
            },
        )
        if row["scope"] == "set":
            line[row["metric"]] = row["bd_rate_pct"]
            if row["metric"] == "psnr_db" and row["bd_rate_pct"] is not None:
                line["narrow"] = row["narrow"]
                line["range"] = f"{row['from_quality']:.1f} to {row['to_quality']:.1f} dB"
        else:
            line["smaller"][row["metric"]], line["pictures"] = row["smaller"], row["pictures"]
            if row["metric"] == "psnr_db":
                line["mean_of_pictures"] = row["bd_rate_pct"]

    def place(line):
        known = ORDER.index(line["anchor"]) if line["anchor"] in ORDER else len(ORDER)
        return (line["published"], known, -(line["psnr_db"] or 0))

    return sorted((line for line in lines.values() if any(line[m] is not None for m in METRICS)), key=place)


def taken(lines: list[dict]) -> list[str]:
    """The metrics that some of these lines have a BD-rate in."""
    return [metric for metric in METRICS if any(line[metric] is not None for line in lines)]


def wins(line: dict) -> str:
    """'24, 13, 5 of 24': on how many pictures our files are the smaller ones, by each metric that was taken."""
    return f"{', '.join(map(str, line['smaller'].values()))} of {line['pictures']}" if line["smaller"] else "–"


def other_settings(summary: dict) -> list[dict]:
    """Files of other models and tunes against the default's: {name, range, one of each of METRICS}, in %."""
    return [
        {
            "name": _name(summary, key),
            "range": next(
                f"{row['from_quality']:.1f} to {row['to_quality']:.1f} dB" for row in rows if row["metric"] == "psnr_db"
            ),
            **dict.fromkeys(METRICS),
            **{row["metric"]: row["bd_rate_pct"] for row in rows},
        }
        for key, codec in summary.get("codecs", {}).items()
        if codec["ours"] and key not in ("ours", "ours-embedded")
        if (rows := [r for r in summary["bd_rate"] if (r["test"], r["anchor"], r["scope"]) == (key, "ours", "set")])
        and any(row["metric"] == "psnr_db" and row["bd_rate_pct"] is not None for row in rows)
    ]


def _name(summary: dict, key: str) -> str:
    if key in summary.get("codecs", {}):
        return summary["codecs"][key]["name"]
    return next((c["name"] for c in summary.get("published", []) if c["key"] == key), key)


def speed_lines(summary: dict) -> list[dict]:
    """One line per measured codec: mean seconds, memory, and how our codec compares.

    encode_ratio = our seconds / theirs (above 1: ours is slower); None for our
    own rows and where ours was not measured.
    """
    lines = []
    cost = {row["codec"]: row for row in summary.get("cost", [])}
    for key, codec in summary.get("codecs", {}).items():
        if key == "ours-embedded":
            continue
        group = summary["lines"][key]
        lines.append(
            {
                "codec": key,
                "name": codec["name"],
                "ours": codec["ours"],
                "encode_s": mean(line["encode_s"] for line in group),
                "decode_s": mean(line["decode_s"] for line in group),
                "encode_mpx_per_s": mean(line["encode_mpx_per_s"] for line in group),
                "decode_mpx_per_s": mean(line["decode_mpx_per_s"] for line in group),
                "encode_peak_rss_mib": cost.get(key, {}).get("encode_peak_rss_mib"),
                "decode_peak_rss_mib": cost.get(key, {}).get("decode_peak_rss_mib"),
                "before_mib": cost.get(key, {}).get("before_mib"),
            }
        )
    ours = next((line for line in lines if line["ours"]), None)
    for line in lines:
        for part in ("encode", "decode"):
            line[f"{part}_ratio"] = None if ours is None or line["ours"] else ours[f"{part}_s"] / line[f"{part}_s"]
    return lines


def percent(value: float | None) -> str:
    """'-12.3 %' with a true minus sign; a dash for None."""
    return "–" if value is None else f"{value:+.1f}\N{NO-BREAK SPACE}%".replace("-", "−")


def seconds(value: float | None) -> str:
    """'3.1 ms', '240 ms', '1.32 s'."""
    if value is None:
        return "–"
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1e3:.0f} ms" if value >= 0.01 else f"{value * 1e3:.1f} ms"


def ratio(value: float | None) -> str:
    """'14 x', '2.3 x', '0.04 x': two digits are enough for a ratio of times."""
    if value is None:
        return "–"
    return f"{value:.0f} ×" if value >= 10 else f"{value:.1f} ×" if value >= 0.95 else f"{value:.2f} ×"


def number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def runs_of(summary: dict) -> list[tuple[list[str], dict]]:
    """The runs that a set's figures are from: names of their studies, and command, date, commit, model and cpu."""
    runs: list[tuple[list[str], dict]] = []
    for study, made in summary["made"].items():
        if found := next((studies for studies, other in runs if other == made), None):
            found.append(study)
        else:
            runs.append(([study], made))
    return runs
