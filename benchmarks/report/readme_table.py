"""The README's tables in Markdown, so that no figure is typed by hand.

python -m benchmarks.report.readme_table RESULTS --set kodak [--into README.md]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import markdown
from ..measures.curves import METRICS
from ..results import read_summaries
from .tables import bd_lines, number, other_settings, percent, ratio, runs_of, seconds, speed_lines, taken, wins

# published curves that the README quotes; the report has them all
PUBLISHED = ("bpg_444_x265_ycbcr", "vtm", "compressai-bmshj2018-hyperprior_mse_cpu", "DPICT_kodak_PSNR")
MARKER = "bench"


def tables(summary: dict) -> str:
    """BD-rate and speed of our codec against peers, our other settings, lossless bits, the price of embedding."""
    parts = [_bd(summary), _settings(summary), _speed(summary), _lossless(summary), _price(summary), _made(summary)]
    return "\n\n".join(part for part in parts if part)


def _bd(summary: dict) -> str:
    lines = [
        line
        for line in bd_lines(summary, "ours")
        if not line["published"] or line["anchor"].rsplit("/", 1)[-1] in PUBLISHED
    ]
    if not lines:
        return ""
    tuned = {line["anchor"]: line for line in bd_lines(summary, "ours-psnr")}
    metrics = taken(lines)
    rows = [
        [
            f"{line['name']}{' (published)' if line['published'] else ''}",
            *(percent(line[metric]) for metric in metrics),
            *([percent(tuned[line["anchor"]]["psnr_db"])] if tuned else []),
            wins(line),
            line["range"],
        ]
        for line in lines
    ]
    words = {metric: METRICS[metric][0] for metric in metrics}
    psnr = ["PSNR-RGB, --tune psnr"] if tuned else []
    part = (
        ""
        if len(summary["pictures"]) == summary["pictures_in_set"]
        else (f" of {summary['pictures_in_set']}, while published curves are of all")
    )
    return (
        f"**BD-rate on {summary['dataset']}** ({len(summary['pictures'])} pictures{part}; "
        "negative: our files are smaller at equal quality)\n\n"
        + markdown.table(["against", *words.values(), *psnr, "ours smaller on, by each", "over (PSNR)"], rows)
    )


def _settings(summary: dict) -> str:
    return "\n\n".join(
        f"**{line['name']}**: BD-rate against the default {percent(line['psnr_db'])} in PSNR ({line['range']})"
        + "".join(f", {percent(line[m])} in {METRICS[m][0]}" for m in taken([line]) if m != "psnr_db")
        + "."
        for line in other_settings(summary)
    )


def _speed(summary: dict) -> str:
    lines = speed_lines(summary)
    if not lines:
        return ""
    rows = [
        [
            line["name"],
            seconds(line["encode_s"]),
            seconds(line["decode_s"]),
            ratio(line["encode_ratio"]),
            ratio(line["decode_ratio"]),
            number(line["encode_peak_rss_mib"], 0),
            number(line["decode_peak_rss_mib"], 0),
        ]
        for line in lines
    ]
    threads = summary["env"]["timing"]["threads"]
    return (
        f"**Time per picture** (mean over pictures and settings, {threads} "
        f"core{'s' if threads > 1 else ''} each, peak memory in MiB)\n\n"
        + markdown.table(
            [
                "codec",
                "encode",
                "decode",
                "our encode takes",
                "our decode takes",
                "memory, encode",
                "memory, decode",
            ],
            rows,
        )
    )


def _lossless(summary: dict) -> str:
    lines = summary.get("lossless")
    if not lines:
        return ""
    rows = [
        [
            f"**{line['name']}**" if line["ours"] else line["name"],
            f"{line['bpsp']:.3f}",
            seconds(line["encode_s"]),
            seconds(line["decode_s"]),
        ]
        for line in lines
    ]
    return "**Lossless** (bits per sub-pixel, mean over pictures)\n\n" + markdown.table(
        ["codec", "bpsp", "encode", "decode"], rows
    )


def _price(summary: dict) -> str:
    embedding = summary.get("embedding")
    if not embedding:
        return ""
    psnr = next((row for row in embedding["bd_rate"] if row["metric"] == "psnr_db"), None)
    return (
        "**Price of embedding**: one file with all levels against one file per quality: "
        f"{percent(psnr['bd_rate_pct'])} BD-rate (PSNR, {psnr['from_quality']:.1f} to "
        f"{psnr['to_quality']:.1f} dB)."
        if psnr and psnr["bd_rate_pct"] is not None
        else ""
    )


def _made(summary: dict) -> str:
    lines = [
        f"{', '.join(studies)} by `{made['command']}` on {made['date'][:10]}, commit {made['git_commit']}, "
        f"model {made['model_id']}, {made['cpu']}."
        for studies, made in runs_of(summary)
    ]
    return f"Made: {' '.join(lines)} BD-rate: {summary.get('bd_method', '')}."


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.report.readme_table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("results", help="the folder given to bench as --out")
    p.add_argument("--set", dest="dataset", help="which set of pictures (all)")
    p.add_argument("--into", metavar="FILE", type=Path, help="replace what is between the markers of FILE")
    args = p.parse_args(argv)
    try:
        found = [s for s in read_summaries(args.results) if args.dataset in (None, s["dataset"])]
        if not found:
            raise FileNotFoundError(f"no set {args.dataset} in {args.results}")
        text = "\n\n".join(tables(summary) for summary in found)
        markdown.deliver(text, args.into, MARKER)
    except (FileNotFoundError, ValueError) as error:
        print(f"readme_table: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
