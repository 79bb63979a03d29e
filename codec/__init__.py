"""selfvae-codec: a learned image codec whose files decode at every level, from thumbnail to full quality.

>>> data = selfvae_codec.encode(image, quality=50)     # uint8 array (H, W, 3) or Pillow image -> bytes
>>> x = selfvae_codec.decode(data)                     # -> uint8 array (H, W, 3)
>>> guess = selfvae_codec.decode(data, levels=1)       # the same file, stopped early

Importing this package is cheap: networks, and the libraries that run them, load at the first use.
"""

from __future__ import annotations

from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

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
from .format.container import Header, Level, read_header
from .format.metadata import Metadata
from .models.config import DEFAULT_EFFORT, DEFAULT_MODEL, DEFAULT_ROI_GAIN, MAX_EFFORT, MAX_ROI_GAIN, TUNES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import DTypeLike
    from PIL import Image

    from .coding.modes import Reconstruction
    from .pictures.imaging import Picture

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


def encode(
    image: np.ndarray | Image.Image | Picture,
    *,
    quality: float = 50,
    levels: int | None = None,
    lossless: bool = False,
    target_bpp: float | None = None,
    target_size: float | None = None,
    target_psnr: float | None = None,
    target_ssimulacra2: float | None = None,
    effort: int = DEFAULT_EFFORT,
    tune: str = TUNES[0],
    roi: np.ndarray | Image.Image | None = None,
    roi_gain: float = DEFAULT_ROI_GAIN,
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
    metadata: Metadata | None = None,
) -> bytes:
    """The file of a picture.

    image: array (H, W, 3), (H, W, 4) with alpha, or (H, W) for grey, uint8 or uint16, or a Pillow image, whose
    orientation is applied; an array is taken as it is to be seen. Alpha is kept exactly, whatever the quality.
    quality: 0 (smallest) to 100 (lossless), fractions allowed. levels: write only the first ones (1 or more).
    lossless: the last level is the exact pixels, whatever the quality; of 16 bits, the one before it those of 8 bits.
    target_bpp, target_size, target_psnr: instead of a quality, one of: the most bits per pixel, or bytes, that the
    whole file may take, or the least PSNR in dB of what it decodes to, over R, G and B. The search encodes several
    times, and warns (TargetWarning) if no quality below lossless gets there. target_ssimulacra2: the same for points of
    SSIMULACRA2 (100: equal, 90: hard to tell, 70: high), by the package of the extra ``bench``.
    effort: 0 (fastest) to 9, passes that fit what is coded to what decoders show; the first takes as long as encoding
    without, the others less than half of that each, and decoding is the same for all.
    tune: "visual" for an eye: steps are finer where it sees errors and coarser where textures hide them; "psnr" for the
    least squared error.
    roi: a mask of the picture's size, a grey array (H, W) of 0..255 or of bool, or a Pillow image: where it is white,
    quantisation steps are smaller by roi_gain dB (larger, if that is negative), and errors by about half of that; where
    it is black, all is as without it; in cells of 32 pixels. The file grows by what that takes.
    model: its name, for example "edge", or the path of a weights file. backend: what runs the networks: "auto" for the
    fastest that is installed, "native", "onnxruntime" or "torch". metadata: default is a Pillow image's own;
    ``Metadata()`` keeps none.

    Raises ImageError for a picture that cannot be coded, CodecError for settings out of range, WeightsError for a model
    that is not installed.
    """
    import numpy as np

    from .choice import encoder, ratecontrol
    from .coding import depth
    from .format import container
    from .format import metadata as sections
    from .pictures import alpha, exif, imaging
    from .pictures.psnr import psnr_db

    asked = {
        "target_bpp": target_bpp,
        "target_size": target_size,
        "target_psnr": target_psnr,
        "target_ssimulacra2": target_ssimulacra2,
    }
    targets = {name: value for name, value in asked.items() if value is not None}
    lossless = lossless or (quality == 100 and not targets)
    check_settings(quality=quality, levels=levels, targets=targets, lossless=lossless, effort=effort, tune=tune)
    if not -MAX_ROI_GAIN <= roi_gain <= MAX_ROI_GAIN:
        raise CodecError(f"roi_gain={roi_gain} is out of range: -{MAX_ROI_GAIN:g} to {MAX_ROI_GAIN:g} dB")
    if roi is not None and lossless:
        raise CodecError("a lossless file keeps everything exactly: give lossless or roi, not both")
    picture = imaging.as_picture(image)
    x8, deep = depth.to_8(picture.rgb), picture.depth == 16
    height, width = picture.rgb.shape[:2]
    region = None if roi is None else roi_gain * imaging.mask(roi, height, width)
    section = sections.pack(
        picture.metadata if metadata is None else exif.upright(metadata, of_array=isinstance(image, np.ndarray)),
        None if picture.alpha is None else alpha.pack(picture.alpha),
    )

    def encode_at(quality: float) -> bytes:
        encoded = encoder.encode_levels(
            picture.rgb,
            quality=quality,
            levels=levels,
            grey=picture.grey,
            lossless=lossless,
            effort=effort,
            tune=tune,
            region=region,
            model=model,
            backend=backend,
        )
        return container.pack(
            width=width,
            height=height,
            model_id=encoded.model_id,
            step=encoded.step,
            quality=100 if lossless else min(round(quality), 99),
            y_step=encoded.y_step,
            tune=encoded.tune,
            activity=encoded.activity,
            payloads=encoded.payloads,
            symbol_checks=encoded.symbol_checks,
            grey=picture.grey,
            lossless=lossless,
            deep=deep,
            metadata=section,
        )

    def psnr_of(data: bytes) -> float:
        return psnr_db(decode(data, dtype="uint8", size_limit=inf, backend=backend)[..., :3], x8)

    if target_psnr is not None:
        target = ratecontrol.psnr(target_psnr, psnr_of)
    elif target_ssimulacra2 is not None:
        target = ratecontrol.ssimulacra2(target_ssimulacra2, _ssimulacra2_of(picture.rgb, backend))
    elif target_bpp is not None:
        target = ratecontrol.size(target_bpp * width * height / 8)
    elif target_size is not None:
        target = ratecontrol.size(target_size)
    else:
        return encode_at(quality)
    return ratecontrol.search(encode_at, target)


