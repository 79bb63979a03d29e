"""Training pictures: decoded once into one memory-mapped file, then cropped at random."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import CodecError
from ..networks.selfvae import SelfVAE, decoded

_MODES = ("1", "L", "P", "RGB", "RGBX", "LA", "PA", "RGBA")
SUFFIXES = {".png", ".webp", ".avif", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


def picture_files(folders: list[Path]) -> list[Path]:
    """Every picture below the folders, sorted. Raises FileNotFoundError when there is none."""
    files = sorted(f for folder in folders for f in Path(folder).rglob("*") if f.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"no pictures below {', '.join(map(str, folders))}")
    return files


def _load(file: Path) -> np.ndarray | str:
    """Pixels, uint8 (H, W, 3), or why there are none: one odd file among thousands does not end a run."""
    try:
        with Image.open(file) as image:
            if image.mode.startswith("I;16"):  # to Pillow, all of it above 255 is white
                grey = ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)
                return np.repeat(grey[:, :, None], 3, axis=2)
            if image.mode not in _MODES:
                return f"has mode {image.mode}, which is not 8-bit RGB or grey"
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # readers raise whatever a damaged file brings about
        return str(error)


def build_cache(folders: list[Path], cache: Path) -> None:
    """Decode all pictures into ``cache/pixels.u8`` and list their places in ``cache/index.json``.

    Files that cannot be read as 8-bit pictures are named on standard error and left out. Raises CodecError if all are.
    """
    cache.mkdir(parents=True, exist_ok=True)
    files = picture_files(folders)
    index, offset = [], 0
    with open(cache / "pixels.u8", "wb") as out, ProcessPoolExecutor() as pool:
        for file, pixels in zip(files, pool.map(_load, files, chunksize=16)):
            if isinstance(pixels, str):
                print(f"left out {file}: {pixels}", file=sys.stderr, flush=True)
                continue
            index.append([offset, *pixels.shape[:2], file.name])
            out.write(pixels.tobytes())
            offset += pixels.size
    if not index:
        raise CodecError(f"none of the {len(files)} files below {', '.join(map(str, folders))} could be read")
    (cache / "index.json").write_text(json.dumps({"files": list(map(str, files)), "pictures": index}))


def check_cache(folders: list[Path], cache: Path) -> None:
    """Raises CodecError where a cache was made of other pictures than are below the folders; they may have moved."""
    listed = json.loads((cache / "index.json").read_text()).get("files")
    if listed and sorted(Path(file).name for file in listed) != sorted(f.name for f in picture_files(folders)):
        raise CodecError(f"{cache} was made of other pictures than --data names: give another --cache, or remove it")


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
            x_hat = decoded(
                model, torch.from_numpy(x[None]).to(device).float(), torch.tensor([model.config.t_lossless])
            )
            file.write(x_hat[0, :, :h, :w].permute(1, 2, 0).byte().numpy(force=True).tobytes())
    model.train()
    os.replace(partial, out)


class Crops:
    """An endless stream of random crops, flipped and transposed at random, drawn in proportion to area.

    Iterating yields uint8 tensors (batch, 3, size, size) on ``device``, or (batch, 6, size, size) with ``decoded``, a
    file of ``decode_cache``: the exact pixels, then what the latents say of them. Corners then have even coordinates,
    as the passes over pixels have. With ``upright`` none is transposed. Pictures smaller than ``size`` are left out.
    A CPU reads pictures from the file; any other device holds them all in its memory.
    """

    def __init__(
        self,
        cache: Path,
        size: int,
        batch: int,
        seed: int,
        decoded: Path | None = None,
        *,
        upright: bool = False,
        device: torch.device | str = "cpu",
    ):
        listing = json.loads((cache / "index.json").read_text())
        files = [cache / "pixels.u8"] + ([decoded] if decoded else [])
        # copy-on-write, since torch takes no read-only memory; nothing is ever written
        self.layers = [torch.from_numpy(np.memmap(file, np.uint8, mode="c")).to(device) for file in files]
        self.grid = 2 if decoded else 1
        pictures = [p[:3] for p in listing["pictures"] if min(p[1], p[2]) >= size]
        if not pictures:
            raise CodecError(f"no training picture has both sides of at least {size} pixels")
        self.pictures = torch.tensor(pictures)  # offset, height and width
        self.corners = (self.pictures[:, 1:] - size + 1).prod(1).double()
        self.size, self.batch, self.upright, self.device = size, batch, upright, device
        self.rng = torch.Generator().manual_seed(seed)

    def __iter__(self):
        return self

    def __next__(self) -> Tensor:
        drawn = torch.multinomial(self.corners, self.batch, replacement=True, generator=self.rng)
        offset, *sides = self.pictures[drawn].T
        u, v, mirrored, transposed = torch.rand(4, self.batch, generator=self.rng, dtype=torch.float64)
        top, left = (
            (share * (side - self.size + 1)).long() // self.grid * self.grid for share, side in zip((u, v), sides)
        )
        where = [offset, sides[1], top, left, mirrored < 0.5, (transposed < 0.25) & (not self.upright)]
        return self.read(*(column[:, None, None, None] for column in torch.stack(where).to(self.device)))

    def read(self, offset, width, top, left, mirrored, transposed) -> Tensor:
        """The crops whose corners are at ``top`` and ``left`` of pictures at ``offset``, each (batch, 1, 1, 1)."""
        along = torch.arange(self.size, device=self.device)
        across = along[:, None]
        i, j = torch.where(transposed > 0, along, across), torch.where(transposed > 0, across, along)
        j = torch.where(mirrored > 0, self.size - 1 - j, j)
        colour = torch.arange(3, device=self.device)[:, None, None]
        place = offset + ((top + i) * width + left + j) * 3 + colour
        return torch.cat([layer[place] for layer in self.layers], 1)
