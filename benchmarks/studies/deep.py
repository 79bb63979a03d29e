"""``python -m benchmarks.studies.deep``: lossless files of 16 bits, in bits per sub-pixel, beside other codecs'.

Pictures are halved in linear light, so that they have more than 8 bits: the mean of four pixels, in 16 bits. Every file
is decoded and compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np

import selfvae_codec
from selfvae_codec.coding.depth import to_8
from selfvae_codec.models.config import DEFAULT_EFFORT

from ..measures.environment import UNTIMED, environment
from ..pictures import read_folder
from ..results import write_json

GAMMA = 2.2
PEERS: dict[str, tuple[Callable, Callable]] = {
    "JPEG XL": (lambda x: imagecodecs.jpegxl_encode(x, lossless=True, effort=7), imagecodecs.jpegxl_decode),
    "JPEG 2000": (lambda x: imagecodecs.jpeg2k_encode(x, level=0, reversible=True), imagecodecs.jpeg2k_decode),
    "PNG": (lambda x: imagecodecs.png_encode(x, level=9), imagecodecs.png_decode),
}


def halved(x: np.ndarray) -> np.ndarray:
    """uint16 (H // 2, W // 2, 3) of uint8 (H, W, 3)."""
    height, width = (side // 2 for side in x.shape[:2])
    light = (x[: 2 * height, : 2 * width] / 255) ** GAMMA
    mean = light.reshape(height, 2, width, 2, 3).mean((1, 3))
    return np.round(65535 * mean ** (1 / GAMMA)).astype(np.uint16)


def measured(x: np.ndarray, effort: int) -> dict[str, float]:
    """Bits per sub-pixel by codec. x: uint16 (H, W, 3)."""
    data = selfvae_codec.encode(x, lossless=True, effort=effort)
    sizes = {"selfvae-codec": len(data), "bits beyond eight": selfvae_codec.read_header(data).levels[-1].length}
    files = {"selfvae-codec": (data, selfvae_codec.decode)}
    files |= {name: (encode(x), decode) for name, (encode, decode) in PEERS.items()}
    for name, (file, decode) in files.items():
        if not np.array_equal(decode(file), x):
            raise ValueError(f"{name} does not give back the picture")
        sizes[name] = len(file)
    if not np.array_equal(selfvae_codec.decode(data, dtype=np.uint8), to_8(x)):
        raise ValueError("8 bits are not the nearest")
    return {name: 8 * size / x.size for name, size in sizes.items()}


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.deep", description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path, help="test pictures")
    p.add_argument("--effort", type=int, default=DEFAULT_EFFORT, help="of the encoder (%(default)s)")
    p.add_argument("-o", "--out", type=Path, required=True)
    args = p.parse_args(argv)
    rows = {}
    for picture in read_folder(args.folder).pictures:
        rows[picture.name] = measured(halved(picture.pixels()), args.effort)
        print(picture.name, rows[picture.name], flush=True)
    mean = {name: float(np.mean([row[name] for row in rows.values()])) for name in next(iter(rows.values()))}
    said = environment(["python", "-m", "benchmarks.studies.deep", *argv], *UNTIMED)
    write_json(args.out, {"environment": said, "effort": args.effort, "mean_bpsp": mean, "bpsp": rows})


if __name__ == "__main__":
    main()
