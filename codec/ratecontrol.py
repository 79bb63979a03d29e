"""From a size to a quality: a search over real files, since only the file knows its size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

from .errors import TargetWarning

TOLERANCE = 0.01  # a file this close below the target is close enough
MAX_ENCODES = 10
_LOWEST, _HIGHEST = 0.0, 99.9  # 100 is lossless
_USUAL_SLOPE = 0.04  # d ln(bytes) / d quality; only the second try, when one file is known, depends on it
_SMALLEST_STEP = 0.05  # in quality: below it the quantisation step hardly moves

Point = tuple[float, float]  # (quality, ln bytes)


def search(encode_at: Callable[[float], bytes], target_bytes: float) -> bytes:
    """The largest file found that is not above ``target_bytes``.

    encode_at: quality (0..99.9) -> file; larger qualities are taken to give larger files. Quality 50 is tried
    first, then interpolation on ln(bytes) inside the bracket, until the file is within 1 % below the target
    or 10 encodes are done. If quality 0 is still above it, that file is returned with a TargetWarning.
    """
    aim = math.log(target_bytes * (1 - TOLERANCE / 2))
    below: Point | None = None
    above: Point | None = None
    best = b""
    quality, run = 50.0, 0  # run: how many tries in a row fell on the same side, negative below
    for _ in range(MAX_ENCODES):
        data = encode_at(quality)
        if len(data) <= target_bytes:
            below, run = (quality, math.log(len(data))), min(run, 0) - 1
            best = max(best, data, key=len)
            if len(data) >= target_bytes * (1 - TOLERANCE) or quality >= _HIGHEST:
                break
        else:
            above, run = (quality, math.log(len(data))), max(run, 0) + 1
            if quality <= _LOWEST:
                warnings.warn(
                    f"quality 0 takes {len(data)} bytes, more than the {target_bytes:.0f} asked for: "
                    "this picture gets no smaller",
                    TargetWarning,
                    stacklevel=3,
                )
                return data
        if below and above and above[0] - below[0] < _SMALLEST_STEP:
            break
        quality = _next_quality(below, above, aim, run)
    return best


def _next_quality(below: Point | None, above: Point | None, aim: float, run: int) -> float:
    """Where the line through what is known meets the aim, kept inside the bracket."""
    if below and above:
        # A line that moves only one end of the bracket converges slowly: then halve it instead.
        share = 0.5 if abs(run) >= 2 else (aim - below[1]) / (above[1] - below[1])
        return below[0] + min(max(share, 0.05), 0.95) * (above[0] - below[0])
    if abs(run) >= 2:  # still one-sided: the end of the scale closes the bracket, or settles the matter
        return _LOWEST if above else _HIGHEST
    quality, size = below or above
    # Overshoot the guess, so that the next file is likely to lie on the other side.
    return min(max(quality + 1.3 * (aim - size) / _USUAL_SLOPE, _LOWEST), _HIGHEST)
