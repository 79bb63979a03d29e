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
        import torchvision  # noqa: F401
    except RuntimeError:
        _declare_operators()
    except ImportError:
        pass  # said below
    try:
        import pycvvdp  # noqa: F401
    except Exception as error:  # whatever it lacks, or a torchvision that does not fit torch
        return f"{type(error).__name__}: {error} (pip install cvvdp torchvision)"
    return None


def _declare_operators() -> None:
    """Let a torchvision be imported whose compiled operators do not fit this torch, as PyPI's beside a torch for CPUs.

    It asks torch for two of them while it is imported; cvvdp uses none.
    """
    import sys

    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # what a failed import has left
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    _declared.append(library)  # they go with it


_declared: list[Any] = []


@lru_cache(maxsize=1)
def _metric() -> Any:
    import pycvvdp

    return pycvvdp.cvvdp(display_name=DISPLAY, quiet=True)


def jod(original: np.ndarray, decoded: np.ndarray) -> float:
    """Of two (H, W, 3) uint8 sRGB pictures."""
    value, _ = _metric().predict(decoded, original, dim_order="HWC")
    return float(value)
