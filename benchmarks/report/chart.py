"""The README's chart: ``python -m benchmarks.report.chart RESULTS --set kodak -o docs/rd.svg``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..measures.curves import METRICS
from ..results import read_summaries
from .rd_charts import standalone


def main(argv: list[str] | None = None) -> int:
    """Write one SVG from a result folder; 1 where the folder has no such set or metric."""
    p = argparse.ArgumentParser(prog="python -m benchmarks.report.chart", description=__doc__)
    p.add_argument("results", help="the folder given to bench as --out")
    p.add_argument("--set", dest="dataset", help="which set of pictures (the first)")
    p.add_argument("--metric", choices=list(METRICS), default="psnr_db")
    p.add_argument("--codecs", metavar="KEYS", help="measured curves to show, by their keys (all but a few)")
    p.add_argument("-o", "--out", default="rd.svg")
    args = p.parse_args(argv)
    try:
        found = [s for s in read_summaries(args.results) if args.dataset in (None, s["dataset"])]
    except FileNotFoundError as error:
        print(f"chart: {error}", file=sys.stderr)
        return 1
    codecs = tuple(args.codecs.split(",")) if args.codecs else ()
    text = standalone(found[0], args.metric, codecs=codecs) if found else None
    if text is None:
        print(f"chart: no {args.metric} curves of {args.dataset} in {args.results}", file=sys.stderr)
        return 1
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
