"""Photographs that something is fitted to: which of some folders, and which part of each."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from ..pictures import Picture, read_folder
from ..progress import say

LARGEST = 768, 512  # of what is looked at, the longer side first


def parser(study: str, description: str) -> argparse.ArgumentParser:
    """Of a study that fits something to photographs."""
    p = argparse.ArgumentParser(prog=f"python -m benchmarks.studies.{study}", description=description)
    p.add_argument("folders", type=Path, nargs="+", help="photographs, none of which is a test picture")
    p.add_argument("--pictures", type=int, default=64, help="of each folder (%(default)s)")
    p.add_argument("--smallest", type=int, default=340, help="side of a photograph that is taken (%(default)s)")
    p.add_argument("--processes", type=int, default=2)
    p.add_argument("-o", "--out", type=Path, required=True)
    return p


def smallest_side(picture: Picture) -> int:
    with Image.open(picture.path) as image:  # whose pixels nobody decodes
        return min(image.size)


def some_of(folders: list[Path], count: int, smallest: int) -> list[Picture]:
    """As many of each folder, of those that are large enough, evenly."""
    chosen = []
    for folder in folders:
        large = [v for v in read_folder(folder).pictures if smallest_side(v) >= smallest]
        picks = np.linspace(0, len(large) - 1, min(count, len(large))).round().astype(int)
        chosen += [large[k] for k in picks]
    say(f"{len(chosen)} pictures")
    return chosen


def middle(x: np.ndarray) -> np.ndarray:
    height, width = LARGEST if len(x) > x.shape[1] else LARGEST[::-1]
    top, left = max(0, len(x) - height) // 16 * 8, max(0, x.shape[1] - width) // 16 * 8
    return np.ascontiguousarray(x[top : top + height, left : left + width])
