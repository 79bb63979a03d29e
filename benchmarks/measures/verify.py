"""No codec is measured before it has shown that it works."""

from __future__ import annotations

import numpy as np

from ..codecs import Codec
from .quality import psnr_db

WORST_PSNR_DB = 18.0  # a swapped channel or a shifted picture lands below this, a bad quality above


class VerificationError(Exception):
    """A codec did not give back what it should; the message says what."""


def verify(codec: Codec, pixels: np.ndarray, threads: int = 1) -> None:
    """Round trip of ``pixels`` and of an odd-sized corner; warms the codec up as well.

    Checks shape, dtype, that encoding twice gives the same bytes, equality
    (lossless) or a plausible PSNR at the best setting (lossy). Raises
    VerificationError.
    """
    corner = np.ascontiguousarray(pixels[: min(61, pixels.shape[0]), : min(97, pixels.shape[1])])
    for picture, what in ((pixels, "the picture"), (corner, "an odd-sized corner")):
        H, W = picture.shape[:2]
        try:
            data = codec.encode(picture, codec.settings[-1], threads)
            again = codec.encode(picture, codec.settings[-1], threads)
            decoded = codec.decode(data, threads)
        except Exception as error:  # whatever a library raises, the run goes on without it
            raise VerificationError(f"{codec.key}: {what} ({W}x{H}): {error!r}") from error
        if decoded.shape != picture.shape or decoded.dtype != np.uint8:
            raise VerificationError(
                f"{codec.key}: {what} came back as {decoded.dtype} {decoded.shape}, not uint8 {picture.shape}"
            )
        if data != again:
            raise VerificationError(f"{codec.key}: encoding {what} twice gave different bytes")
        if codec.lossless and not np.array_equal(decoded, picture):
            raise VerificationError(f"{codec.key}: says lossless, but {what} changed")
        if not codec.lossless and psnr_db(picture, decoded) < WORST_PSNR_DB:
            raise VerificationError(
                f"{codec.key}: {what} came back at {psnr_db(picture, decoded):.1f} dB at the best setting"
            )
