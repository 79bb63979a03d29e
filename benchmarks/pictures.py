"""The pictures of a folder, as (H, W, 3) uint8 sRGB arrays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .progress import say

SUFFIXES = {".png", ".webp", ".ppm", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".avif"}


@dataclass(frozen=True)
class Picture:
    name: str  # file name, without its ending where no other picture has the same
    path: Path

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8. Raises OSError where Pillow cannot read the file."""
        with Image.open(self.path) as image:
            return np.array(image.convert("RGB"))


@dataclass(frozen=True)
class Dataset:
    name: str  # the folder's name
    folder: Path
    pictures: tuple[Picture, ...]

    def spread(self, n: int | None) -> Dataset:
        """``n`` pictures, evenly spread over the sorted names (all if None or too few)."""
        if n is None or n >= len(self.pictures):
            return self
        picks = np.linspace(0, len(self.pictures) - 1, max(n, 1)).round().astype(int)
        return Dataset(self.name, self.folder, tuple(self.pictures[i] for i in picks))


def read_folder(folder: str | Path) -> Dataset:
    """Every picture directly in ``folder``, sorted by name; those that cannot be read are named and left out.

    Raises FileNotFoundError if there is no such folder or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no pictures in {folder} (looked for {', '.join(sorted(SUFFIXES))})")
    shared = Counter(path.stem for path in files)
    pictures = [Picture(path.stem if shared[path.stem] == 1 else path.name, path) for path in files]
    sound = tuple(picture for picture in pictures if _is_sound(picture))
    if not sound:
        raise FileNotFoundError(f"no picture in {folder} can be read")
    return Dataset(folder.resolve().name, folder, sound)


def _is_sound(picture: Picture) -> bool:
    try:
        picture.pixels()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        say(f"left out: {picture.path} ({error})")
        return False
    return True


def mirrored(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A (height, width, 3) picture made by mirroring ``pixels`` at its borders, again and again.

    Large pictures for the scale study: real texture, no seams, any size.
    """
    H, W = pixels.shape[:2]
    rows = np.arange(height) % (2 * H)
    cols = np.arange(width) % (2 * W)
    rows = np.where(rows < H, rows, 2 * H - 1 - rows)
    cols = np.where(cols < W, cols, 2 * W - 1 - cols)
    return np.ascontiguousarray(pixels[rows][:, cols])
