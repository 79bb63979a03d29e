"""Peak signal-to-noise ratio of 8-bit pictures."""

from __future__ import annotations

import numpy as np


def psnr_db(x: np.ndarray, reference: np.ndarray) -> float:
    """PSNR in dB of two uint8 arrays of one shape, over all samples; infinite if they are equal."""
    mse = np.mean((x.astype(np.float64) - reference) ** 2)
    return float(10 * np.log10(255**2 / mse)) if mse else float("inf")
