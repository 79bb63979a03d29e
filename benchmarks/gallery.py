"""Pictures for the report: the levels of one file, and codecs at equal size.

For each picture and target rate every codec is driven to the nearest rate it can
give (from the measured curve, then one or two corrections), so that the slider
compares equal bytes and says how equal they are. What the page shows is a crop,
carried as AVIF 4:4:4 at high quality; the numbers beside it are of the whole
picture before that.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np

from .codecs import build
from .codecs.ours import cuts
from .codecs.pillow_io import save
from .pictures import Picture
from .quality import Reference

SLIDER_CODECS = ("ours", "jpeg420", "webp", "jpeg2000", "jpegxl", "avif", "avif-psnr", "heif")
CLOSE = 0.03  # a rate this near to the target is near enough
BYTES_PER_PIXEL = 0.26  # of a shown crop, measured on photographs, base64 included


@dataclass(frozen=True)
class Plan:
    """How much of each picture the page can hold."""

    rates: tuple[float, ...]  # target bpp
    crop: int  # largest side of the slider's crop, pixels
    strip: int  # side of a level's crop, pixels


def plan(n_pictures: int, n_codecs: int, page_mib: float, n_levels: int = 10) -> Plan:
    """The most generous plan that keeps ``n_pictures`` pictures within ``page_mib``."""
    candidates = [Plan(rates, crop, strip)
                  for rates, crop, strip in (((0.15, 0.4, 1.0), 512, 192), ((0.15, 0.4, 1.0), 448, 176),
                                             ((0.2, 0.7), 448, 176), ((0.2, 0.7), 384, 160),
                                             ((0.4,), 384, 144), ((0.4,), 320, 128),
                                             ((0.4,), 256, 96), ((0.4,), 192, 64))]
    for candidate in candidates:
        shown = (n_codecs * len(candidate.rates) + 1) * candidate.crop**2
        shown += n_levels * candidate.strip**2
        if n_pictures * shown * BYTES_PER_PIXEL < page_mib * 2**20:
            return candidate
    return candidates[-1]


def data_uri(pixels: np.ndarray, quality: int = 80) -> str:
    """A data: URI of (H, W, 3) uint8: AVIF 4:4:4, or WebP where Pillow has no AVIF."""
    try:
        data, kind = save(pixels, "AVIF", quality=quality, subsampling="4:4:4", speed=8), "avif"
    except (KeyError, OSError):
        data, kind = save(pixels, "WEBP", quality=quality + 8), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def centre(pixels: np.ndarray, side: int) -> np.ndarray:
    """The middle of the picture, at most ``side`` by ``side``."""
    H, W = pixels.shape[:2]
    top, left = max(H - side, 0) // 2, max(W - side, 0) // 2
    return np.ascontiguousarray(pixels[top: top + side, left: left + side])


def at_rate(codec, pixels: np.ndarray, target_bpp: float, known: list[tuple[float, float]],
            tries: int = 3) -> tuple[bytes, float]:
    """(file, bpp) nearest to ``target_bpp``; ``known`` are measured (setting, bpp) pairs.

    Settings are interpolated over log rate; each try adds a pair and narrows the next.
    """
    H, W = pixels.shape[:2]
    known = [(s, math.log(r)) for s, r in known]
    best: tuple[bytes, float] | None = None
    for _ in range(tries):
        known.sort(key=lambda pair: pair[1])
        setting = float(np.interp(math.log(target_bpp), [r for _, r in known], [s for s, _ in known]))
        setting = round(setting) if codec.integer_settings else setting
        if best is not None and any(abs(setting - s) < 1e-6 for s, _ in known):
            break
        data = codec.encode(pixels, setting, 1)
        bpp = len(data) * 8 / (H * W)
        known.append((setting, math.log(bpp)))
        if best is None or abs(math.log(bpp / target_bpp)) < abs(math.log(best[1] / target_bpp)):
            best = data, bpp
        if abs(bpp / target_bpp - 1) < CLOSE:
            break
    return best


def entry(picture: Picture, dataset: str, keys: list[str], known: dict[str, list], plan: Plan,
          api: str) -> dict:
    """Everything the page holds of one picture; ``known``: codec -> measured (setting, bpp)."""
    pixels = picture.pixels()
    H, W = pixels.shape[:2]
    reference = Reference(pixels)

    def shown(decoded, data, side):
        measures = reference.measures(decoded)
        return {"bpp": round(len(data) * 8 / (H * W), 4), "psnr_db": measures["psnr_db"],
                "ssimulacra2": measures["ssimulacra2"], "uri": data_uri(centre(decoded, side))}

    result = {"name": picture.name, "dataset": dataset, "width": W, "height": H,
              "thumb": data_uri(_thumbnail(pixels), 70),
              "original": data_uri(centre(pixels, plan.crop), 88), "strip": [], "rates": []}
    codecs = {key: build(key, api) for key in keys if key in SLIDER_CODECS}
    for target in plan.rates:
        images = {}
        for key, codec in codecs.items():
            if known.get(key):
                data, _ = at_rate(codec, pixels, target, known[key])
                images[key] = shown(codec.decode(data, 1), data, plan.crop)
        result["rates"].append({"target": target, "images": images})
    if "ours-embedded" in keys:
        codec = build("ours-embedded", api)
        data = codec.encode(pixels, codec.settings[-1], 1)
        for index, name, cut in cuts(codec.extra["api"], data, first=1):
            result["strip"].append({"level": index, "name": name,
                                    **shown(codec.decode(cut, 1), cut, plan.strip)})
    return result


def _thumbnail(pixels: np.ndarray, side: int = 72) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(centre(pixels, min(pixels.shape[:2])))
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))
