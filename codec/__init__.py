"""selfvae-codec: a learned image codec whose files decode at every level, from thumbnail to full quality.

>>> data = selfvae_codec.encode(image, quality=50)     # uint8 array (H, W, 3) or Pillow image -> bytes
>>> x = selfvae_codec.decode(data)                     # -> uint8 array (H, W, 3)
>>> guess = selfvae_codec.decode(data, levels=1)       # the same file, stopped early

Importing this package takes a millisecond: names load at their first use, networks and what runs them when needed.
"""

from __future__ import annotations

from .errors import (
    ChecksumError,
    CodecError,
    CodecWarning,
    FormatError,
    HeaderError,
    ImageError,
    MetadataWarning,
    MismatchError,
    ModelError,
    NotSelfvaeError,
    PictureWarning,
    SizeLimitError,
    SizeWarning,
    TargetWarning,
    TrailingBytesError,
    TruncatedError,
    TruncatedWarning,
    UnknownModelError,
    VersionError,
    WeightsError,
    WeightsWarning,
)

TYPE_CHECKING = False  # type checkers take it for true; typing itself takes longer to load than all of this
if TYPE_CHECKING:
    from typing import Any

    from .api.decoding import decode, read_metadata, representation
    from .api.encoding import encode
    from .api.modelling import generate, reconstruct, set_threads
    from .format.header import Header, Level, read_header
    from .format.metadata import Metadata

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "CodecError",
    "CodecWarning",
    "FormatError",
    "Header",
    "HeaderError",
    "ImageError",
    "Level",
    "Metadata",
    "MetadataWarning",
    "MismatchError",
    "ModelError",
    "NotSelfvaeError",
    "PictureWarning",
    "SizeLimitError",
    "SizeWarning",
    "TargetWarning",
    "TrailingBytesError",
    "TruncatedError",
    "TruncatedWarning",
    "UnknownModelError",
    "VersionError",
    "WeightsError",
    "WeightsWarning",
    "decode",
    "encode",
    "generate",
    "read_header",
    "read_metadata",
    "reconstruct",
    "representation",
    "set_threads",
]

_PLACES = {  # of names that load when they are first asked for
    "decode": "api.decoding",
    "encode": "api.encoding",
    "generate": "api.modelling",
    "Header": "format.header",
    "Level": "format.header",
    "Metadata": "format.metadata",
    "read_header": "format.header",
    "read_metadata": "api.decoding",
    "reconstruct": "api.modelling",
    "representation": "api.decoding",
    "set_threads": "api.modelling",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    globals()[name] = found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
