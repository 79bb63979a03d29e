import io

import numpy as np
import pytest
from conftest import make_picture
from inputs import DEEP, tiff16
from PIL import Image, ImageCms, ImageOps

from selfvae_codec.errors import ImageError, MetadataWarning
from selfvae_codec.format.metadata import Metadata
from selfvae_codec.pictures import exif, imaging

RGB = Image.fromarray(make_picture(31, 17))
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'


def saved(image, name="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=name, **options)
    return buffer.getvalue()


def with_alpha(image, alpha):
    image = image.copy()
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_modes_without_alpha_are_accepted_as_they_look(mode):
    image = RGB.convert(mode)
    picture = imaging.from_bytes(saved(image))
    assert picture.grey == (mode in "1L")
    assert picture.rgb.dtype == np.uint8 and picture.rgb.shape == (17, 31, 3)
    assert np.array_equal(picture.rgb, np.array(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_opaque_alpha_is_dropped(mode):
    picture = imaging.from_bytes(saved(with_alpha(RGB.convert(mode), 255)))
    assert np.array_equal(picture.rgb, np.array(RGB.convert(mode).convert("RGB")))
    assert picture.grey == (mode == "L") and picture.alpha is None


TRANSPARENT = {
    "RGBA": saved(with_alpha(RGB, 254)),
    "LA": saved(with_alpha(RGB.convert("L"), Image.linear_gradient("L").resize((31, 17)))),
    "palette": saved(Image.new("P", (4, 4)), transparency=0),
    "colour": saved(Image.new("RGB", (4, 4)), transparency=(0, 0, 0)),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_alpha_is_taken_apart_from_the_colours_it_hides(kind):
    picture = imaging.from_bytes(TRANSPARENT[kind])
    source = Image.open(io.BytesIO(TRANSPARENT[kind])).convert("RGBA")
    assert np.array_equal(picture.alpha, np.array(source.getchannel("A")))
    assert np.array_equal(picture.rgb, np.array(source.convert("RGB")))
    assert picture.grey == (kind == "LA")


REFUSED = {
    "CMYK": saved(RGB.convert("CMYK"), "JPEG"),
    "32 bits": saved(RGB.convert("L").convert("I"), "TIFF"),
    "LAB": saved(Image.new("LAB", (4, 4)), "TIFF"),
    "frames": saved(RGB, "GIF", save_all=True, append_images=[ImageOps.invert(RGB)]),
    "empty": b"",
    "not a picture": b"hello, world",
    "a coded file already: decode it": b"\x8aSVA" + bytes(60),
    "damaged": saved(RGB, "JPEG")[:400],
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_cannot_be_coded_is_refused_by_name(word):
    with pytest.raises(ImageError, match=word):
        imaging.from_bytes(REFUSED[word])


def test_sizes_over_the_limits_are_refused_before_the_pixels_are_read():
    with pytest.raises(ImageError, match="65536x1 pixels, but a side may have 65535"):
        imaging.from_bytes(saved(Image.new("1", (65536, 1))))
    with pytest.raises(ImageError, match="268435456 are the limit"):
        imaging.check_size(60000, 60000)
    with pytest.raises(ImageError, match="nothing to code"):
        imaging.from_array(np.zeros((0, 5, 3), np.uint8))


def test_sizes_have_one_limit_which_is_ours(monkeypatch):
    """Pillow's own is half of it, and would refuse photographs that a file can hold."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert imaging.from_bytes(saved(RGB)).rgb.shape == (17, 31, 3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_images_of_32_bits_are_refused(mode):
    with pytest.raises(ImageError, match=f"mode {mode}: .* pixels"):
        imaging.from_pillow(RGB.convert("L").convert(mode))


def test_16_bits_that_came_from_other_formats_are_refused_loaded_or_not():
    image = Image.fromarray(np.arange(12, dtype=np.uint16).reshape(3, 4))
    assert imaging.from_pillow(image).depth == 16
    image.format = "FITS"  # whose bytes Pillow gives in another order
    with pytest.raises(ImageError, match="from PNG and TIFF"):
        imaging.from_pillow(image)


def test_arrays_of_other_types_and_shapes_are_refused():
    with pytest.raises(ImageError, match="float64"):
        imaging.as_picture(np.zeros((4, 4, 3)))
    with pytest.raises(ImageError, match=r"\(4, 4, 5\)"):
        imaging.as_picture(np.zeros((4, 4, 5), np.uint8))
    with pytest.raises(TypeError, match="not str"):
        imaging.as_picture("photo.png")


def test_a_two_dimensional_array_is_grey():
    picture = imaging.as_picture(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert picture.grey and picture.rgb.shape == (3, 4, 3)
    assert picture.rgb.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_and_is_gone_from_the_exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "camera maker"
    data = saved(RGB, "PNG", exif=tags)
    seen = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))

    picture = imaging.from_bytes(data)
    assert np.array_equal(picture.rgb, np.array(seen))
    again = imaging.from_bytes(imaging.to_bytes(picture.rgb, "PNG", metadata=picture.metadata))
    assert np.array_equal(again.rgb, np.array(seen))
    kept = Image.open(io.BytesIO(imaging.to_bytes(picture.rgb, "PNG", metadata=picture.metadata))).getexif()
    assert kept[0x010F] == "camera maker"
    assert kept.get(0x0112, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bits_are_turned_once_by_the_tag_of_a_tiff(orientation):
    """Pillow turns what it loads of a TIFF."""
    expected = exif.turned(DEEP[..., :3], orientation)
    assert np.array_equal(imaging.from_bytes(tiff16(3, orientation=orientation)).rgb, expected)
    with Image.open(io.BytesIO(tiff16(3, orientation=orientation))) as image:
        assert np.array_equal(imaging.from_pillow(image).rgb, expected)


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("target", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_metadata_travels_from_one_format_to_another(source, target):
    tags = Image.Exif()
    tags[0x010F] = "camera maker"
    original = Metadata(icc=ICC, exif=tags.tobytes().removeprefix(b"Exif\0\0"), xmp=XMP)
    first = imaging.from_bytes(imaging.to_bytes(np.array(RGB), source, metadata=original))
    second = imaging.from_bytes(imaging.to_bytes(first.rgb, target, metadata=first.metadata))
    assert (second.metadata.icc, second.metadata.xmp) == (ICC, XMP)
    kept = Image.Exif()
    kept.load(second.metadata.exif)
    assert kept[0x010F] == "camera maker"


def test_exif_too_long_for_a_jpeg_is_left_out_with_a_warning():
    with pytest.warns(MetadataWarning, match="70000 bytes of XMP, which do not fit"):
        data = imaging.to_bytes(np.array(RGB), "JPEG", metadata=Metadata(xmp=bytes(70000)))
    assert imaging.from_bytes(data).metadata == Metadata()


@pytest.mark.parametrize("name", ["PNG", "PPM", "BMP", "TIFF", "WEBP"])
def test_exact_formats_are_written_exactly(name):
    assert np.array_equal(imaging.from_bytes(imaging.to_bytes(np.array(RGB), name)).rgb, np.array(RGB))


def test_grey_pictures_are_written_with_one_channel():
    image = Image.open(io.BytesIO(imaging.to_bytes(np.full((3, 4, 3), 77, np.uint8), "PNG", grey=True)))
    assert image.mode == "L" and image.getextrema() == (77, 77)


def test_the_extension_chooses_the_format_and_an_unknown_one_is_refused():
    assert imaging.output_format("a.JPG") == "JPEG"
    assert imaging.output_format("-") == "PNG"
    for path in ("picture", "picture.xyz", "folder.png/picture"):
        with pytest.raises(ImageError, match="try .png"):
            imaging.output_format(path)


def test_a_picture_too_large_for_its_format_is_an_image_error():
    with pytest.raises(ImageError, match="WEBP cannot hold this 20000x1 picture"):
        imaging.to_bytes(np.zeros((1, 20000, 3), np.uint8), "WEBP")
