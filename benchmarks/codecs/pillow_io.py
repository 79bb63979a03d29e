"""Encode and decode through Pillow, in memory."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, features


def save(pixels: np.ndarray, fmt: str, **options) -> bytes:
    """(H, W, 3) uint8 to the bytes of a ``fmt`` file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, fmt, **options)
    return out.getvalue()


def load(data: bytes, threads: int = 1) -> np.ndarray:
    """The bytes of any file Pillow reads to (H, W, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def library(feature: str, name: str) -> str:
    """'libwebp 1.6.0 through Pillow 13.0.0', for descriptions."""
    import PIL

    return f"{name} {features.version(feature) or 'unknown'} through Pillow {PIL.__version__}"


def need(feature: str) -> None:
    """Raise ImportError where this Pillow was built without ``feature``."""
    if not features.check(feature):
        raise ImportError(f"this Pillow was built without {feature}")
