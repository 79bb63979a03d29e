"""From a size or a PSNR to a quality: a search over real files, since only the file knows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import TargetWarning

MAX_ENCODES = 10
_LOWEST, _HIGHEST = 0.0, 99.9  # 100 is lossless
_SMALLEST_STEP = 0.05  # in quality: below it the quantisation step hardly moves

Point = tuple[float, float]  # (quality, value)


@dataclass(frozen=True)
class Target:
    """A bound for a value of files that grows with their quality.

    at_most: whether values are to stay below the bound, or to reach it. tolerance: how far on the right side of it is
    close enough. slope: d value / d quality; only the second try, when one file is known, depends on it.
    """

    value_of: Callable[[bytes], float]
    bound: float
    at_most: bool
    tolerance: float
    slope: float
    out_of_reach: Callable[[bytes, float], str]  # what to say of the nearest file and its value

    @property
    def aim(self) -> float:
        return self.bound + (-0.5 if self.at_most else 0.5) * self.tolerance

    def met(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


def size(limit: float) -> Target:
    """At most so many bytes, within 1 %."""

    def out_of_reach(data: bytes, _: float) -> str:
        return f"quality 0 takes {len(data)} bytes, more than the {limit:.0f} asked for: this picture gets no smaller"

    return Target(lambda data: math.log(len(data)), math.log(limit), True, 0.01, 0.04, out_of_reach)


def psnr(db: float, psnr_of: Callable[[bytes], float]) -> Target:
    """At least so many dB, within 0.05 dB."""

    def out_of_reach(_: bytes, value: float) -> str:
        return f"quality {_HIGHEST} has {value:.2f} dB, less than the {db:g} asked for: beyond it is lossless alone"

    return Target(psnr_of, db, False, 0.05, 0.2, out_of_reach)


def ssimulacra2(score: float, score_of: Callable[[bytes], float]) -> Target:
    """At least so many points of SSIMULACRA2, within 0.3."""

    def out_of_reach(_: bytes, value: float) -> str:
        return f"quality {_HIGHEST} has {value:.2f} points, less than the {score:g} asked for: beyond it is lossless"

    return Target(score_of, score, False, 0.3, 0.8, out_of_reach)


def search(encode_at: Callable[[float], bytes], target: Target) -> bytes:
    """The file nearest to the target's bound, on its right side.

    encode_at: quality (0..99.9) -> file. Quality 50 is tried first, then interpolation inside the bracket, until a file
    is close enough or 10 encodes are done. If no quality is on the right side, the nearest file is returned with a
    TargetWarning.
    """
    easiest, hardest = (_LOWEST, _HIGHEST) if target.at_most else (_HIGHEST, _LOWEST)
    below: Point | None = None
    above: Point | None = None
    best, best_value = b"", math.nan
    quality, run = 50.0, 0  # run: how many tries in a row fell on the same side, negative below
    for _ in range(MAX_ENCODES):
        data = encode_at(quality)
        value = target.value_of(data)
        met = target.met(value)
        if met == target.at_most:
            below, run = (quality, value), min(run, 0) - 1
        else:
            above, run = (quality, value), max(run, 0) + 1
        if met and (not best or abs(value - target.bound) <= abs(best_value - target.bound)):
            best, best_value = data, value
        if met and (abs(value - target.bound) <= target.tolerance or quality == hardest):
            break
        if not met and quality == easiest:
            warnings.warn(target.out_of_reach(data, value), TargetWarning, stacklevel=3)
            return data
        if below and above and abs(above[0] - below[0]) < _SMALLEST_STEP:
            break
        quality = _next_quality(below, above, target, run)
    return best


def _next_quality(below: Point | None, above: Point | None, target: Target, run: int) -> float:
    """Where the line through what is known meets the aim, kept inside the bracket."""
    if below and above:
        # A line that moves only one end of the bracket converges slowly: then halve it instead.
        share = 0.5 if abs(run) >= 2 else (target.aim - below[1]) / (above[1] - below[1])
        return below[0] + min(max(share, 0.05), 0.95) * (above[0] - below[0])
    if abs(run) >= 2:  # still one-sided: the end of the scale closes the bracket, or settles the matter
        return _LOWEST if above else _HIGHEST
    quality, value = below or above or (50.0, target.aim)  # there is one of them once a file was made
    # Overshoot the guess, so that the next file is likely to lie on the other side.
    return min(max(quality + 1.3 * (target.aim - value) / target.slope, _LOWEST), _HIGHEST)
