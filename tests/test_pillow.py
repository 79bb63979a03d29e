import io
import pickle
import warnings

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image, ImageFile, ImageOps

import selfvae_codec
import selfvae_codec.pillow  # noqa: F401  (registers the format)
from selfvae_codec import CodecError, TruncatedWarning

X = make_picture(640, 320)


def opened(data):
    return Image.open(io.BytesIO(data))


def test_opening_decodes_nothing_and_loading_decodes_the_picture(core):
    data = selfvae_codec.encode(X)
    core.calls.clear()
    image = opened(data)
    assert (image.format, image.mode, image.size) == ("SVAE", "RGB", (640, 320))
    assert image.info["quality"] == 50 and image.info["levels"] == 4
    assert core.calls == []
    assert np.array_equal(np.array(image), selfvae_codec.decode(data))


def test_a_file_on_disk_is_opened_by_name_and_closed_again(core, tmp_path):
    path = tmp_path / "picture.svae"
    Image.fromarray(X).save(path, quality=80)
    with Image.open(path) as image:
        assert image.get_format_mimetype() == "image/x-svae"
        assert image.info["quality"] == 80
        image.load()
        assert np.array_equal(np.array(image), selfvae_codec.decode(path.read_bytes()))


def test_saving_takes_the_settings_of_encode_and_keeps_metadata(core):
    image = Image.fromarray(X)
    image.info["icc_profile"] = b"profile"
    exif = Image.Exif()
    exif[0x010F] = "camera maker"
    buffer = io.BytesIO()
    image.save(buffer, "SVAE", levels=2, exif=exif)
    again = opened(buffer.getvalue())
    assert again.info["levels"] == 2 and again.info["icc_profile"] == b"profile"
    assert again.getexif()[0x010F] == "camera maker"


def test_grey_pictures_have_one_channel(core):
    image = opened(selfvae_codec.encode(X[:, :, 0]))
    assert image.mode == "L" and np.array(image).shape == (320, 640)


