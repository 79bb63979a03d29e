"""Arrays of pictures <-> bytes, for stores of arrays: a chunk is its pictures' files, one after the other.

The last two axes of a chunk are a picture's rows and columns, or the last three, where its last axis has 3 values (red,
green, blue) or 4 (and alpha). All axes before them count pictures. A file says where it ends, so nothing lies between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import selfvae_codec

from .api.encoding import check_settings
from .errors import CodecError, FormatError, TruncatedError
from .format import container
from .models.config import DEFAULT_EFFORT, DEFAULT_MODEL, TUNES
from .pictures import imaging
from .pictures.imaging import Picture


@dataclass(frozen=True)
class Settings:
    """How chunks are coded; as in ``selfvae_codec.encode``, but exact unless told otherwise.

    channels: whether the last axis holds channels; None: where it has 3 or 4 values and there are two more.
    """

    lossless: bool = True
    quality: float = 50
    effort: int = DEFAULT_EFFORT
    tune: str = TUNES[0]
    model: str = DEFAULT_MODEL
    channels: bool | None = None

    def __post_init__(self) -> None:
        check_settings(quality=self.quality, effort=self.effort, tune=self.tune)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has them."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in told.items()}


def encode(x: np.ndarray, settings: Settings) -> bytes:
    """The bytes of a chunk, uint8 or uint16, (..., H, W), (..., H, W, 3) or (..., H, W, 4).

    Raises ImageError, CodecError.
    """
    check(x.shape, x.dtype, settings)
    known = settings.as_dict()
    del known["channels"]
    shape = x.shape[-3:] if _has_channels(x.shape, settings) else x.shape[-2:]
    return b"".join(selfvae_codec.encode(_picture(frame), **known) for frame in x.reshape(-1, *shape))


def decode(
    data: bytes, settings: Settings, shape: tuple[int, ...] | None = None, dtype: np.dtype | None = None
) -> np.ndarray:
    """The chunk, of a shape if it is known, else (H, W), (H, W, channels) or (pictures, ...) if there are several.

    dtype: what it must be; its byte order is taken. Raises FormatError for bytes that are not a chunk of that shape and
    dtype, and what ``selfvae_codec.decode`` raises.
    """
    frames, at = [], 0
    while at < len(data):
        end = at + container.read_header(data[at : at + container.MAX_HEADER_BYTES]).file_bytes
        frames.append(_array(data[at:end], settings.model))
        at = end
    if not frames or len({(frame.shape, frame.dtype) for frame in frames}) > 1:
        raise FormatError("the chunk does not hold pictures of one kind")
    x = np.stack(frames) if len(frames) > 1 else frames[0]
    if dtype is not None and x.dtype != dtype.newbyteorder("="):
        raise FormatError(f"the chunk holds an array of {x.dtype}, not {dtype}")
    if shape is not None and (x.size != np.prod(shape) or x.shape[-2:] != shape[-2:]):
        raise FormatError(f"the chunk holds an array of shape {x.shape}, not {shape}")
    return x.astype(dtype or x.dtype, copy=False).reshape(x.shape if shape is None else shape)


def check(shape: tuple[int, ...], dtype: np.dtype, settings: Settings) -> None:
    """Raises CodecError for arrays that hold no pictures as the settings have them."""
    if dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise CodecError(f"the array is {dtype}; pictures are uint8 or uint16")
    if len(shape) < 2:
        raise CodecError(f"pictures have rows and columns, but the array's shape is {shape}")
    if settings.channels and (len(shape) < 3 or shape[-1] not in (3, 4)):
        raise CodecError(f"channels=True takes a last axis of 3 or 4 values after two others; the shape is {shape}")


def _has_channels(shape: tuple[int, ...], settings: Settings) -> bool:
    return len(shape) > 2 and shape[-1] in (3, 4) if settings.channels is None else settings.channels


def _picture(frame: np.ndarray) -> Picture:
    """As imaging makes it, but an opaque alpha channel is kept: a chunk decodes to its own shape."""
    picture = imaging.from_array(frame)
    if frame.ndim == 3 and frame.shape[2] == 4 and picture.alpha is None:
        picture = Picture(picture.rgb, picture.grey, np.ascontiguousarray(frame[:, :, 3]))
    return picture


def _array(data: bytes, model: str) -> np.ndarray:
    """An array is whole or an error: what ``decode`` warns of and shows all the same is refused."""
    header = container.read_header(data)
    if len(data) < header.file_bytes:
        raise TruncatedError(f"the chunk is cut off after {len(data)} of {header.file_bytes} bytes of a picture")
    container.read_metadata(data, header)  # alpha is in it
    x = imaging.channels(selfvae_codec.decode(data, size_limit=math.inf, model=model), grey=header.grey)
    return x[..., 0] if x.shape[2] == 1 else x
