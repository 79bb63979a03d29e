"""Lossy peers: JPEG, WebP, JPEG 2000, AVIF, JPEG XL, HEIF.

Each builder returns a Codec or raises ImportError with the reason. The effort
of every encoder is what a careful user would choose, and is written in its
description: nobody learns anything from beating a badly driven peer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Codec
from .pillow_io import library, load, need, save


def jpeg(subsampling: str) -> Codec:
    """Baseline JPEG with optimised Huffman tables; '4:2:0' or '4:4:4'."""
    need("jpg")

    def encode(pixels, quality, threads):
        return save(pixels, "JPEG", quality=int(quality), subsampling=subsampling, optimize=True)

    return Codec(
        key="jpeg" + subsampling.replace(":", ""),
        name=f"JPEG {subsampling}",
        description=f"{library('libjpeg_turbo', 'libjpeg-turbo')}, {subsampling}, optimised Huffman",
        settings=(8, 15, 25, 40, 55, 70, 82, 92),
        encode=encode,
        decode=load,
        integer_settings=True,
    )


def webp() -> Codec:
    """WebP at its slowest method: 4:2:0 always, the format has nothing else."""
    need("webp")

    def encode(pixels, quality, threads):
        return save(pixels, "WEBP", quality=int(quality), method=6)

    return Codec(
        key="webp",
        name="WebP",
        description=f"{library('webp', 'libwebp')}, method 6",
        settings=(1, 10, 25, 45, 65, 80, 90, 97),
        encode=encode,
        decode=load,
        integer_settings=True,
    )


def jpeg2000() -> Codec:
    """JPEG 2000 by OpenJPEG: 9/7 wavelet, colour transform on, target PSNR in dB.

    Without the colour transform (Pillow's default) the same encoder needs about
    twice the bytes (1.7 to 2.2 times on two photographs): a classic way to flatter oneself.
    """
    import imagecodecs

    if not imagecodecs.JPEG2K.available:
        raise ImportError("this imagecodecs was built without OpenJPEG")

    def encode(pixels, psnr_db, threads):
        return imagecodecs.jpeg2k_encode(
            pixels, level=float(psnr_db), reversible=False, mct=True, codecformat="jp2", numthreads=threads
        )

    def decode(data, threads):
        return imagecodecs.jpeg2k_decode(data, numthreads=threads)

    return Codec(
        key="jpeg2000",
        name="JPEG 2000",
        description=f"OpenJPEG through imagecodecs {imagecodecs.__version__}, 9/7, mct=1, "
        "rate allocated to a target PSNR",
        settings=(25, 28, 30, 32, 35, 38, 41, 44),
        setting_name="target dB",
        encode=encode,
        decode=decode,
    )


def avif(key: str = "avif", name: str = "AVIF", *, tune: str | None = None, speed: int = 6) -> Codec:
    """AVIF by libaom: as it comes, 4:2:0 and tuned for the eye, or 4:4:4 with a tune of its own.

    On one thread whatever is asked for: libaom's bytes depend on how many there are.
    """
    need("avif")
    options: dict[str, Any] = {"subsampling": "4:2:0"}
    if tune:
        options = {"subsampling": "4:4:4", "advanced": {"tune": tune}}

    def encode(pixels, quality, threads):
        return save(pixels, "AVIF", quality=int(quality), speed=speed, codec="aom", max_threads=1, **options)

    if tune:
        try:
            encode(np.zeros((16, 16, 3), np.uint8), 50, 1)
        except ValueError:
            raise ImportError(f"this Pillow's libaom has no tune={tune}") from None
    words = f"{options['subsampling']}, speed {speed}, {f'tune={tune}' if tune else 'default tune'}, one thread"
    return Codec(
        key=key,
        name=name,
        description=f"{library('avif', 'libavif')}, aom, {words}",
        settings=(12, 22, 35, 48, 60, 70, 80, 90),
        encode=encode,
        decode=load,
        integer_settings=True,
    )


def jpeg_xl() -> Codec:
    """JPEG XL (VarDCT) at effort 7; tuned for the eye, so PSNR undersells it."""
    import imagecodecs

    if not imagecodecs.JPEGXL.available:
        raise ImportError("this imagecodecs was built without libjxl")

    def encode(pixels, distance, threads):
        return imagecodecs.jpegxl_encode(pixels, distance=float(distance), effort=7, numthreads=threads)

    def decode(data, threads):
        return imagecodecs.jpegxl_decode(data, numthreads=threads)

    return Codec(
        key="jpegxl",
        name="JPEG XL",
        description=f"libjxl through imagecodecs {imagecodecs.__version__}, effort 7",
        settings=(15, 9, 6, 4, 2.5, 1.5, 0.9, 0.5),
        setting_name="distance",
        encode=encode,
        decode=decode,
    )


def heif() -> Codec:
    """HEIF (HEVC by x265), 4:4:4. Needs pillow-heif, whose wheel bundles the GPL x265."""
    import pillow_heif

    pillow_heif.register_heif_opener()

    def encode(pixels, quality, threads):
        return save(pixels, "HEIF", quality=int(quality), chroma=444)

    info = pillow_heif.libheif_info()
    return Codec(
        key="heif",
        name="HEIF 4:4:4",
        description=f"libheif {info.get('libheif', '')} with x265 through pillow-heif {pillow_heif.__version__}, 4:4:4",
        settings=(8, 18, 28, 38, 48, 57, 66, 76),
        encode=encode,
        decode=load,
        integer_settings=True,
    )


BUILDERS = {
    "jpeg420": lambda: jpeg("4:2:0"),
    "jpeg444": lambda: jpeg("4:4:4"),
    "webp": webp,
    "jpeg2000": jpeg2000,
    "jpegxl": jpeg_xl,
    "avif": avif,
    "avif-psnr": lambda: avif("avif-psnr", "AVIF 4:4:4 (PSNR tune)", tune="psnr"),
    "avif-ssimulacra2": lambda: avif("avif-ssimulacra2", "AVIF 4:4:4 (SSIMULACRA2 tune)", tune="ssimulacra2", speed=4),
    "heif": heif,
}
