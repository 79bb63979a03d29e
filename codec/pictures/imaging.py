"""Pictures in and out: what other rooms ask of this one, by one name."""

from .masks import mask
from .picture import Picture, check_size, from_array
from .reading import as_picture, from_bytes, from_pillow, opened
from .writing import channels, check_format, output_format, to_bytes, to_pillow

__all__ = [
    "Picture",
    "as_picture",
    "channels",
    "check_format",
    "check_size",
    "from_array",
    "from_bytes",
    "from_pillow",
    "mask",
    "opened",
    "output_format",
    "to_bytes",
    "to_pillow",
]
