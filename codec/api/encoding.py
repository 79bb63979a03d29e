"""A picture -> a file: once, or as often as a target of size or quality takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..errors import CodecError
from ..models.config import DEFAULT_EFFORT, DEFAULT_MODEL, DEFAULT_ROI_GAIN, MAX_EFFORT, MAX_ROI_GAIN, TUNES
from .checks import check_whole
from .decoding import decode

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ..format.metadata import Metadata
    from ..pictures.imaging import Picture


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
    roi: np.ndarray | Image.Image | Picture | None = None,
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
    roi: a mask of the picture's size, an array (H, W) of bool, of 0..255 (uint8) or of 0..65535 (uint16), or a picture,
    of which brightness counts: where it is white, quantisation steps are smaller by roi_gain dB (larger, if that is
    negative), and errors by about half of that; where it is black, all is as without it; in cells of 32 pixels. The
    file grows by what that takes.
    model: its name, for example "edge", or the path of a weights file. backend: what runs the networks: "auto" for the
    fastest that is installed, "native", "onnxruntime" or "torch". metadata: default is a Pillow image's own;
    ``Metadata()`` keeps none.

    Raises ImageError for a picture that cannot be coded or a mask that is none, CodecError for settings out of range,
    WeightsError for a model that is not installed.
    """
    from ..choice import encoder, ratecontrol
    from ..coding import depth
    from ..format import container
    from ..format import metadata as sections
    from ..pictures import alpha, exif, imaging
    from ..pictures.psnr import psnr_db

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
        picture.metadata if metadata is None else exif.upright(metadata, picture.turned),
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
            fall=encoded.fall,
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
        from ..pictures import ssimulacra2
    except ImportError as error:
        raise CodecError(
            f"target_ssimulacra2 needs {error.name}, which is not installed: pip install 'selfvae-codec[bench]'"
        ) from None
    if min(x.shape[:2]) < ssimulacra2.SMALLEST:
        raise CodecError(f"SSIMULACRA2 is for pictures of at least {ssimulacra2.SMALLEST} pixels a side")
    reference = ssimulacra2.reference(x)
    return lambda data: ssimulacra2.score(reference, decode(data, size_limit=inf, backend=backend)[..., :3])


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
    check_whole(effort=effort, levels=levels)
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
