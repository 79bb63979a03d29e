"""``python -m benchmarks.studies.target``: how near ``encode --target-ssimulacra2`` comes to the score asked for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import selfvae_codec
from selfvae_codec.pictures import ssimulacra2

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.target", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures")
    p.add_argument("--pictures", type=int, default=20, help="the first N (%(default)s)")
    p.add_argument("--scores", type=float, nargs="+", default=[70], help="asked for (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    rows = []
    for picture in read_folder(args.folder).pictures[: args.pictures]:
        x = picture.pixels()
        reference = ssimulacra2.reference(x)
        for asked in args.scores:
            data = selfvae_codec.encode(x, target_ssimulacra2=asked)
            score = ssimulacra2.score(reference, selfvae_codec.decode(data))
            rows.append(
                {"picture": picture.name, "asked": asked, "score": score, "bpp": 8 * len(data) / x[..., 0].size}
            )
            print(rows[-1], flush=True)
    command = ["python", "-m", "benchmarks.studies.target", *argv]
    furthest = max(abs(row["score"] - row["asked"]) for row in rows)
    write_json(args.out, {"environment": environment(command, *UNTIMED), "furthest": furthest, "rows": rows})


if __name__ == "__main__":
    main()
