"""How much work a file may ask for: its decoder's time and memory follow the padded pixels that its header claims.

The default is what Pillow users know: a warning above a limit, an error above twice that.
"""

from __future__ import annotations

import warnings

from ..errors import SizeLimitError, SizeWarning
from .header import Header

DEFAULT_PIXELS = 1024 * 1024 * 1024 // 4 // 3  # a quarter of a gibibyte of RGB, as Pillow's MAX_IMAGE_PIXELS


def check_size_limit(header: Header, size_limit: float | None = None) -> None:
    """Warns of, or refuses, a picture of more padded pixels than are allowed.

    size_limit: the most that are, ``math.inf`` for any number; None: SizeWarning above DEFAULT_PIXELS, and
    SizeLimitError above twice as many.
    """
    pixels = header.padded_pixels
    allowed = 2 * DEFAULT_PIXELS if size_limit is None else size_limit
    said = f"a picture of {header.width}x{header.height} takes the work of {pixels} pixels"
    if not pixels <= allowed:  # nor is NaN a limit
        raise SizeLimitError(f"{said}, more than {allowed:.0f}, the limit; raise the size limit if you trust the file")
    if size_limit is None and pixels > DEFAULT_PIXELS:
        message = f"{said}, more than {DEFAULT_PIXELS}: gigabytes of memory, for however small a file"
        warnings.warn(message, SizeWarning, stacklevel=3)
