"""The codec for zarr format 3, found by its name, "selfvae_codec": array to bytes, so that it is the serializer.

>>> zarr.create_array(store, ..., serializer=selfvae_codec.zarr.Svae(lossless=False, quality=75), compressors=None)
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.codec import ArrayBytesCodec

from . import chunks

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

NAME = "selfvae_codec"


@dataclass(frozen=True)
class Svae(ArrayBytesCodec):
    """Pictures in the last two or three axes of chunks of uint8 or uint16.

    Settings as in ``selfvae_codec.chunks.Settings``: lossless unless told otherwise.
    """

    settings: chunks.Settings
    is_fixed_size = False

    def __init__(self, **settings: Any):
        object.__setattr__(self, "settings", chunks.Settings(**settings))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Svae:
        return cls(**(data.get("configuration") or {}))

    def to_dict(self) -> dict[str, Any]:
        return {"name": NAME, "configuration": self.settings.as_dict()}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuses an array that no chunk of could be coded, when it is made. Raises CodecError."""
        chunks.check(tuple(shape), dtype.to_native_dtype(), self.settings)

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        data = await asyncio.to_thread(chunks.encode, np.asarray(chunk_array.as_numpy_array()), self.settings)
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        wanted = (self.settings, chunk_spec.shape, chunk_spec.dtype.to_native_dtype())
        x: Any = await asyncio.to_thread(chunks.decode, chunk_bytes.to_bytes(), *wanted)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(x)

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: ArraySpec) -> int:
        raise NotImplementedError
