"""ColorVideoVDP (Mantiuk et al. 2024) in JOD, by the PyPI package ``cvvdp``, which needs torchvision.

10 is equal; one less is seen by three viewers of four. The display is the package's "standard_4k": a 30 inch monitor of
200 nits at 0.75 m.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

DISPLAY = "standard_4k"


@lru_cache(maxsize=1)
def missing() -> str | None:
    """Why it cannot be measured here; None if it can."""
    try:
        import pycvvdp  # noqa: F401
    except Exception as error:  # whatever it lacks, or a torchvision that does not fit torch
        return f"{type(error).__name__}: {error} (pip install cvvdp, with a torchvision that fits torch)"
    return None


@lru_cache(maxsize=1)
def _metric() -> Any:
    import pycvvdp

    return pycvvdp.cvvdp(display_name=DISPLAY, quiet=True)


def jod(original: np.ndarray, decoded: np.ndarray) -> float:
    """Of two (H, W, 3) uint8 sRGB pictures."""
    value, _ = _metric().predict(decoded, original, dim_order="HWC")
    return float(value)
