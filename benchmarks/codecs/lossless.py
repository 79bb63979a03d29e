"""Lossless peers: PNG, WebP, JPEG XL, JPEG 2000, JPEG-LS, AVIF, QOI.

All from imagecodecs but PNG, for which Pillow's optimiser is what people use, and JPEG XL whose beginning can be shown,
which the program cjxl makes alone.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from .base import Codec
from .pillow_io import library, load, need, save


def png() -> Codec:
    need("zlib")

    def encode(pixels, setting, threads):
        return save(pixels, "PNG", optimize=True)

    words = f"{library('zlib', 'zlib')}, optimize=True"
    return Codec("png", "PNG (Pillow, optimize)", words, (0,), encode, load, lossless=True)


def _from_imagecodecs(key: str, name: str, words: str, encoder: str, threads_in: str = "both", **options) -> Codec:
    """A lossless imagecodecs codec; ``threads_in`` ("both", "encode", "decode", "none"): who is given threads."""
    import imagecodecs

    if not getattr(imagecodecs, encoder.upper()).available:
        raise ImportError(f"this imagecodecs was built without {encoder}")
    encode_function = getattr(imagecodecs, f"{encoder}_encode")
    decode_function = getattr(imagecodecs, f"{encoder}_decode")

    def encode(pixels, setting, threads):
        more = {"numthreads": threads} if threads_in in ("both", "encode") else {}
        return encode_function(pixels, **options, **more)

    def decode(data, threads):
        more = {"numthreads": threads} if threads_in in ("both", "decode") else {}
        return decode_function(data, **more)

    return Codec(
        key,
        name,
        f"{words} through imagecodecs {imagecodecs.__version__}",
        (0,),
        encode,
        decode,
        lossless=True,
    )


def jpegxl_progressive() -> Codec:
    """JPEG XL that sharpens as it arrives: by the program cjxl, whose start is part of the time it takes to encode."""
    import imagecodecs

    if not shutil.which("cjxl"):
        raise ImportError("no cjxl on the PATH (Debian: libjxl-tools)")
    version = subprocess.run(["cjxl", "--version"], capture_output=True, text=True).stdout.split("\n")[0]

    def encode(pixels, setting, threads):
        with TemporaryDirectory() as folder:
            source, target = Path(folder, "picture.ppm"), Path(folder, "picture.jxl")
            Image.fromarray(pixels).save(source)
            command = ["cjxl", source, target, "-d", "0", "-e", "7", "-p", f"--num_threads={threads}"]
            subprocess.run(command, check=True, capture_output=True)
            return target.read_bytes()

    return Codec(
        "jpegxl-progressive",
        "JPEG XL, progressive",
        f"{version}, -d 0 -e 7 -p; decoded by imagecodecs {imagecodecs.__version__}",
        (0,),
        encode,
        lambda data, threads: imagecodecs.jpegxl_decode(data, numthreads=threads),
        lossless=True,
    )


BUILDERS = {
    "png": png,
    "qoi": lambda: _from_imagecodecs("qoi", "QOI", "the reference qoi.h", "qoi", "none"),
    "jpegls": lambda: _from_imagecodecs("jpegls", "JPEG-LS", "CharLS, no colour transform", "jpegls", "none"),
    "jpeg2000-lossless": lambda: _from_imagecodecs(
        "jpeg2000-lossless", "JPEG 2000", "OpenJPEG, 5/3, mct=1", "jpeg2k", level=0, reversible=True, mct=True
    ),
    "webp-lossless": lambda: _from_imagecodecs(
        "webp-lossless", "WebP", "libwebp, method 6", "webp", "encode", lossless=True, method=6
    ),
    "avif-lossless": lambda: _from_imagecodecs(
        "avif-lossless",
        "AVIF",
        "libavif, aom speed 6, 4:4:4 identity matrix, one thread",  # its bytes depend on how many
        "avif",
        "decode",
        numthreads=1,
        level=100,
        speed=6,
        pixelformat="444",
        matrix=0,
    ),
    "jpegxl-lossless": lambda: _from_imagecodecs(
        "jpegxl-lossless", "JPEG XL", "libjxl, modular, effort 7", "jpegxl", lossless=True, effort=7
    ),
    "jpegxl-progressive": jpegxl_progressive,
}
