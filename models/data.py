"""Training pictures: decoded once into one memory-mapped file, then cropped at random."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..errors import CodecError
from .config import T_LOSSLESS
from .selfvae import SelfVAE, decoded

SUFFIXES = {".png", ".webp", ".avif", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


def picture_files(folders: list[Path]) -> list[Path]:
    """Every picture below the folders, sorted. Raises FileNotFoundError when there is none."""
    files = sorted(f for folder in folders for f in Path(folder).rglob("*") if f.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no pictures below {', '.join(map(str, folders))}")
    return files


def _load(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def build_cache(folders: list[Path], cache: Path) -> None:
    """Decode all pictures into ``cache/pixels.u8`` and list their places in ``cache/index.json``."""
    cache.mkdir(parents=True, exist_ok=True)
    files = picture_files(folders)
    index, offset = [], 0
    with open(cache / "pixels.u8", "wb") as out, ProcessPoolExecutor() as pool:
        for file, pixels in zip(files, pool.map(_load, files, chunksize=16)):
            index.append([offset, *pixels.shape[:2], file.name])
            out.write(pixels.tobytes())
            offset += pixels.size
    (cache / "index.json").write_text(json.dumps({"files": list(map(str, files)), "pictures": index}))


def decode_cache(model: SelfVAE, cache: Path, out: Path) -> None:
    """Write what lossless files hold of every cached picture before its pixels, x_hat, laid out as the cache is."""
    listing = json.loads((cache / "index.json").read_text())
    pixels = np.memmap(cache / "pixels.u8", dtype=np.uint8, mode="r")
    partial, pad, device = out.with_suffix(".partial"), model.config.pad, model.centroids.device
    model.eval()  # the latents are those of a file, not noisy
    with open(partial, "wb") as file:
        for offset, h, w, _ in listing["pictures"]:
            x = pixels[offset : offset + h * w * 3].reshape(h, w, 3)
            x = np.pad(x, ((0, -h % pad), (0, -w % pad), (0, 0)), mode="edge").transpose(2, 0, 1)
            x_hat = decoded(model, torch.from_numpy(x[None]).to(device).float(), torch.tensor([T_LOSSLESS]))
            file.write(x_hat[0, :, :h, :w].permute(1, 2, 0).byte().numpy(force=True).tobytes())
    model.train()
    os.replace(partial, out)


class Crops:
    """An endless stream of random crops, flipped and transposed at random, drawn in proportion to area.

    Iterating yields uint8 arrays (batch, 3, size, size), or (batch, 6, size, size) with ``decoded``, a file of
    ``decode_cache``: the exact pixels, then what the latents say of them. Corners then have even coordinates, as the
    passes over pixels have. With ``upright`` none is transposed. Pictures smaller than ``size`` are left out.
    """

    def __init__(
        self, cache: Path, size: int, batch: int, seed: int, decoded: Path | None = None, *, upright: bool = False
    ):
        listing = json.loads((cache / "index.json").read_text())
        files = [cache / "pixels.u8"] + ([decoded] if decoded else [])
        self.layers = [np.memmap(file, dtype=np.uint8, mode="r") for file in files]
        self.grid = 2 if decoded else 1
        self.pictures = [p for p in listing["pictures"] if min(p[1], p[2]) >= size]
        if not self.pictures:
            raise CodecError(f"no training picture has both sides of at least {size} pixels")
        area = np.array([(h - size + 1) * (w - size + 1) for _, h, w, _ in self.pictures], dtype=np.float64)
        self.weights = area / area.sum()
        self.size, self.batch, self.upright = size, batch, upright
        self.rng = np.random.default_rng(seed)

    def __iter__(self):
        return self

    def __next__(self) -> np.ndarray:
        s = self.size
        out = np.empty((self.batch, 3 * len(self.layers), s, s), np.uint8)
        for i, p in enumerate(self.rng.choice(len(self.pictures), self.batch, p=self.weights)):
            offset, h, w, _ = self.pictures[p]
            top, left = (self.rng.integers(side - s + 1) // self.grid * self.grid for side in (h, w))
            pictures = (layer[offset : offset + h * w * 3].reshape(h, w, 3) for layer in self.layers)
            crop = np.concatenate([p[top : top + s, left : left + s] for p in pictures], -1).transpose(2, 0, 1)
            if self.rng.random() < 0.5:
                crop = crop[:, :, ::-1]
            if not self.upright and self.rng.random() < 0.25:
                crop = crop.transpose(0, 2, 1)
            out[i] = crop
        return out
