"""``python -m benchmarks.studies.density.table RESULTS [--into FILE]``: the experiments in Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from ... import markdown
from .models import PUBLISHED
from .page import read_rows
from .small_pictures import TITLES

MARKER = "density"


def tables(sets: dict[str, list[dict]]) -> str:
    """Likelihoods, modes and super-resolution of every set."""
    return (
        "\n\n".join(part for name, rows in sets.items() for part in _set(TITLES[name], rows))
        + "\n\n"
        + _made([row for rows in sets.values() for row in rows])
    )


def _set(title: str, rows: list[dict]) -> list[str]:
    data = rows[0]["set"]
    parts = [
        f"**{title}**: {data['source']}, {data['train']} pictures for training, {data['test']} for testing. "
        "Minutes of training are of one thread, of everything at once and, where there are more, of larger pixel "
        "networks alone. Bits per dimension.",
        markdown.table(
            [
                "model",
                "minutes",
                "steps",
                "weights",
                "bound",
                *("u and y", "z", "x"),
                "bound, coded",
                "coded",
                "over it",
            ],
            [_likelihood(row) for row in rows],
        ),
        markdown.table(
            ["model, mode", "given", "bits/dim sent", "PSNR, drawn", "PSNR, expected"],
            [line for row in rows for line in _modes(row)],
        ),
    ]
    for row in rows:
        if resolved := row["super_resolution_psnr_db"]:
            values = ", ".join(f"{method} {_db(value)}" for method, value in resolved.items())
            parts.append(f"From the exact 1/4 downscale, {row['name']}: {values}.")
    return parts


def _minutes(budget: dict) -> str:
    stages = (budget["minutes"], budget.get("pixel_minutes", 0))
    return " + ".join(f"{minutes * budget['workers']:g}" for minutes in stages if minutes)


def _likelihood(row: dict) -> list[str]:
    by = row["bound_by_variable"]
    values = (row["bound_bits_per_dim"], by["u"] + by["y"], by["z1"] + by["z2"], by["x"])
    coded = (row["bound_bits_per_dim_of_coded"], row["stream_bits_per_dim"])
    return [
        row["name"],
        _minutes(row["budget"]),
        f"{row['training_steps']:,}",
        f"{row['parameters']:,}",
        *(f"{value:.3f}" for value in (*values, *coded)),
        f"{row['stream_over_bound_pct']:+.1f} %",
    ]


def _modes(row: dict) -> list[list[str]]:
    return [
        [
            f"{row['name']}, {mode['mode']}",
            mode["given"],
            f"{mode['bits_per_dim']:.3f}",
            _db(mode["psnr_db_drawn"]),
            _db(mode["psnr_db_expected"]),
        ]
        for mode in row["modes"]
    ]


def _db(value: float | None) -> str:
    return "exact" if value is None else f"{value:.2f} dB"


def _all(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))


def _made(rows: list[dict]) -> str:
    """How the figures were made, where and when. Commands differ in their sets and models alone."""
    environments = [row["environment"] for row in rows]
    dates = sorted(env["date"][:10] for env in environments)
    commits = _all(env["git_commit"] for env in environments)
    machines = _all(env["machine"]["cpu"] for env in environments)
    torches = _all(env["versions"]["torch"] for env in environments)
    published = ", ".join(f"{name} {value:.2f}" for name, value in PUBLISHED.items())
    return (
        f"Made by `python -m benchmarks.studies.density` from {dates[0]} to {dates[-1]}, commits {commits}, "
        f"{machines}, torch {torches}. Published on CIFAR-10 (Gatopoulos & Tomczak 2020; "
        f"2,000 epochs on a GPU): {published}."
    )


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.density.table", description=__doc__)
    p.add_argument("results", type=Path, help="the folder given to density as --out")
    p.add_argument("--into", metavar="FILE", type=Path, help="replace what is between the markers of FILE")
    args = p.parse_args(argv)
    try:
        markdown.deliver(tables(read_rows(args.results)), args.into, MARKER)
    except (FileNotFoundError, ValueError) as error:
        print(f"density_table: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
