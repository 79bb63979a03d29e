"""Picture files that are written: the same picture, or a word on why not."""

import numpy as np
import pytest
from PIL import Image

from selfvae_codec.errors import ImageError, MetadataWarning
from selfvae_codec.format.metadata import Metadata
from selfvae_codec.pictures import exif, imaging, png

RNG = np.random.default_rng(3)
DEEP = RNG.integers(0, 65536, (19, 23, 4), dtype=np.uint16)
X = (DEEP >> 8).astype(np.uint8)
X[:5, :, 3] = 0  # hidden colours, which must not change either
Image.init()
LOSSY = ("JPEG", "AVIF")


def picture(grey: bool, alpha: bool, x: np.ndarray = X) -> np.ndarray:
    colours = x[..., :1].repeat(3, 2) if grey else x[..., :3]
    return np.dstack([colours, x[..., 3]]) if alpha else np.ascontiguousarray(colours)


@pytest.mark.parametrize("name", sorted(Image.SAVE))
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_format_holds_the_same_picture_or_is_refused_by_name(name, grey, alpha):
    x = picture(grey, alpha)
    try:
        data = imaging.to_bytes(x, name, grey=grey)
    except ImageError as error:
        assert str(error).startswith(f"{name} cannot hold this") and str(error).endswith("try .png")
        assert name not in ("PNG", "TIFF", "WEBP") and (alpha or name not in ("JPEG", "AVIF", "BMP", "PPM", "TGA"))
        return
    again = imaging.from_bytes(data)
    assert again.rgb.shape == x[..., :3].shape and (again.alpha is None) == (not alpha)
    if name not in LOSSY:
        assert np.array_equal(again.rgb, x[..., :3])
        assert not alpha or np.array_equal(again.alpha, x[..., 3])


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_sixteen_bits_are_written_exactly_with_their_metadata(name, grey, alpha):
    x = picture(grey, alpha, DEEP)
    kept = Metadata(icc=b"profile" * 20, exif=exif.with_resolution((300, 300)), xmp=b"<x:xmpmeta/>")
    if name == "TIFF" and grey and alpha:
        pytest.skip("Pillow does not read what other programs do: grey with alpha")
    again = imaging.from_bytes(imaging.to_bytes(x, name, grey=grey, metadata=kept))
    assert again.depth == 16 and again.grey == grey and np.array_equal(again.rgb, x[..., :3])
    assert np.array_equal(again.alpha, x[..., 3]) if alpha else again.alpha is None
    assert (again.metadata.icc, again.metadata.xmp) == (kept.icc, kept.xmp)
    assert exif.resolution(again.metadata.exif) == (300, 300)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_other_readers_see_the_same_sixteen_bits(channels):
    imagecodecs = pytest.importorskip("imagecodecs")
    from selfvae_codec.pictures import tiff

    x = DEEP[..., :channels]
    assert np.array_equal(imagecodecs.png_decode(png.pack(x)).reshape(x.shape), x)
    assert np.array_equal(imagecodecs.tiff_decode(tiff.pack(x, Metadata())).reshape(x.shape), x)


def test_sixteen_bits_are_not_dropped_by_a_format_that_has_eight():
    with pytest.raises(
        ImageError, match="JPEG would hold 8 of its 16 bits per channel; try .png or .tif, or --depth 8"
    ):
        imaging.to_bytes(picture(False, False, DEEP), "JPEG")


def test_metadata_that_a_format_cannot_hold_is_named():
    with pytest.warns(MetadataWarning, match="PPM without ICC profile, XMP$"):
        imaging.to_bytes(picture(False, False), "PPM", metadata=Metadata(icc=b"profile", xmp=b"<x/>"))


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("block", [b"no structure", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_exif_that_a_writer_cannot_take_costs_a_warning_and_not_the_picture(name, block, recwarn):
    data = imaging.to_bytes(picture(False, False), name, metadata=Metadata(exif=block))
    assert [warning.category for warning in recwarn] in ([], [MetadataWarning])
    with imaging.opened(data) as image:
        assert image.size == (23, 19) and image.load() is not None


def test_the_resolution_is_that_of_the_exif():
    data = imaging.to_bytes(picture(False, False), "PNG", metadata=Metadata(exif=exif.with_resolution((300, 150))))
    assert [round(d) for d in imaging.opened(data).info["dpi"]] == [300, 150]
