"""``python -m selfvae_codec.models.training.characters``: copies of photographs whose noise is of many characters.

The exact pixels of a picture are mostly noise, and what noise is made of differs: film, sensors behind a mosaic of
colours, resampling, sharpening, colours of half the resolution. Folders of photographs that were all scaled down have
little of that. The models here are simple ones, drawn at random and put together at random; a copy keeps the size of
its photograph or is smaller.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from .data import picture_files

LEAST_SIDE = 160  # of a copy
RESAMPLING = Image.Resampling
KERNELS = (RESAMPLING.BOX, RESAMPLING.BILINEAR, RESAMPLING.HAMMING, RESAMPLING.BICUBIC, RESAMPLING.LANCZOS)
LUMA = np.array([0.299, 0.587, 0.114])
TO_YCC = np.array([LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # ITU-R BT.601, as in JPEG
FROM_YCC = np.linalg.inv(TO_YCC)
Rng = np.random.Generator


def _between(rng: Rng, low: float, high: float) -> float:
    """Uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _resized(x: np.ndarray, size: tuple[int, int], kernel: RESAMPLING) -> np.ndarray:
    planes = (Image.fromarray(np.ascontiguousarray(x[..., c], np.float32)) for c in range(x.shape[-1]))
    return np.stack([np.asarray(plane.resize(size, kernel)) for plane in planes], -1)


def _to_linear(x: np.ndarray) -> np.ndarray:
    v = np.clip(x / 255, 0, 1)
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def _from_linear(v: np.ndarray) -> np.ndarray:
    v = np.clip(v, 0, 1)
    return 255 * np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)


