"""BD-rate: how many per cent more bytes at equal quality (negative is better).

Bjontegaard 2001 (VCEG-M33) with piecewise cubic (PCHIP) interpolation of
log10(rate) over quality, integrated over the qualities both curves reach; by
the package ``bjontegaard``. Two curves that share little say little, so the
shared interval always comes with the number.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from .curves import METRICS, Curve, mean

METHOD = "PCHIP of log10(bpp) over quality, on the qualities both curves reach"
NARROW = 0.5  # share of the joint interval below which a BD-rate is marked


@dataclass(frozen=True)
class BDRate:
    test: str
    anchor: str
    anchor_kind: str  # "measured" or "published"
    metric: str
    scope: str  # "set", "mean of pictures" or the picture's name
    bd_rate_pct: float | None  # None: the curves do not overlap
    from_quality: float | None
    to_quality: float | None
    overlap: float  # shared / joint interval of quality, 0..1
    pictures: int = 1
    smaller: int | None = None  # of the pictures, on how many the test's files are smaller

    @property
    def narrow(self) -> bool:
        return self.overlap < NARROW

    def row(self) -> dict:
        return {**asdict(self), "narrow": self.narrow}


def monotone(rates: list[float], qualities: list[float]) -> tuple[list[float], list[float]]:
    """The points, by rate, that are better than every cheaper one (what PCHIP over quality needs)."""
    kept_r: list[float] = []
    kept_q: list[float] = []
    for rate, quality in sorted(zip(rates, qualities, strict=True)):
        if not kept_q or (quality > kept_q[-1] + 1e-9 and rate > kept_r[-1]):
            kept_r.append(rate)
            kept_q.append(quality)
    return kept_r, kept_q


def bd_rate(test: Curve, anchor: Curve, metric: str = "psnr_db", scope: str = "set") -> BDRate:
    """BD-rate of ``test`` against ``anchor`` in ``metric``; needs two points of each in common reach."""
    rate_t, q_t = monotone(*test.metric(metric))
    rate_a, q_a = monotone(*anchor.metric(metric))
    kind = "published" if anchor.published else "measured"
    none = BDRate(test.key, anchor.key, kind, metric, scope, None, None, None, 0.0)
    if len(q_t) < 2 or len(q_a) < 2:
        return none
    low, high = max(q_t[0], q_a[0]), min(q_t[-1], q_a[-1])
    if high <= low:
        return none
    import bjontegaard  # imports matplotlib: only where it is needed

    with warnings.catch_warnings():  # the overlap is in our result, no need to warn of it
        warnings.simplefilter("ignore")
        percent = float(
            bjontegaard.bd_rate(rate_a, q_a, rate_t, q_t, method="pchip", require_matching_points=False, min_overlap=0)
        )
    if not math.isfinite(percent):
        return none
    joint = max(q_t[-1], q_a[-1]) - min(q_t[0], q_a[0])
    return BDRate(test.key, anchor.key, kind, metric, scope, percent, low, high, (high - low) / joint)


def over_set(tests: list[Curve], anchors: list[Curve]) -> list[BDRate]:
    """Every test against every other curve, in every metric, on the curves of the whole set.

    Peers are not compared with published curves: that is others' business.
    """
    any_ours = any(test.ours for test in tests)
    return [
        bd_rate(test, anchor, metric)
        for metric in METRICS
        for test in tests
        for anchor in anchors
        if anchor.key != test.key
        and len(anchor.metric(metric)[0]) > 1
        and (test.ours or not any_ours or not anchor.published)
    ]


def per_picture(curves: dict[str, list[Curve]], tests: list[str], metrics: Iterable[str] = METRICS) -> list[BDRate]:
    """One result a picture, metric and pair. ``curves``: picture -> curves on it."""
    return [
        bd_rate(test, anchor, metric, scope=picture)
        for picture, here in curves.items()
        for metric in metrics
        for test in here
        if test.key in tests
        for anchor in here
        if anchor.key != test.key and anchor.metric(metric)[0]
    ]


def mean_of_pictures(single: list[BDRate]) -> list[BDRate]:
    """The mean over pictures of each pair and metric, and on how many of them the test is the smaller one."""
    pairs: dict[tuple, list[BDRate]] = {}
    for result in single:
        if result.bd_rate_pct is not None:
            pairs.setdefault((result.test, result.anchor, result.metric), []).append(result)
    return [
        BDRate(
            test,
            anchor,
            "measured",
            metric,
            "mean of pictures",
            mean(r.bd_rate_pct for r in group),
            mean(r.from_quality for r in group),
            mean(r.to_quality for r in group),
            mean(r.overlap for r in group),
            len(group),
            sum(r.bd_rate_pct < 0 for r in group),
        )
        for (test, anchor, metric), group in pairs.items()
    ]
