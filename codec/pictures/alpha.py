"""The alpha channel: exact at every level, as a PNG in the metadata section, where a reader of any level finds it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ..errors import FormatError


def pack(alpha: np.ndarray) -> bytes:
    """alpha: uint8 (H, W)."""
    buffer = io.BytesIO()
    Image.fromarray(alpha).save(buffer, format="PNG")
    return buffer.getvalue()


def unpack(png: bytes, height: int, width: int) -> np.ndarray:
    """uint8 (H, W). Raises FormatError unless it is an 8-bit grey PNG of the picture's size."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.size != (width, height) or image.mode != "L":
                raise FormatError(
                    f"the alpha channel is {image.mode} {image.size}, not that of {width}x{height} pixels"
                )
            return np.array(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"the alpha channel is damaged ({error})") from None
