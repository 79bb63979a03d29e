"""``python -m benchmarks.assemble``: a set's curves, BD-rates and summary anew, from the codecs' own files.

After a run of some codecs alone: what the others measured before stays beside it, each file with its machine and date.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .codecs import available
from .pictures import read_folder
from .results import read_summaries, write_json
from .run import rate_distortion


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(prog="python -m benchmarks.assemble", description=__doc__.split("\n")[0])
    p.add_argument("results", type=Path, help="folder that the benchmark wrote")
    p.add_argument("pictures", type=Path, help="the set's pictures")
    p.add_argument("--anchors", metavar="DIR", help="published curves, as for the benchmark")
    args = p.parse_args(argv)
    dataset = read_folder(args.pictures)
    folder = args.results / dataset.name
    codecs, rows = {}, []
    for key, codec in available("lossy")[0].items():
        path = folder / f"{key}.json"
        if path.exists():
            codecs[key] = codec
            rows += [row | {"codec": key} for row in json.loads(path.read_text())["per_image"]]
    summary = next(s for s in read_summaries(args.results) if s["dataset"] == dataset.name)
    summary.pop("embedding", None)  # made again where its curves are there
    summary |= rate_distortion(dataset, rows, codecs, args.anchors, folder)
    write_json(folder / "summary.json", summary)


if __name__ == "__main__":
    main()
