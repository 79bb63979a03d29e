"""Masks that say where a picture matters."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..errors import ImageError
from .picture import Picture
from .reading import as_picture
from .writing import channels

WHITE = {np.dtype(np.bool_): 1, np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def mask(image: np.ndarray | Image.Image | Picture, height: int, width: int) -> np.ndarray:
    """A mask as float32 (H, W) in 0..1. image: array (H, W) of bool, uint8 or uint16, or a picture, shown in grey.

    Raises ImageError where it is not of the picture's size, or transparent anywhere.
    """
    values = _grey(image) if isinstance(image, (Image.Image, Picture)) else np.asarray(image)
    white = WHITE.get(values.dtype.newbyteorder("="))
    if white is None:
        raise ImageError(f"roi holds {values.dtype}; give a mask of bool, of 0..255 (uint8) or of 0..65535 (uint16)")
    if values.shape != (height, width):
        shape = "x".join(map(str, values.shape[::-1]))
        raise ImageError(f"roi is {shape}, but the picture {width}x{height}: give one grey value for each pixel")
    return values.astype(np.float32) / np.float32(white)


def _grey(image: Image.Image | Picture) -> np.ndarray:
    """Brightness, of the picture's dtype (H, W)."""
    try:
        picture = as_picture(image)
    except ImageError as error:
        raise ImageError(f"roi {error}") from None
    if picture.alpha is not None:
        raise ImageError("roi is transparent in places: make them black, or white where errors are to be smaller")
    return channels(picture.rgb, grey=True)[..., 0]