def _ssimulacra2_of(x: np.ndarray, backend: str) -> Callable[[bytes], float]:
    """Points of SSIMULACRA2 of a file of the picture x. Raises CodecError where nothing measures them."""
    try:
        from .pictures import ssimulacra2
    except ImportError as error:
        raise CodecError(
            f"target_ssimulacra2 needs {error.name}, which is not installed: pip install 'selfvae-codec[bench]'"
        ) from None
    if min(x.shape[:2]) < ssimulacra2.SMALLEST:
        raise CodecError(f"SSIMULACRA2 is for pictures of at least {ssimulacra2.SMALLEST} pixels a side")
    reference = ssimulacra2.reference(x)
    return lambda data: ssimulacra2.score(reference, decode(data, size_limit=inf, backend=backend)[..., :3])


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

    Raises FormatError for bytes that are not a sound file, CodecError for ``levels`` and ``dtype`` out of range,
    SizeLimitError for more pixels than the limit, ModelError for a model that is not known, MismatchError if this
    machine decodes other symbols than were encoded.
    """
    import numpy as np

    from .coding import depth
    from .coding import levels as reader
    from .format import container
    from .format.limits import check_size_limit

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

    from .format import container
    from .pictures import alpha

    try:
        found = alpha.find(container.read_metadata(data, header), header.height, header.width)
        return None if found is None else alpha.pixels(found)
    except FormatError as error:
        warnings.warn(f"{error}; without metadata, transparency is lost too", MetadataWarning, stacklevel=3)
        return None


def _take(model: str | None) -> None:
    """From now on files of these weights can be read. Raises WeightsError."""
    if model is not None:
        from .models.exact import weights

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
    from .coding import levels as reader
    from .format import container
    from .format.limits import check_size_limit

    header = read_header(data)
    check_size_limit(header, size_limit)
    _take(model)
    header, payloads = container.read_levels(data, min(header.n_levels, 2) if level is None else level)
    return reader.representation(header, payloads[:2], backend)


def generate(size: tuple[int, int], seed: int, *, model: str = DEFAULT_MODEL, backend: str = "auto") -> np.ndarray:
    """A picture drawn from the model alone, uint8 (H, W, 3). size: (width, height), as in Pillow; model: its name."""
    from .coding import modes
    from .pictures import imaging

    width, height = size
    imaging.check_size(width, height)
    return modes.generate(height, width, seed=seed, model=model, backend=backend)


def reconstruct(
    image: np.ndarray | Image.Image | Picture,
    given: Iterable[str] = ("y", "z"),
    *,
    seed: int | None = None,
    quality: float = 50,
    model: str = DEFAULT_MODEL,
    backend: str = "auto",
) -> Reconstruction:
    """What the model makes of a picture of which it is given some variables: the modes of the paper, as one function.

    given: nothing, ("y",), ("y", "z"), ("u",), ("u", "z") or ("y", "z", "x"); these are taken from the picture, as an
    encoder takes them. All else is what the model expects, or with ``seed`` a draw from it; the same seed draws the
    same. quality: as in ``encode``; at 100, or where x is given, the stream ends with the exact pixels x.

    Returns the picture, uint8 (H, W, 3), without alpha, and ``bits``, what each variable that was given costs.
    Raises ImageError for a picture that cannot be coded, CodecError for settings out of range.
    """
    from .choice import encoder
    from .coding import depth
    from .pictures import imaging

    check_settings(quality=quality)
    picture = imaging.as_picture(image)
    return encoder.reconstruct(
        depth.to_8(picture.rgb), given, seed=seed, quality=quality, grey=picture.grey, model=model, backend=backend
    )


def set_threads(count: int | None) -> None:
    """How many threads networks run on from now on, in this process; None: as many as there are cores.

    Files and pictures are the same for any number. Raises ValueError for a count below 1.
    """
    from .models.exact import backends

    backends.set_threads(count)


def read_metadata(data: bytes) -> Metadata:
    """ICC profile, EXIF and XMP of a file. Raises FormatError, ChecksumError if they are damaged."""
    from .format import container
    from .format import metadata as sections

    return sections.unpack(container.read_metadata(data, read_header(data)))


def check_settings(
    *,
    quality: float,
    levels: int | None = None,
    targets: Mapping[str, float] = MappingProxyType({}),
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    tune: str = TUNES[0],
) -> None:
    """Raises CodecError for encoder settings that no picture could make legal."""
    if not 0 <= quality <= 100:
        raise CodecError(f"quality={quality} is out of range: 0 (smallest) to 100 (lossless)")
    if lossless and targets:
        raise CodecError(f"a lossless file is as large as it is: give lossless or {next(iter(targets))}, not both")
    if len(targets) > 1:
        raise CodecError(f"give one of {' and '.join(targets)}")
    if not 0 <= effort <= MAX_EFFORT:
        raise CodecError(f"effort={effort} is out of range: 0 (fastest) to {MAX_EFFORT}")
    if tune not in TUNES:
        raise CodecError(f"tune={tune!r} is none of {', '.join(TUNES)}")
    if levels is not None and levels < 1:
        raise CodecError(f"levels={levels} is out of range: a file has at least 1 level")
    for name, value in targets.items():
        if not value > 0:
            raise CodecError(f"{name}={value} is out of range: it must be above 0")
