"""Pillow plugin: ``import selfvae_codec.pillow`` and Image.open, Image.save and thumbnail() know .svae files.

Opening reads the header and the metadata only. ``draft()``, which thumbnail() calls, settles for a coarse
level where the picture is wanted much smaller. Where ``ImageFile.LOAD_TRUNCATED_IMAGES`` is set, a cut-off file
shows what is there of a level that is not whole, too. Errors are this package's, and an OSError, as those of Pillow's
own formats are.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from PIL import Image, ImageFile

import selfvae_codec

from .errors import CodecError, MetadataWarning, PictureWarning, TruncatedError
from .format import container
from .format import metadata as sections
from .format.fields import MAGIC
from .format.header import MAX_HEADER_BYTES, Header, read_header
from .format.metadata import Metadata
from .pictures import alpha, exif, imaging

FORMAT, EXTENSION, MIME = "SVAE", ".svae", "image/x-svae"
_SETTINGS = (  # of Image.save, handed to encode()
    "quality", "levels", "lossless", "target_bpp", "target_size", "target_psnr", "target_ssimulacra2", "effort",
    "tune", "roi", "roi_gain", "model", "backend",
)  # fmt: skip
_METADATA = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp"}  # of Metadata, by its name there

# Reduction from which a coarser reading of the file is good enough: at 1/16 the exact thumbnail of level 2
# has all the pixels; at 1/4 each pixel averages 16, which hides what the finer planes would add.
_THUMBNAIL_REDUCTIONS = ((32, 1), (16, 2))
_COARSE_REDUCTION, _COARSE_LEVELS = 4, 3


class SvaeImageFile(ImageFile.ImageFile):
    """Mode RGB, or L when the source was grey, or I;16 where that had 16 bits; RGBA or LA with alpha.

    ``info`` holds quality, levels and the metadata kept.
    """

    format = FORMAT
    format_description = "selfvae-codec"
    _pending = False  # as of images that come out of pickle, whose pixels are there

    fp: IO[bytes]  # Pillow's own says that it may be None, as it is once closed

    def _open(self) -> None:
        with _as_pillow_promises():
            self._begin()

    def _begin(self) -> None:
        self._start = self.fp.tell()
        self.header = read_header(self.fp.read(MAX_HEADER_BYTES))
        self._size = (self.header.width, self.header.height)
        self._mode = ("I;16" if self.header.deep else "L") if self.header.grey else "RGB"
        self._levels, self._thumbnail, self._pending = self.header.n_levels, False, True
        _check_size(self.header)
        self.info |= {"quality": self.header.quality, "levels": self.header.n_levels}
        if self.header.metadata:
            self.fp.seek(self._start)
            self._read_metadata(self.fp.read(self.header.metadata.end))
        self.fp.seek(self._start)

    def _read_metadata(self, data: bytes) -> None:
        with contextlib.suppress(CodecError):  # loading the pixels will say what is wrong with the file
            section = container.read_metadata(data, self.header)
            if alpha.find(section, self.header.height, self.header.width):
                self._mode = "LA" if self.header.grey else "RGBA"
        with contextlib.suppress(CodecError):
            self._keep(sections.unpack(container.read_metadata(data, self.header)))

    def _keep(self, metadata: Metadata) -> None:
        block = metadata.exif and exif.PREFIX + metadata.exif  # as other formats have it, to be handed on
        kept = {"icc_profile": metadata.icc, "exif": block, "xmp": metadata.xmp}
        self.info |= {name: content for name, content in kept.items() if content}

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Prepares to load a smaller or coarser picture, at least ``size``. Keeps the mode, or makes L of I;16."""
        if not self._pending or not size:
            return None
        if (mode, self.mode) == ("L", "I;16"):
            self._mode = "L"
        width, height = self.size
        reduction = min(width // max(size[0], 1), height // max(size[1], 1))
        for least, level in _THUMBNAIL_REDUCTIONS:
            if reduction >= least and level <= self.header.n_levels and self.mode in ("L", "RGB"):
                self._levels, self._thumbnail = level, True
                self._size = (-(-width // least), -(-height // least))
                return self.mode, (0, 0, width / least, height / least)
        if reduction >= _COARSE_REDUCTION:
            self._levels = min(self.header.n_levels, _COARSE_LEVELS)
        return self.mode, (0, 0, width, height)

    def _all(self) -> bytes:
        """The whole file, wherever somebody has left the stream."""
        self.fp.seek(self._start)
        return self.fp.read()

    def verify(self) -> None:
        """Raises an error unless all checksums are right and the file is whole. Decodes nothing; closes the file."""
        with _as_pillow_promises():
            data = self._all()
            if len(data) < self.header.file_bytes:
                raise TruncatedError(f"the file is cut off after {len(data)} of {self.header.file_bytes} bytes")
            container.read_levels(data)
            sections.unpack(container.read_metadata(data, self.header))
        super().verify()

    def load(self) -> Image.core.PixelAccess | None:
        if self._pending:
            with _as_pillow_promises():
                decoded = self._decoded(self._all())
            # A cut-off file may give a smaller thumbnail than planned, and alpha may turn out to be damaged.
            self._size, self._mode = decoded.size, decoded.mode
            if self._exclusive_fp:
                self.fp.close()
            self.fp, self._exclusive_fp = io.BytesIO(decoded.tobytes()), True
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
            self._pending = False
        return super().load()

    def _decoded(self, data: bytes) -> Image.Image:
        if self._thumbnail:
            x = selfvae_codec.representation(data, self._levels, size_limit=math.inf)
        else:
            partial = ImageFile.LOAD_TRUNCATED_IMAGES
            dtype = "uint16" if self.mode == "I;16" else "uint8"
            x = selfvae_codec.decode(data, self._levels, partial=partial, dtype=dtype, size_limit=math.inf)
            if self.header.deep and dtype == "uint8" and self._levels == self.header.n_levels:
                message = "Pillow holds 8 of the picture's 16 bits per channel; selfvae_codec.decode gives them all"
                warnings.warn(message, PictureWarning, stacklevel=4)
        return imaging.to_pillow(x, grey=self.header.grey)

    # These two keep Pillow from mapping the coded file into memory as if it held raw pixels.
    def load_read(self, n_bytes: int) -> bytes:
        return self.fp.read(n_bytes)

    def load_seek(self, position: int) -> None:
        self.fp.seek(position)


def _check_size(header: Header) -> None:
    """Pillow's own limit, of the pixels that are worked on: Pillow itself looks at those that are shown."""
    limit, pixels = Image.MAX_IMAGE_PIXELS, header.padded_pixels
    said = f"Image size ({pixels} pixels, padded) exceeds limit of"
    if limit is not None and pixels > 2 * limit:
        raise Image.DecompressionBombError(f"{said} {2 * limit} pixels, could be decompression bomb DOS attack.")
    if limit is not None and pixels > limit >= header.width * header.height:
        message = f"{said} {limit} pixels, could be decompression bomb DOS attack."
        warnings.warn(message, Image.DecompressionBombWarning, stacklevel=5)


@contextlib.contextmanager
def _as_pillow_promises() -> Iterator[None]:
    """Errors of ours, of the same kinds, are an OSError, too: what callers of Pillow expect, and its Parser."""
    try:
        yield
    except CodecError as error:
        ours = type(error)
        both = type(ours.__name__, (ours, OSError), {"__module__": ours.__module__, "__doc__": ours.__doc__})
        raise both(*error.args) from error


def _with_resolution(metadata: Metadata, dpi: tuple[float, float] | None) -> Metadata:
    """Metadata that says how many pixels an inch has; EXIF that is there already stays as it is."""
    if dpi is None or tuple(dpi) == (0, 0):  # the latter is what other formats have where it is not known
        return metadata
    if not metadata.exif:
        return replace(metadata, exif=exif.with_resolution(dpi))
    known = exif.resolution(metadata.exif.removeprefix(exif.PREFIX))
    if known is None or any(abs(told - asked) > 0.01 for told, asked in zip(known, dpi)):
        warnings.warn(f"dpi={dpi} was left out: the EXIF stays as it is", MetadataWarning, stacklevel=4)
    return metadata


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Image.save(..., icc_profile=, exif=, xmp=, dpi=) and the settings of encode()."""
    options = image.encoderinfo
    given = {name: options[option] for name, option in _METADATA.items() if option in options}
    if isinstance(given.get("exif"), Image.Exif):
        given["exif"] = given["exif"].tobytes()
    block = Metadata(**given).exif
    with _as_pillow_promises():
        # EXIF that is given says how the pixels are to be seen, as of other formats, and not what the image brought
        picture = imaging.from_pillow(image, exif.orientation_in(block) if block else None)
        metadata = _with_resolution(replace(picture.metadata, **given), options.get("dpi"))
        settings = {name: options[name] for name in _SETTINGS if name in options}
        data = selfvae_codec.encode(picture, metadata=metadata, **settings)
    file.write(data)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


Image.register_open(FORMAT, SvaeImageFile, _accept)
Image.register_save(FORMAT, _save)
Image.register_extension(FORMAT, EXTENSION)
Image.register_mime(FORMAT, MIME)