def scaled(x: np.ndarray, rng: Rng, low: float = 0.62, high: float = 1.0) -> np.ndarray:
    """Resampled by a factor between these, in the file's values or in those of light."""
    height, width, _ = x.shape
    factor = max(_between(rng, low, high), LEAST_SIDE / min(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    kernel = KERNELS[int(rng.choice(5, p=[0.15, 0.15, 0.1, 0.3, 0.3]))]
    if rng.random() < 0.3:
        return _from_linear(_resized(_to_linear(x), size, kernel))
    return _resized(x, size, kernel)


def toned(x: np.ndarray, rng: Rng) -> np.ndarray:
    """Another gamma and contrast."""
    gamma, contrast, middle = np.exp(rng.normal(0, 0.2)), rng.uniform(0.8, 1.25), rng.uniform(90, 150)
    return (255 * np.clip(x / 255, 0, 1) ** gamma - middle) * contrast + middle


def _noise(rng: Rng, shape: tuple[int, ...], size: float) -> np.ndarray:
    """Noise of variance one whose neighbours resemble each other within about ``size`` pixels."""
    n = gaussian_filter(rng.standard_normal(shape), size, mode="wrap")
    return n / n.std()


def with_grain(x: np.ndarray, rng: Rng) -> np.ndarray:
    """Film: correlated noise, strongest in middle tones, for a part the same in all layers."""
    size, amount, shared = _between(rng, 0.35, 1.3), _between(rng, 1.2, 8), rng.uniform(0, 1) ** 0.5
    layers = [_noise(rng, x.shape[:2], size * rng.uniform(0.8, 1.5)) for _ in range(3)]
    own = np.stack(layers, -1) * np.array([1, 0.85, 1.3])
    n = shared * _noise(rng, x.shape[:2], size)[..., None] + np.sqrt(1 - shared**2) * own
    light = np.clip(gaussian_filter(x @ LUMA, 1) / 255, 0, 1)
    middle = rng.uniform(0, 1)
    strength = 1 - middle + middle * (4 * light * (1 - light)) ** 0.7
    return x + amount * strength[..., None] * n


def through_sensor(x: np.ndarray, rng: Rng) -> np.ndarray:
    """Photons and read-out noise on a Bayer mosaic, interpolated; often with colours smoothed (sides become even)."""
    x = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
    full = _between(rng, 250, 8000)  # photons of white
    gains = np.array([rng.uniform(1.3, 2.2), 1, rng.uniform(1.3, 2.2)])
    raw = rng.poisson(_to_linear(x) / gains * full) / full
    raw = raw + rng.standard_normal(x.shape) * rng.uniform(0.06, 0.5) / np.sqrt(full)
    if rng.random() < 0.75:
        raw = _from_mosaic(raw, differences=rng.random() < 0.6)
    out = _from_linear(raw * gains)
    if rng.random() < 0.5:
        ycc, size = out @ TO_YCC.T, rng.uniform(0.5, 2)
        ycc[..., 1:] = gaussian_filter(ycc[..., 1:], (size, size, 0))
        ycc[..., 0] = gaussian_filter(ycc[..., 0], rng.uniform(0, 0.45))
        out = ycc @ FROM_YCC.T
    return out


def _from_mosaic(raw: np.ndarray, differences: bool) -> np.ndarray:
    """Every second or fourth value of each colour, the others interpolated, or their differences to green."""
    mask = np.zeros(raw.shape)
    for c, i, j in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        mask[i::2, j::2, c] = 1
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4

    def spread(v, c):
        return convolve(v * mask[..., c], kernel, mode="mirror") / convolve(mask[..., c], kernel, mode="mirror")

    out = np.stack([spread(raw[..., c], c) for c in range(3)], -1)
    if differences:
        for c in (0, 2):
            out[..., c] = out[..., 1] + spread(raw[..., c] - out[..., 1], c)
    return out


def with_half_chroma(x: np.ndarray, rng: Rng) -> np.ndarray:
    """Colours of half the resolution: scans kept as luma and chroma, video, most JPEG files."""
    height, width, _ = x.shape
    ycc = x @ TO_YCC.T
    small = _resized(ycc[..., 1:], ((width + 1) // 2, (height + 1) // 2), KERNELS[int(rng.integers(len(KERNELS)))])
    if rng.random() < 0.5:
        small = np.rint(small)
    back = (RESAMPLING.NEAREST, RESAMPLING.BILINEAR, RESAMPLING.BICUBIC)[int(rng.choice(3, p=[0.15, 0.55, 0.3]))]
    ycc[..., 1:] = _resized(small, (width, height), back)
    return (np.rint(ycc) if rng.random() < 0.5 else ycc) @ FROM_YCC.T


def sharpened(x: np.ndarray, rng: Rng, luma: bool) -> np.ndarray:
    """An unsharp mask, of brightness alone or of each colour, sometimes with a threshold."""
    radius, amount = _between(rng, 0.4, 1.6), rng.uniform(0.2, 1.6)
    detail = x - gaussian_filter(x, (radius, radius, 0))
    if luma:
        detail = np.repeat((detail @ LUMA)[..., None], 3, -1)
    if rng.random() < 0.4:
        detail = np.sign(detail) * np.maximum(np.abs(detail) - rng.uniform(0.5, 3), 0)
    return x + amount * detail


def character(x: np.ndarray, rng: Rng, *, clean: bool) -> np.ndarray:
    """A copy of another character, uint8. x: uint8 (H, W, 3).

    clean: the photograph has passed a lossy codec, so that noise must be laid over what that left.
    """
    v = x.astype(np.float64)
    if clean or rng.random() < 0.7:
        v = scaled(v, rng)
    if rng.random() < 0.3:
        v = toned(v, rng)
    kind = rng.choice(["grain", "sensor", "none"], p=[0.5, 0.5, 0] if clean else [0.35, 0.35, 0.3])
    if kind == "grain":
        v = with_grain(v, rng)
    elif kind == "sensor":
        v = through_sensor(v, rng)
        if rng.random() < 0.25:
            v = scaled(v, rng, 0.7)
    if rng.random() < 0.5:  # colours last, as most files of that kind have it
        v = with_half_chroma(sharpened(v, rng, luma=True) if rng.random() < 0.4 else v, rng)
    elif rng.random() < 0.4:
        v = sharpened(v, rng, luma=rng.random() < 0.6)
    return np.rint(v).clip(0, 255).astype(np.uint8)


def _write(job: tuple[int, Path, int], out: Path, seed: int, clean: bool) -> None:
    index, file, copy = job
    with Image.open(file) as image:
        x = np.asarray(image.convert("RGB"))
    made = character(x, np.random.default_rng([seed, copy, index]), clean=clean)
    Image.fromarray(made).save(out / f"{index:05d}-{copy}-{file.stem}.png")


def main(argv: list[str] | None = None) -> None:
    p = argparse.ArgumentParser(prog="characters", description=__doc__.split("\n")[0])
    p.add_argument("--data", type=Path, nargs="+", required=True, help="folders of photographs")
    p.add_argument("--out", type=Path, required=True, help="folder for the copies, PNG")
    p.add_argument("--copies", type=int, default=1, help="of each photograph")
    p.add_argument("--clean", action="store_true", help="the photographs have passed a lossy codec")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    files = list(enumerate(picture_files(args.data)))
    jobs = [(index, file, copy) for copy in range(args.copies) for index, file in files]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(partial(_write, out=args.out, seed=args.seed, clean=args.clean), jobs, chunksize=8):
            pass
    print(f"{args.out}: {len(jobs)} pictures")


if __name__ == "__main__":
    main()
