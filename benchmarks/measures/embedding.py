"""What it costs that one file holds all qualities.

The embedded curve (one file, cut at its levels) against the curve of one file
per quality, of the same codec: as a BD-rate, and level by level as the extra
rate at equal PSNR.
"""

from __future__ import annotations

import math

from .bdrate import BDRate, bd_rate, monotone
from .curves import METRICS, Curve


def price(embedded: Curve, separate: Curve) -> list[BDRate]:
    """BD-rate of the embedded file against separate files, in every metric."""
    return [bd_rate(embedded, separate, metric) for metric in METRICS]


def price_per_level(embedded: Curve, separate: Curve, metric: str = "psnr_db") -> list[dict]:
    """For each level: bpp, quality, and the extra rate in % against a separate file as good.

    The separate file's rate is read off its curve (PCHIP of log rate); None for
    levels outside the curve's reach.
    """
    from scipy.interpolate import PchipInterpolator

    rates, qualities = monotone(*separate.metric(metric))
    if len(rates) < 2:
        return []
    log_rate = PchipInterpolator(qualities, [math.log(r) for r in rates], extrapolate=False)
    lines = []
    for label, bpp, quality in zip(embedded.labels, embedded.bpp, getattr(embedded, metric), strict=True):
        if quality is None:
            continue
        needed = float(log_rate(quality))
        needed = math.exp(needed) if math.isfinite(needed) else None
        lines.append(
            {
                "level": label,
                "bpp": bpp,
                metric: quality,
                "bpp_of_separate_file": needed,
                "extra_rate_pct": None if needed is None else 100 * (bpp / needed - 1),
            }
        )
    return lines
