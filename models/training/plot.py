"""``selfvae-codec train-plot``: the curves of one or more training logs as one picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ...errors import CodecError


def read_log(path: Path) -> tuple[list[dict], list[dict]]:
    """Progress lines of a log.jsonl and what it watched, in order. Raises CodecError if there is no progress."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    progress = [row for row in rows if "loss" in row]
    if not progress:
        raise CodecError(f"{path} holds no progress lines yet; a run writes one every half minute")
    return progress, [row for row in rows if row.get("event") == "watch"]


def draw_watched(axes, rows: list[dict], label: str) -> None:
    """Rate against time at each step that is watched, next to the PSNR that it buys at the end."""
    for name in (name for name in rows[-1] if name.startswith("t_")):
        key = "bpp" if "bpp" in rows[-1][name] else "bpsp"
        first, last = rows[0][name], rows[-1][name]
        change = [100 * (row[name][key] / first[key] - 1) for row in rows]
        psnr = f", {last['psnr_db'] - first['psnr_db']:+.2f} dB" if "psnr_db" in last else ""
        axes.plot(
            [row["hours"] for row in rows], change, marker=".", label=f"{label}, {name}: {last[key]:.3f} {key}{psnr}"
        )


def smooth(values: list[float], width: int = 9) -> list[float]:
    """Running median: single batches are noisy."""
    half = width // 2
    windows = (sorted(values[max(0, i - half) : i + half + 1]) for i in range(len(values)))
    return [w[len(w) // 2] for w in windows]


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(prog="selfvae-codec train-plot", description=__doc__.split("\n")[0])
    p.add_argument("runs", type=Path, nargs="+", help="run folders, or log files")
    p.add_argument("-o", "--out", type=Path, required=True, help="picture to write: .svg or .png")
    args = p.parse_args(argv)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right, watched) = pyplot.subplots(1, 3, figsize=(16, 4), constrained_layout=True)
    for run in args.runs:
        rows, watch = read_log(run / "log.jsonl" if run.is_dir() else run)
        label = run.stem
        hours = [row["hours"] for row in rows]
        left.plot(hours, smooth([row["loss"] for row in rows]), label=label)
        ranges = [key for key in rows[-1] if isinstance(rows[-1][key], dict) and "bpp" in rows[-1][key]]
        for name in ranges:
            if name != "nothing_read":
                points = [(row["hours"], row[name]["bpp"]) for row in rows if name in row]
                right.plot(*zip(*points), alpha=0.25, color="grey", linewidth=0.7)
                right.plot([h for h, _ in points], smooth([b for _, b in points]), label=f"{label}, {name}")
        if watch:
            draw_watched(watched, watch, label)
    left.set(xlabel="hours", ylabel="loss (weighted bits + distortion)", title="training loss")
    right.set(xlabel="hours", ylabel="bits per pixel of one plane", yscale="log", title="rate by range of the step")
    watched.set(xlabel="hours", ylabel="% of rate since the start", title="pictures that are watched")
    for axes in (left, right, watched):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out)


if __name__ == "__main__":
    main()
