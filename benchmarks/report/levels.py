"""The README's first picture and table: one file, stopped after each of its levels, beside a WebP of as many bytes.

python -m benchmarks.report.levels [PICTURE] -o docs/levels.jpg [--into README.md]

Without PICTURE, the photograph that the demo takes.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import selfvae_codec
from selfvae_codec.app.demo import find_picture
from selfvae_codec.errors import CodecError
from selfvae_codec.pictures import imaging
from selfvae_codec.pictures.psnr import psnr_db

from .. import markdown
from ..measures.environment import UNTIMED, environment

QUALITY = 75
TILE, CAPTION, GAP = (300, 240), 26, 8
MARKER = "levels"


def smallest_webp(picture: Image.Image, most: int) -> np.ndarray | None:
    """What the best WebP of at most so many bytes shows; None where even its lowest quality takes more."""
    best = None
    for quality in range(101):
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=6)
        if len(buffer.getvalue()) <= most:
            best = buffer
    return None if best is None else np.array(Image.open(best).convert("RGB"))


def measure(picture: Image.Image, data: bytes) -> tuple[list[Image.Image], list[list[str]]]:
    """A tile and a row of the table for each level."""
    x, header = np.array(picture), selfvae_codec.read_header(data)
    left, top = ((side - tile) // 2 for side, tile in zip(picture.size, TILE))
    tiles, rows = [], []
    for level in header.levels:
        y = selfvae_codec.decode(data, level.index)
        webp = smallest_webp(picture, level.end)
        rows.append(
            [
                str(level.index),
                f"{level.end:,}",
                f"{100 * level.end / header.file_bytes:.1f} %",
                f"{psnr_db(y, x):.1f} dB",
                "cannot be so small" if webp is None else f"{psnr_db(webp, x):.1f} dB",
            ]
        )
        shown = Image.fromarray(y).crop((left, top, left + TILE[0], top + TILE[1]))
        tiles.append(captioned(shown, f"level {level.index}: {level.end:,} bytes"))
    return tiles, rows


def captioned(tile: Image.Image, words: str) -> Image.Image:
    whole = Image.new("RGB", (TILE[0], TILE[1] + CAPTION), "white")
    whole.paste(tile)
    font = ImageFont.load_default(15)
    ImageDraw.Draw(whole).text((TILE[0] / 2, TILE[1] + CAPTION / 2), words, "black", font, anchor="mm")
    return whole


def side_by_side(tiles: list[Image.Image]) -> Image.Image:
    width = len(tiles) * (TILE[0] + GAP) - GAP
    whole = Image.new("RGB", (width, tiles[0].height), "white")
    for index, tile in enumerate(tiles):
        whole.paste(tile, (index * (TILE[0] + GAP), 0))
    return whole


def main(argv: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.report.levels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("picture", nargs="?", type=Path, help="of at least 300 x 240 pixels")
    p.add_argument("-o", "--output", type=Path, required=True, help="the tiles side by side")
    p.add_argument("--into", metavar="FILE", type=Path, help="replace what is between the markers of FILE")
    args = p.parse_args(argv)
    try:
        path = args.picture or find_picture()
        picture = Image.fromarray(imaging.from_bytes(path.read_bytes()).rgb)
        data = selfvae_codec.encode(picture, quality=QUALITY)
        tiles, rows = measure(picture, data)
        side_by_side(tiles).save(args.output, quality=90)
        command = ["python", "-m", "benchmarks.report.levels", *(argv if argv is not None else sys.argv[1:])]
        made = environment(command, *UNTIMED)
        width, height = picture.size
        head = ["stop after level", "bytes", "of the file", "PSNR", "a WebP of as many bytes"]
        note = (
            f"`{path.name}`, {width}x{height}, quality {QUALITY}: made by `{made['command']}` on {made['date'][:10]}, "
            f"model {selfvae_codec.read_header(data).model_id.hex()}, Pillow {made['versions']['pillow']}, "
            f"{made['machine']['cpu']}."
        )
        markdown.deliver(f"{markdown.table(head, rows)}\n\n{note}", args.into, MARKER)
    except (CodecError, OSError, ValueError) as error:
        print(f"levels: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
