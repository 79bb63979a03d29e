"""The codec for numcodecs, and so for zarr format 2, kerchunk and xarray: found by its id, "selfvae_codec".

>>> zarr.create_array(store, ..., zarr_format=2, compressors=selfvae_codec.numcodecs.Svae(lossless=False, quality=75))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ndarray_copy

from . import chunks
from .errors import CodecError


class Svae(Codec):
    """Pictures in the last two or three axes of chunks of uint8 or uint16.

    Settings as in ``selfvae_codec.chunks.Settings``: lossless unless told otherwise.
    """

    codec_id = "selfvae_codec"

    def __init__(self, **settings: Any):
        self.settings = chunks.Settings(**settings)

    def encode(self, buf: Any) -> bytes:
        """buf: an array; its shape says what the pictures are. Raises ImageError, CodecError."""
        x = np.asarray(buf)
        if x.flags.f_contiguous and not x.flags.c_contiguous:  # as zarr wants it back, but nothing says so to a decoder
            raise CodecError("the array lies in memory column by column: make it with order='C', row by row")
        if x.dtype.newbyteorder("<") != x.dtype:
            raise CodecError(f"the array is {x.dtype}: a decoder has bytes alone, and takes them for little-endian")
        return chunks.encode(x, self.settings)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The array, little-endian, or ``out`` filled with it. Raises FormatError."""
        x = chunks.decode(ensure_bytes(buf), self.settings)
        return ndarray_copy(x.astype(x.dtype.newbyteorder("<"), copy=False), out)

    def get_config(self) -> dict[str, Any]:
        return {"id": self.codec_id} | self.settings.as_dict()
