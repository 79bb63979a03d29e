"""A picture as the codec takes it in, and arrays as pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import ImageError
from ..format.fields import MAX_PIXELS, MAX_SIDE
from ..format.metadata import Metadata


@dataclass(frozen=True)
class Picture:
    """rgb: uint8 or uint16 (H, W, 3). grey: the source had one channel; its three channels here are equal.

    alpha: (H, W) of the same dtype, None where the picture is opaque. turned: EXIF's orientation, 1 to 8, by which
    pixels were turned to be as they are seen.
    """

    rgb: np.ndarray
    grey: bool = False
    alpha: np.ndarray | None = None
    metadata: Metadata = field(default_factory=Metadata)
    turned: int = 1

    @property
    def depth(self) -> int:
        """Bits a channel: 8 or 16."""
        return 8 * self.rgb.dtype.itemsize


def from_array(x: np.ndarray, metadata: Metadata | None = None) -> Picture:
    """uint8 or uint16, (H, W, 3), (H, W, 4) with alpha, or (H, W) for grey. Alpha that is opaque everywhere is dropped.

    Raises ImageError for other dtypes, shapes, sizes.
    """
    if x.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise ImageError(f"the array is {x.dtype}; give uint8 values 0..255 or uint16 values 0..65535")
    if not (x.ndim == 2 or (x.ndim == 3 and x.shape[2] in (3, 4))):
        raise ImageError(f"the array has shape {x.shape}; give (H, W, 3), (H, W, 4) or (H, W)")
    check_size(x.shape[1], x.shape[0])
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    grey = x.ndim == 2
    rgb = np.repeat(x[:, :, None], 3, axis=2) if grey else np.ascontiguousarray(x[:, :, :3])
    alpha = unless_opaque(x[:, :, 3]) if x.ndim == 3 and x.shape[2] == 4 else None
    return Picture(rgb, grey, alpha, metadata or Metadata())


def unless_opaque(alpha: np.ndarray) -> np.ndarray | None:
    """An alpha channel, None if it hides nothing."""
    return np.ascontiguousarray(alpha) if alpha.min() < np.iinfo(alpha.dtype).max else None


def check_size(width: int, height: int) -> None:
    """Raises ImageError unless a file of ours can hold a picture of that size."""
    if width < 1 or height < 1:
        raise ImageError(f"is {width}x{height} pixels: there is nothing to code")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"is {width}x{height} pixels, but a side may have {MAX_SIDE}; scale or split it")
    if width * height > MAX_PIXELS:
        raise ImageError(f"has {width * height} pixels, but {MAX_PIXELS} are the limit; scale or split it")
