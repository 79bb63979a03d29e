"""A file -> its picture, or what else it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CodecError, FormatError, MetadataWarning
from ..format.container import Header, read_header
from ..format.metadata import Metadata
from .checks import check_seed, check_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike


def decode(
    data: bytes,
    levels: int | None = None,
    *,
    partial: bool = False,
    sample: int | None = None,
    dtype: DTypeLike | None = None,
    size_limit: float | None = None,
    model: str | None = None,
    backend: str = "auto",
) -> np.ndarray:
    """The picture of a file, (H, W, 3), or (H, W, 4) if it has alpha, from its first levels (default: all).

    What the levels do not hold is the model's expectation, or with ``sample``, a seed, a draw from the model.
    A cut-off file decodes to its last whole level with a TruncatedWarning. With ``partial``, what is there of the next
    level is used too, down to single channels of latents, although nothing can check it: for downloads that go on.
    dtype: uint8, or uint16, of which white is 65535, and whose nearest 8 bits are the same picture: lossy files know
    more than 8. Default: that of the picture that was encoded.
    size_limit: the most pixels, counted with their padding to multiples of 64, that are decoded: a small file can claim
    many, and each takes up to 80 bytes. Default: as Pillow has it, SizeWarning above 89 million, an error above twice
    that; ``math.inf`` allows any number.
    model: the path of weights that the file may have been written with, beside those that are installed; this process
    knows them from then on.

    Raises FormatError for bytes that are not a sound file, CodecError for ``levels``, ``sample`` and ``dtype`` out of
    range, SizeLimitError for more pixels than the limit, ModelError for a model that is not known, MismatchError if
    this machine decodes other symbols than were encoded.
    """
    import numpy as np

    from ..coding import depth
    from ..coding import levels as reader
    from ..format import container
    from ..format.limits import check_size_limit

    check_whole(levels=levels)
    check_seed(sample=sample)
    if dtype is not None and np.dtype(dtype) not in (np.uint8, np.uint16):
        raise CodecError(f"dtype={np.dtype(dtype)} is out of range: pictures are uint8 or uint16")
    deep = read_header(data).deep if dtype is None else np.dtype(dtype) == np.uint16
    check_size_limit(read_header(data), size_limit)
    _take(model)
    header, payloads = container.read_levels(data, levels, partial=partial)
    transparency = _alpha(data, header)
    part = container.read_part(data, header, levels) if partial else b""
    x = reader.decode_levels(header, payloads, part=part, sample=sample, deep=deep, backend=backend)
    if transparency is None:
        return x
    return np.dstack([x, depth.to_16(transparency) if deep else depth.to_8(transparency)])


def _alpha(data: bytes, header: Header) -> np.ndarray | None:
    """The alpha channel, uint8 (H, W). Damage to it is reported and leaves the picture opaque."""
    import warnings

    from ..format import container
    from ..pictures import alpha

    try:
        found = alpha.find(container.read_metadata(data, header), header.height, header.width)
        return None if found is None else alpha.pixels(found)
    except FormatError as error:
        warnings.warn(f"{error}; without metadata, transparency is lost too", MetadataWarning, stacklevel=3)
        return None


def _take(model: str | None) -> None:
    """From now on files of these weights can be read. Raises WeightsError."""
    if model is not None:
        from ..models.exact import weights

        weights.identify(model)


def representation(
    data: bytes,
    level: int | None = None,
    *,
    size_limit: float | None = None,
    model: str | None = None,
    backend: str = "auto",
) -> np.ndarray:
    """The exact thumbnail or sketch that a file holds, uint8 (h, w, 3).

    level: 1 for the first one, 2 (or more) for the second; default: the last that the file holds.
    size_limit, of the whole picture, and model: as in ``decode``. Raises what ``decode`` raises.
    """
    from ..coding import levels as reader
    from ..format import container
    from ..format.limits import check_size_limit

    check_whole(level=level)
    header = read_header(data)
    check_size_limit(header, size_limit)
    _take(model)
    wanted = min(header.n_levels, 2) if level is None else level
    header, payloads = container.read_levels(data, wanted, partial=True)  # a part of a level is of no use here
    return reader.representation(header, payloads[:2], backend)


def read_metadata(data: bytes) -> Metadata:
    """ICC profile, EXIF and XMP of a file. Raises FormatError, ChecksumError if they are damaged."""
    from ..format import container
    from ..format import metadata as sections

    return sections.unpack(container.read_metadata(data, read_header(data)))
