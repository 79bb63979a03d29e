"""What residuals cost by the tables that code them, and how that changes with means and scale levels.

Tables hold a distribution for each level and each sixteenth of a pixel between a mean and the next integer: together,
bits as a function of how far a residual is from its mean, which differences of neighbours differentiate.
"""

from __future__ import annotations

import numpy as np

from ..models.tables import FRACTIONS, PRECISION, SCALE_LEVELS, TAIL

REACH = (TAIL + 1) * FRACTIONS  # of the function, either way, in 1/FRACTIONS of a pixel


class Charges:
    """Bits of a residual at a distance from its mean, by scale level, and their derivatives."""

    def __init__(self, frequencies: np.ndarray):
        """frequencies: of the pixels' tables."""
        table = frequencies.reshape(SCALE_LEVELS, FRACTIONS, -1)[..., : 2 * TAIL + 1]
        bits = np.full((SCALE_LEVELS, 2 * REACH), float(PRECISION))
        for fraction in range(FRACTIONS):  # a mean in the fraction-th part of [n - 1/2, n + 1/2)
            bits[:, FRACTIONS // 2 - fraction + FRACTIONS :: FRACTIONS][:, : 2 * TAIL + 1] = PRECISION - np.log2(
                table[:, fraction]
            )
        by_distance = FRACTIONS * np.gradient(bits, axis=1)
        by_level = np.gradient(bits, axis=0)
        chance = 2.0**-bits
        chance /= chance.sum(1, keepdims=True)

        def information(slope):  # Fisher's, which is what a second derivative is on average, in bits
            return (np.log(2) * (chance * slope**2).sum(1)).astype(np.float32)

        self._bits, self._by_mean, self._by_level = (
            v.astype(np.float32).ravel() for v in (bits, -by_distance, by_level)
        )
        self.of_mean, self.of_level = information(by_distance), information(by_level)

    def __call__(self, mean: np.ndarray, level: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, ...]:
        """Bits, their derivatives by mean and by level, and the nearest level, all of one shape.

        mean, actual: pixel values; level: a real number, 0 to SCALE_LEVELS - 1.
        """
        nearest = np.rint(level).astype(np.int32)
        distance = np.rint(FRACTIONS * (actual - mean) + 0.375).clip(-REACH, REACH - 1).astype(np.int32)
        place = nearest * (2 * REACH) + distance + REACH
        return self._bits[place], self._by_mean[place], self._by_level[place], nearest
