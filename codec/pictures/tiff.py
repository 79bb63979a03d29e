"""TIFF files of 16 bits, which Pillow reads and does not write (TIFF 6.0; compression 8 and predictor 2)."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

from ..format.metadata import Metadata
from .exif import XMP_TAG

_STRIP_BYTES = 1 << 20
_ICC_TAG = 34675


def pack(x: np.ndarray, metadata: Metadata) -> bytes:
    """x: uint16 (H, W, C), C = 1, 3 or 4, or 2 for grey and alpha. Raises what Pillow does for EXIF it cannot read."""
    height, width, channels = x.shape
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    if metadata.exif:
        exif = Image.Exif()
        exif.load(metadata.exif)
        for tag in exif:
            tags[tag] = exif.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]
    if metadata.xmp:
        tags[XMP_TAG] = metadata.xmp
    if metadata.icc:
        tags.tagtype[_ICC_TAG] = TiffTags.UNDEFINED
        tags[_ICC_TAG] = metadata.icc
    rows = max(1, _STRIP_BYTES // (2 * channels * width))
    strips = [_strip(x[top : top + rows]) for top in range(0, height, rows)]
    starts = np.cumsum([0, *map(len, strips)])
    layout = {
        TiffImagePlugin.IMAGEWIDTH: width,
        TiffImagePlugin.IMAGELENGTH: height,
        TiffImagePlugin.BITSPERSAMPLE: (16,) * channels,
        TiffImagePlugin.COMPRESSION: 8,
        TiffImagePlugin.PHOTOMETRIC_INTERPRETATION: 2 if channels > 2 else 1,
        TiffImagePlugin.SAMPLESPERPIXEL: channels,
        TiffImagePlugin.ROWSPERSTRIP: rows,
        TiffImagePlugin.PREDICTOR: 2,
        TiffImagePlugin.STRIPBYTECOUNTS: tuple(map(len, strips)),
        TiffImagePlugin.STRIPOFFSETS: tuple(map(int, starts[:-1])),  # from the end of the directory, as Pillow has it
    }
    if channels in (2, 4):
        layout[TiffImagePlugin.EXTRASAMPLES] = (2,)  # alpha, not multiplied into the colours
    for tag, value in layout.items():
        tags[tag] = value
    file = io.BytesIO()
    tags.save(file)
    return file.getvalue() + b"".join(strips)


def _strip(x: np.ndarray) -> bytes:
    """Rows of differences to the sample on the left."""
    left = np.zeros_like(x)
    left[:, 1:] = x[:, :-1]
    return zlib.compress((x - left).astype("<u2").tobytes(), 6)
