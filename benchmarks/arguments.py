"""The command line of ``selfvae-codec bench``."""

from __future__ import annotations

import argparse
import os

from .codecs import keys

EPILOG = """examples:
  selfvae-codec bench kodak --anchors anchors --out results
  selfvae-codec bench kodak cid22 --anchors anchors     the whole report
  selfvae-codec bench my-photos --quick                 three minutes
  selfvae-codec bench kodak --only lossless             bits per sub-pixel
  selfvae-codec bench kodak --only report               the report again, from files
"""

STUDIES = ("rd", "cost", "lossless", "scale", "report")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="selfvae-codec bench",
        epilog=EPILOG,
        description="Measure this codec and its peers side by side on the pictures of DIR.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("dirs", nargs="+", metavar="DIR", help="folders of pictures, one set each")
    p.add_argument("-o", "--out", default="bench-results", help="where results go (%(default)s)")
    p.add_argument("--anchors", metavar="DIR", help="published curves (CompressAI JSON): DIR/<set> or DIR itself")
    p.add_argument(
        "--quick",
        action="store_true",
        help="4 pictures, 4 settings, one run each, no scale study: under 3 minutes",
    )
    p.add_argument(
        "--only",
        metavar="STUDIES",
        default=",".join(STUDIES),
        help=f"comma-separated among {', '.join(STUDIES)} (all)",
    )
    p.add_argument("--lossless", action="store_true", help="the same as --only lossless,report")
    p.add_argument(
        "--codecs",
        metavar="KEYS",
        help=f"comma-separated among {', '.join(keys('lossy') + keys('lossless'))} (all)",
    )
    p.add_argument("--pictures", type=int, metavar="N", help="at most N pictures of each set")
    p.add_argument("--settings", type=int, default=8, metavar="N", help="points per curve (%(default)s)")
    p.add_argument(
        "--repeats",
        type=int,
        default=3,
        metavar="N",
        help="timed runs per point, at most (%(default)s); the median counts",
    )
    p.add_argument(
        "--timed",
        type=int,
        default=6,
        metavar="N",
        help="pictures of each set that are timed (%(default)s); the rest is not",
    )
    p.add_argument(
        "--budget",
        type=float,
        default=0.2,
        metavar="S",
        help="no further run once S seconds went into a point (%(default)s)",
    )
    p.add_argument(
        "--threads",
        type=int,
        default=1,
        metavar="N",
        help="cores every codec is held to while it is timed (%(default)s)",
    )
    p.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes for the quality measures, which are not timed (%(default)s)",
    )
    p.add_argument(
        "--megapixels",
        default="0.1,0.4,1.5,6,24",
        metavar="LIST",
        help="sizes of the scale study (%(default)s)",
    )
    p.add_argument(
        "--timeout",
        type=float,
        default=300,
        metavar="S",
        help="of one encode or decode in the scale study (%(default)s)",
    )
    p.add_argument(
        "--page-mib",
        type=float,
        default=18,
        metavar="MIB",
        help="upper limit for the report's size (%(default)s)",
    )
    p.add_argument(
        "--api",
        default="selfvae_codec",
        metavar="MODULE",
        help="Python module with encode, decode, read_header (%(default)s)",
    )
    return p


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Arguments with ``studies`` (a set) and ``wanted`` (codec keys or None) worked out."""
    p = parser()
    args = p.parse_args(argv)
    only = "lossless,report" if args.lossless else args.only
    args.studies = set(only.split(","))
    if unknown := args.studies - set(STUDIES):
        p.error(f"--only: no study {', '.join(sorted(unknown))}; there are {', '.join(STUDIES)}")
    args.wanted = args.codecs.split(",") if args.codecs else None
    known = set(keys("lossy") + keys("lossless"))
    if args.wanted and (unknown := set(args.wanted) - known):
        p.error(f"--codecs: no codec {', '.join(sorted(unknown))}")
    args.megapixels = tuple(float(size) for size in args.megapixels.split(","))
    if args.quick:
        args.pictures = min(args.pictures or 4, 4)
        args.settings = min(args.settings, 4)
        args.repeats = 1
        args.timed = min(args.timed, 2)
        args.studies -= {"scale"}
    for name in ("settings", "repeats", "timed", "threads", "workers"):
        if getattr(args, name) < 1:
            p.error(f"--{name} must be 1 or more")
    return args
