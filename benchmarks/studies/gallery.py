"""Pictures for the report: the levels of one file, and codecs at equal size.

The rates of the slider are those of our own files; every peer is driven to the
nearest rate it can give (from its measured curve, then a correction), so that
equal bytes are compared, and the page says how equal they are. What it shows is
a crop, carried as AVIF 4:4:4; the numbers beside it are of the whole picture
before that.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np

from ..codecs import build
from ..codecs.pillow_io import save
from ..measures.quality import Reference
from ..pictures import Picture

SLIDER_CODECS = ("ours", "jpeg420", "webp", "jpeg2000", "jpegxl", "avif", "avif-psnr")
CLOSE = 0.04  # a rate this near to the target is near enough
BYTES_PER_PIXEL = 0.26  # of a shown crop, measured on photographs, base64 included


@dataclass(frozen=True)
class Plan:
    """How much of each picture the page can hold."""

    rates: tuple[float, ...]  # bpp that our files should be near
    crop: int  # largest side of the slider's crop, pixels
    strip: int  # side of a level's crop, pixels


PLANS = (
    Plan((0.15, 0.4, 1.0), 512, 192),
    Plan((0.15, 0.4, 1.0), 448, 176),
    Plan((0.2, 0.7), 448, 176),
    Plan((0.2, 0.7), 384, 160),
    Plan((0.4,), 384, 144),
    Plan((0.4,), 320, 128),
    Plan((0.4,), 256, 96),
    Plan((0.4,), 192, 64),
)


def plan(n_pictures: int, page_mib: float, n_levels: int = 10) -> Plan:
    """The most generous plan that keeps ``n_pictures`` pictures within ``page_mib``."""
    for candidate in PLANS:
        shown = (len(SLIDER_CODECS) * len(candidate.rates) + 1) * candidate.crop**2
        shown += n_levels * candidate.strip**2
        if n_pictures * shown * BYTES_PER_PIXEL < page_mib * 2**20:
            return candidate
    return PLANS[-1]


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
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def carried(key: str, pixels: np.ndarray, plan: Plan) -> str:
    """What the page shows of one of our decoded pictures: a level of the strip, or the slider's crop."""
    return data_uri(centre(pixels, plan.strip if key == "ours-embedded" else plan.crop))


def at_rate(
    codec, pixels: np.ndarray, target_bpp: float, known: list[tuple[float, float]], tries: int = 2
) -> tuple[bytes, float]:
    """(file, bpp) nearest to ``target_bpp``; ``known`` are measured (setting, bpp) pairs.

    Settings are interpolated over log rate; each try adds a pair and narrows the next.
    """
    H, W = pixels.shape[:2]
    pairs = [(s, math.log(r)) for s, r in known]
    best: tuple[bytes, float] | None = None
    for _ in range(tries):
        pairs.sort(key=lambda pair: pair[1])
        setting = float(np.interp(math.log(target_bpp), [r for _, r in pairs], [s for s, _ in pairs]))
        setting = round(setting) if codec.integer_settings else setting
        if best is not None and any(abs(setting - s) < 1e-6 for s, _ in pairs):
            break
        data = codec.encode(pixels, setting, 1)
        bpp = len(data) * 8 / (H * W)
        pairs.append((setting, math.log(bpp)))
        if best is None or abs(math.log(bpp / target_bpp)) < abs(math.log(best[1] / target_bpp)):
            best = data, bpp
        if abs(bpp / target_bpp - 1) < CLOSE:
            break
    assert best is not None  # there is at least one try
    return best


def targets(ours: list[dict], plan: Plan) -> list[dict | float]:
    """Our rows nearest to the plan's rates, each once; the plan's rates where we have none."""
    if not ours:
        return list(plan.rates)
    nearest = [min(ours, key=lambda row: abs(math.log(row["bpp"] / rate))) for rate in plan.rates]
    return sorted({row["setting"]: row for row in nearest}.values(), key=lambda row: row["bpp"])


def entry(picture: Picture, dataset: str, rows: list[dict], plan: Plan, api: str) -> dict:
    """Everything the page holds of one picture; ``rows`` are its rows, ours with "shown"."""
    pixels = picture.pixels()
    H, W = pixels.shape[:2]
    reference = Reference(pixels)
    by_codec: dict[str, list[dict]] = {}
    for row in rows:
        by_codec.setdefault(row["codec"], []).append(row)
    result = {
        "name": picture.name,
        "dataset": dataset,
        "width": W,
        "height": H,
        "thumb": data_uri(_thumbnail(pixels), 70),
        "original": data_uri(centre(pixels, plan.crop), 88),
        "strip": [
            {"level": row["setting"], "name": row["label"], **_from_row(row)}
            for row in sorted(by_codec.get("ours-embedded", []), key=lambda row: row["bpp"])
        ],
        "rates": [],
    }
    peers = [build(key, api) for key in SLIDER_CODECS if key in by_codec and key != "ours"]
    for target in targets(by_codec.get("ours", []), plan):
        images = {} if isinstance(target, float) else {"ours": _from_row(target)}
        bpp = target if isinstance(target, float) else target["bpp"]
        for codec in peers:
            known = [(row["setting"], row["bpp"]) for row in by_codec[codec.key]]
            data, found = at_rate(codec, pixels, bpp, known)
            decoded = codec.decode(data, 1)
            measures = reference.measures(decoded)
            images[codec.key] = {
                "bpp": found,
                "psnr_db": measures["psnr_db"],
                "ssimulacra2": measures["ssimulacra2"],
                "uri": data_uri(centre(decoded, plan.crop)),
            }
        result["rates"].append({"target": round(bpp, 2), "images": images})
    return result


def _from_row(row: dict) -> dict:
    return {
        "bpp": row["bpp"],
        "psnr_db": row["psnr_db"],
        "ssimulacra2": row["ssimulacra2"],
        "uri": row["shown"],
    }


def _thumbnail(pixels: np.ndarray, side: int = 72) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(centre(pixels, min(pixels.shape[:2])))
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))
