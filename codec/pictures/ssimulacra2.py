"""SSIMULACRA2 against one original, many times.

The arithmetic is the PyPI package ``ssimulacra2`` (weights of SSIMULACRA 2.1),
called function by function so that what belongs to the original is computed
once: about a third less time at equal values (a test holds the two together).
Scores: 100 is equal, 90 hard to tell apart, 70 high, 50 medium, 30 low quality;
it can be negative.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ssimulacra2 import ssimulacra2 as package

SMALLEST_SIDE = 8  # the package stops at scales smaller than this
SMALLEST = 225  # side of a picture; below, the package has fewer than its six scales and gives them others' weights

# the package's own curve, for the 256 values there are
_LINEAR = package.srgb_to_linear(np.arange(256, dtype=np.float64))


def _pyramid(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Positive XYB pictures of the six scales, fine to coarse."""
    linear = _LINEAR[pixels]  # (H, W, 3) float64 in 0..1
    for scale in range(package.kNumScales):
        xyb = package.make_positive_xyb(package.linear_rgb_to_xyb(linear))
        if min(xyb.shape[:2]) < SMALLEST_SIDE:
            return
        yield xyb
        if scale < package.kNumScales - 1:
            linear = package.downsample(linear, 2, 2)


def reference(pixels: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What the original brings to every comparison: (xyb, mean, mean of squares) per scale."""
    return [(xyb, package.blur_image(xyb), package.blur_image(xyb * xyb)) for xyb in _pyramid(pixels)]


def score(scales: list[tuple[np.ndarray, np.ndarray, np.ndarray]], decoded: np.ndarray) -> float:
    """SSIMULACRA2 of ``decoded`` (H, W, 3) uint8 against ``reference(original)``."""
    result = package.Msssim()
    for (xyb1, mean1, square1), xyb2 in zip(scales, _pyramid(decoded), strict=True):
        mean2 = package.blur_image(xyb2)
        square2 = package.blur_image(xyb2 * xyb2)
        product = package.blur_image(xyb1 * xyb2)
        scale = package.MsssimScale()
        scale.avg_ssim = package.ssim_map(mean1, mean2, square1, square2, product)
        scale.avg_edgediff = package.edge_diff_map(xyb1, mean1, xyb2, mean2)
        result.scales.append(scale)
    return float(result.score())