@pytest.mark.parametrize(
    ("size", "call"),
    [((8, 4), "representation"), ((16, 8), "representation"), ((64, 32), "decode"), ((400, 400), "decode")],
)
def test_thumbnails_have_the_size_asked_for_and_read_only_what_they_need(core, size, call):
    image = opened(selfvae_codec.encode(X))
    core.calls.clear()
    image.thumbnail(size)
    assert image.size == (min(size[0], 640), min(size[0], 640) // 2)
    assert core.calls[0][0] == call


def test_a_middling_thumbnail_stops_at_the_first_latent_plane(core):
    image = opened(selfvae_codec.encode(X))
    core.calls.clear()
    image.thumbnail((64, 32))
    assert core.calls == [("decode", 3)]


def test_a_cut_off_file_loads_its_whole_levels_with_a_warning(core):
    data = selfvae_codec.encode(X)
    image = opened(data[:-1])
    with pytest.warns(TruncatedWarning):
        image.load()
    assert np.array_equal(np.array(image), selfvae_codec.decode(data, 3))


@pytest.mark.filterwarnings("ignore::selfvae_codec.TruncatedWarning")
def test_where_pillow_loads_truncated_pictures_parts_of_levels_count(monkeypatch):
    data = selfvae_codec.encode(X, quality=60)[:-20]
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    partly = np.array(opened(data))
    assert np.array_equal(partly, selfvae_codec.decode(data, partial=True))
    assert not np.array_equal(partly, selfvae_codec.decode(data))


def test_another_version_is_refused_with_its_reason(core):
    data = bytearray(selfvae_codec.encode(X))
    data[4] = 9
    with pytest.raises(CodecError, match="format number 9"):
        opened(bytes(data))


def test_other_formats_open_as_before(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.fromarray(X).save(tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as image:
            assert image.format == "PNG"


def test_loading_finds_the_file_wherever_somebody_has_left_the_stream(core, tmp_path):
    data = selfvae_codec.encode(X)
    stream = io.BytesIO(b"before" + data)
    stream.seek(6)
    image = selfvae_codec.pillow.SvaeImageFile(stream)
    stream.seek(0, io.SEEK_END)
    assert np.array_equal(np.array(image), selfvae_codec.decode(data))


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_file_that_comes_in_pieces_is_parsed(core, size):
    data = selfvae_codec.encode(X[:80, :96])
    with ImageFile.Parser() as parser:
        for start in range(0, len(data), size) if size > 1 else range(60):
            parser.feed(data[start : start + size])
        if size == 1:
            parser.feed(data[60:])
    assert np.array_equal(np.array(parser.close()), selfvae_codec.decode(data))


def test_verifying_checks_checksums_and_decodes_nothing(core):
    data = selfvae_codec.encode(Image.fromarray(X), metadata=selfvae_codec.Metadata(xmp=b"<x/>" * 9))
    core.calls.clear()
    opened(data).verify()
    header = selfvae_codec.read_header(data)
    for place in (header.levels[0].offset, header.levels[-1].end - 1, header.metadata.offset):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises(selfvae_codec.ChecksumError):
            opened(bytes(damaged)).verify()
    for other in (data[:-1], data + b"more"):
        with pytest.raises(OSError, match="cut off|follow the end"):
            opened(other).verify()
    assert core.calls == []


def test_errors_are_ours_and_those_that_pillow_promises(core):
    data = bytearray(selfvae_codec.encode(X))
    data[selfvae_codec.read_header(data).levels[0].offset] ^= 1
    image = opened(bytes(data))
    with pytest.raises(selfvae_codec.ChecksumError) as caught:
        image.load()
    assert isinstance(caught.value, OSError) and "level 1" in str(caught.value)
    with pytest.raises(OSError, match="inside its header"):
        opened(bytes(data[:20]))
    with pytest.raises(OSError, match="mode F"):
        Image.new("F", (4, 4)).save(io.BytesIO(), "SVAE")


def turned_exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera maker"
    return exif


@pytest.mark.parametrize("way", ["bytes", "exif", "kept", "metadata"])
def test_pixels_are_turned_once_whatever_way_exif_comes_in(core, way):
    buffer = io.BytesIO()
    Image.fromarray(X).save(buffer, "PNG", exif=turned_exif())
    image = opened(buffer.getvalue())
    given = {"bytes": image.info["exif"], "exif": image.getexif()}
    if way == "metadata":
        data = selfvae_codec.encode(image, metadata=selfvae_codec.Metadata(exif=image.info["exif"]))
    else:
        coded = io.BytesIO()
        image.save(coded, "SVAE", **({"exif": given[way]} if way in given else {}))
        data = coded.getvalue()
    again = opened(data)
    assert again.size == (320, 640)
    assert again.getexif().get(0x0112, 1) == 1 and again.getexif()[0x010F] == "camera maker"


@pytest.mark.parametrize("own", [1, 8])
def test_exif_that_is_given_says_how_an_image_without_or_with_its_own_is_turned(core, own):
    image = Image.fromarray(X)
    image.getexif()[0x0112] = own
    coded, jpeg = io.BytesIO(), io.BytesIO()
    image.save(coded, "SVAE", exif=turned_exif())
    image.save(jpeg, "JPEG", exif=turned_exif())
    again = opened(coded.getvalue())
    assert again.size == ImageOps.exif_transpose(opened(jpeg.getvalue())).size == (320, 640)
    assert np.abs(np.array(again).astype(int) - np.rot90(X, -1)).mean() < 20
    assert again.getexif().get(0x0112, 1) == 1


def test_an_orientation_that_an_image_was_not_turned_by_is_left_out_in_words(core):
    given = selfvae_codec.Metadata(exif=turned_exif().tobytes())
    with pytest.warns(selfvae_codec.MetadataWarning, match="orientation, 6, was left out"):
        selfvae_codec.encode(Image.fromarray(X), metadata=given)


def test_metadata_that_is_given_as_nothing_is_left_out(core):
    coded = io.BytesIO()
    image = Image.fromarray(X)
    image.info |= {"exif": turned_exif().tobytes(), "icc_profile": b"profile"}
    image.save(coded, "SVAE", exif=None, icc_profile=None)
    assert selfvae_codec.read_metadata(coded.getvalue()) == selfvae_codec.Metadata()


def test_a_resolution_that_is_given_is_kept_or_named(core):
    coded = io.BytesIO()
    Image.fromarray(X).save(coded, "SVAE", dpi=(300, 300))
    assert opened(coded.getvalue()).getexif()[282] == 300
    for options in ({"exif": b"", "dpi": (300, 300)}, {"dpi": (0, 0)}):  # no EXIF beside it; not known
        coded = io.BytesIO()
        Image.fromarray(X).save(coded, "SVAE", **options)
        assert opened(coded.getvalue()).getexif().get(282, 0) == options["dpi"][0]
    with pytest.warns(selfvae_codec.MetadataWarning, match=r"dpi=\(300, 300\) was left out"):
        Image.fromarray(X).save(io.BytesIO(), "SVAE", dpi=(300, 300), exif=turned_exif())


def test_images_travel_to_other_processes(core):
    image = pickle.loads(pickle.dumps(opened(selfvae_codec.encode(X))))
    assert image.getpixel((3, 4)) == opened(selfvae_codec.encode(X)).getpixel((3, 4))


def test_grey_of_16_bits_is_coded_again_as_it_is():
    deep = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 21
    image, coded = opened(selfvae_codec.encode(deep, lossless=True, effort=0)), io.BytesIO()
    image.save(coded, "SVAE", lossless=True, effort=0)
    assert np.array_equal(selfvae_codec.decode(coded.getvalue())[..., 0], deep)


def test_exif_is_handed_on_to_other_formats_the_usual_way(core):
    coded, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(X).save(coded, "SVAE", exif=turned_exif())
    image = opened(coded.getvalue())
    image.save(jpeg, "JPEG", exif=image.info["exif"])
    assert opened(jpeg.getvalue()).getexif()[0x010F] == "camera maker"


def test_exif_that_is_none_is_left_out_in_words(core):
    with pytest.warns(selfvae_codec.MetadataWarning, match="EXIF data was left out: it is no TIFF structure"):
        data = selfvae_codec.encode(X, metadata=selfvae_codec.Metadata(exif=b"nothing of the kind"))
    assert selfvae_codec.read_header(data).metadata is None


def test_an_array_is_not_turned_and_an_orientation_given_with_it_is_left_out_in_words(core):
    given = selfvae_codec.Metadata(exif=turned_exif().tobytes())
    with pytest.warns(selfvae_codec.MetadataWarning, match="orientation, 6, was left out"):
        data = selfvae_codec.encode(X, metadata=given)
    assert opened(data).size == (640, 320) and opened(data).getexif().get(0x0112, 1) == 1
