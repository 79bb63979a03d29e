"""From rows to curves: the mean over a set, setting by setting.

Two means of PSNR are in use and differ by tenths of a dB: the mean of the
pictures' decibels (CompressAI's, and what curves show here) and the PSNR of the
mean squared error over the set. Both are kept, under different names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .quality import decibels, psnr_of_mse

METRICS = {  # field of a curve: (words, unit)
    "psnr_db": ("PSNR-RGB", "dB"),
    "ms_ssim_db": ("MS-SSIM", "dB"),
    "ssimulacra2": ("SSIMULACRA2", ""),
    "butteraugli": ("Butteraugli 3-norm", ""),
    "cvvdp": ("ColorVideoVDP", "JOD"),
}


@dataclass(frozen=True)
class Curve:
    """Rate and quality of one codec, in order of rate; None where a value is missing."""

    key: str
    name: str
    bpp: list[float]
    psnr_db: list[float | None]
    ms_ssim_db: list[float | None]
    ssimulacra2: list[float | None]
    labels: list[str]
    published: bool = False
    ours: bool = False
    butteraugli: list[float | None] = field(default_factory=list)  # negated, so that more is better
    cvvdp: list[float | None] = field(default_factory=list)

    def metric(self, name: str) -> tuple[list[float], list[float]]:
        """(bpp, values) of the points that have ``name``; more is better."""
        values = getattr(self, name) or [None] * len(self.bpp)
        pairs = [(r, q) for r, q in zip(self.bpp, values, strict=True) if q is not None]
        return [r for r, _ in pairs], [q for _, q in pairs]


def mean(values) -> float | None:
    """Arithmetic mean, None if any value is missing or there are none."""
    values = list(values)
    if not values or any(v is None for v in values):
        return None
    return math.fsum(values) / len(values)


def mean_known(values) -> float | None:
    """Arithmetic mean of the values that are there: only some pictures are timed."""
    return mean(value for value in list(values) if value is not None)


def settings_of(rows: list[dict]) -> list[tuple[float, str]]:
    """(setting, label) that every picture has, in order of mean rate; rows of one codec."""
    pictures = {row["picture"] for row in rows}
    groups: dict[float, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["setting"], []).append(row)
    whole = {s: g for s, g in groups.items() if {row["picture"] for row in g} == pictures}
    return [
        (s, g[0]["label"]) for s, g in sorted(whole.items(), key=lambda item: mean(r["bpp"] for r in item[1]) or 0.0)
    ]


def summarise(rows: list[dict]) -> list[dict]:
    """One line per setting of one codec: means over its pictures.

    psnr_db is the mean of decibels, psnr_db_of_mean_mse the PSNR of the mean
    squared error (pictures weighted by their pixels); both None where a picture
    came back lossless, which ``lossless`` counts.
    """
    lines = []
    for setting, label in settings_of(rows):
        group = [row for row in rows if row["setting"] == setting]
        pixels = [row["width"] * row["height"] for row in group]
        mean_mse = math.fsum(r["mse"] * n for r, n in zip(group, pixels, strict=True)) / sum(pixels)
        lossless = sum(row["lossless"] for row in group)
        lines.append(
            {
                "setting": setting,
                "label": label,
                "pictures": len(group),
                "bpp": mean(row["bpp"] for row in group),
                "psnr_db": mean(row["psnr_db"] for row in group),
                "psnr_db_of_mean_mse": None if lossless else psnr_of_mse(mean_mse),
                "ms_ssim": mean(row["ms_ssim"] for row in group),
                **{name: mean(row.get(name) for row in group) for name in ("ssimulacra2", "butteraugli", "cvvdp")},
                "encode_s": mean_known(row["encode_s"] for row in group),
                "decode_s": mean_known(row["decode_s"] for row in group),
                "encode_mpx_per_s": _speed(group, "encode_s"),
                "decode_mpx_per_s": _speed(group, "decode_s"),
                "timed_pictures": sum(row["encode_s"] is not None for row in group),
                "lossless": lossless,
            }
        )
    return lines


def _speed(rows: list[dict], field: str) -> float | None:
    """Megapixels per second over the rows that were timed."""
    timed = [row for row in rows if row[field] is not None]
    seconds = math.fsum(row[field] for row in timed)
    return sum(row["width"] * row["height"] for row in timed) / 1e6 / seconds if seconds else None


def set_curve(key: str, name: str, rows: list[dict], ours: bool = False) -> Curve:
    """The codec's curve over all pictures of ``rows``."""
    return _curve(key, name, summarise(rows), ours)


def curves_on_pictures(by_codec: dict[str, list[dict]]) -> dict[str, list[Curve]]:
    """Every codec's curve on every picture: picture -> curves, from each codec's rows."""
    points: dict[str, dict[str, list[dict]]] = {}
    for key, rows in by_codec.items():
        for row in sorted(rows, key=lambda row: row["bpp"]):
            points.setdefault(row["picture"], {}).setdefault(key, []).append(row)
    return {name: [_curve(key, key, rows, False) for key, rows in here.items()] for name, here in points.items()}


def _curve(key: str, name: str, points: list[dict], ours: bool) -> Curve:
    distances = [point.get("butteraugli") for point in points]
    return Curve(
        key,
        name,
        [point["bpp"] for point in points],
        [point["psnr_db"] for point in points],
        [decibels(point["ms_ssim"]) for point in points],
        [point["ssimulacra2"] for point in points],
        [point["label"] for point in points],
        ours=ours,
        butteraugli=[None if distance is None else -distance for distance in distances],
        cvvdp=[point.get("cvvdp") for point in points],
    )
