import subprocess
import sys

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec import CodecError, ImageError, Metadata

X = make_picture(70, 40)


def test_the_public_names_are_these():
    assert sorted(selfvae_codec.__all__) == [
        "ChecksumError", "CodecError", "CodecWarning", "FormatError", "Header", "HeaderError", "ImageError",
        "Level", "Metadata", "MetadataWarning", "MismatchError", "ModelError", "NotSelfvaeError",
        "PictureWarning", "SizeLimitError", "SizeWarning", "TargetWarning", "TrailingBytesError",
        "TruncatedError", "TruncatedWarning", "UnknownModelError",
        "VersionError", "WeightsError", "WeightsWarning",
        "decode", "encode", "generate", "read_header", "read_metadata", "reconstruct", "representation", "set_threads",
    ]  # fmt: skip
    assert all(hasattr(selfvae_codec, name) for name in selfvae_codec.__all__)
    assert set(selfvae_codec.__all__) <= set(dir(selfvae_codec))
    with pytest.raises(AttributeError, match="module 'selfvae_codec' has no attribute 'transcode'"):
        selfvae_codec.transcode  # noqa: B018


def test_importing_the_package_imports_no_heavy_library():
    heavy = "{'torch', 'numpy', 'PIL', 'constriction', 'onnxruntime', 'click'}"
    code = f"import sys, selfvae_codec; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_arrays_and_pillow_images_give_the_same_file(core):
    data = selfvae_codec.encode(X, quality=30)
    assert selfvae_codec.encode(Image.fromarray(X), quality=30) == data
    assert selfvae_codec.decode(data).shape == X.shape


def test_the_header_says_what_was_encoded(core):
    header = selfvae_codec.read_header(selfvae_codec.encode(X, quality=30.4))
    assert (header.width, header.height, header.quality, header.grey) == (70, 40, 30, False)
    assert header.model_id == b"fakefake"


def test_grey_arrays_are_marked(core):
    assert selfvae_codec.read_header(selfvae_codec.encode(X[:, :, 0])).grey


def test_levels_limit_what_is_written_and_what_is_read(core):
    data = selfvae_codec.encode(X)
    assert selfvae_codec.read_header(selfvae_codec.encode(X, levels=2)).n_levels == 2
    selfvae_codec.decode(data, 3)
    assert core.calls[-1] == ("decode", 3)


@pytest.mark.parametrize("levels", [0, 5, 99])
def test_levels_that_do_not_exist_are_refused(core, levels):
    with pytest.raises(CodecError, match=f"levels={levels} is out of range"):
        selfvae_codec.encode(X, levels=levels)
    data = selfvae_codec.encode(X)
    with pytest.raises(CodecError, match=f"levels={levels} is out of range"):
        selfvae_codec.decode(data, levels)


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": 101},
        {"quality": float("nan")},
        {"target_bpp": 0},
        {"target_psnr": -1},
        {"target_size": 900, "target_psnr": 30},
        {"target_size": 900, "lossless": True},
        {"effort": 2.5},
        {"levels": 2.5},
    ],
    ids=str,
)
def test_settings_out_of_range_or_at_odds_are_refused(core, settings):
    with pytest.raises(
        CodecError, match="out of range|give one of target_size and target_psnr|lossless or target_size|no whole number"
    ):
        selfvae_codec.encode(X, **settings)


def test_numbers_that_are_none_and_what_is_no_bytes_are_refused_by_name(core):
    data = selfvae_codec.encode(X)
    for call, words in (
        (lambda: selfvae_codec.decode(data, 2.5), "levels=2.5 is no whole number"),
        (lambda: selfvae_codec.decode(data, 1, sample=-1), "sample=-1 is out of range"),
        (lambda: selfvae_codec.representation(data, "2"), "level='2' is no whole number"),
        (lambda: selfvae_codec.generate((8.5, 8), 0), "width=8.5 is no whole number"),
        (lambda: selfvae_codec.generate((8, 8), -1), "seed=-1 is out of range"),
        (lambda: selfvae_codec.reconstruct(X, (), seed=-1), "seed=-1 is out of range"),
    ):
        with pytest.raises(CodecError, match=words):
            call()
    with pytest.raises(TypeError, match="xmp is bytes, or None, not str"):
        Metadata(xmp="<x/>")
    with pytest.raises(TypeError):
        selfvae_codec.set_threads(1.5)
    with pytest.raises(selfvae_codec.SizeLimitError):
        selfvae_codec.decode(data, size_limit=float("nan"))


def test_a_target_in_bits_per_pixel_is_kept(core):
    target = 8 * len(selfvae_codec.encode(X, quality=77)) / (70 * 40)
    data = selfvae_codec.encode(X, target_bpp=target)
    assert 0.98 * target <= 8 * len(data) / (70 * 40) <= target


def test_the_representation_is_that_of_the_level_asked_for(core):
    data = selfvae_codec.encode(X)
    assert selfvae_codec.representation(data, 1).shape == (2, 3, 3)
    assert selfvae_codec.representation(data, 2).shape == (3, 5, 3)
    assert np.array_equal(selfvae_codec.representation(data), selfvae_codec.representation(data, 4))
    assert selfvae_codec.representation(selfvae_codec.encode(X, levels=1)).shape == (2, 3, 3)


def test_metadata_is_kept_replaced_or_left_out(core):
    image = Image.fromarray(X)
    image.info["icc_profile"] = b"profile"
    assert selfvae_codec.read_metadata(selfvae_codec.encode(image)) == Metadata(icc=b"profile")
    replaced = selfvae_codec.encode(image, metadata=Metadata(xmp=b"<x/>"))
    assert selfvae_codec.read_metadata(replaced) == Metadata(xmp=b"<x/>")
    assert selfvae_codec.read_header(selfvae_codec.encode(image, metadata=Metadata())).metadata is None


def test_a_generated_picture_has_the_size_asked_for(core):
    assert selfvae_codec.generate((30, 20), seed=1).shape == (20, 30, 3)
    with pytest.raises(ImageError):
        selfvae_codec.generate((0, 20), seed=1)
