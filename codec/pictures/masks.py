"""Masks that say where a picture matters."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from ..errors import ImageError

WHITE = {np.dtype(np.bool_): 1, np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def mask(image: np.ndarray | Image.Image, height: int, width: int) -> np.ndarray:
    """A mask as float32 (H, W) in 0..1. image: array (H, W) of bool, uint8 or uint16, or a Pillow image, shown in grey.

    Raises ImageError where it is not of the picture's size.
    """
    if isinstance(image, Image.Image):
        image = np.asarray(ImageOps.exif_transpose(image).convert("L"))
    values = np.asarray(image)
    if values.dtype not in WHITE:
        raise ImageError(f"roi holds {values.dtype}; give a mask of bool or of 0..255 (uint8)")
    if values.shape != (height, width):
        shape = "x".join(map(str, values.shape[::-1]))
        raise ImageError(f"roi is {shape}, but the picture {width}x{height}: give one grey value for each pixel")
    return values.astype(np.float32) / np.float32(WHITE[values.dtype])
