"""Alpha travels exactly, at every level, through the API, the command line and Pillow."""

import io

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
import selfvae_codec.pillow
from selfvae_codec import errors
from selfvae_codec.app import main
from selfvae_codec.format import metadata
from selfvae_codec.pictures import alpha

X = make_picture(70, 40)
ALPHA = np.random.default_rng(1).integers(0, 256, (40, 70), dtype=np.uint8)
RGBA = np.dstack([X, ALPHA])


def test_every_level_has_the_exact_alpha(core):
    data = selfvae_codec.encode(RGBA)
    for level in selfvae_codec.read_header(data).levels:
        x = selfvae_codec.decode(data, level.index)
        assert x.shape == (40, 70, 4) and np.array_equal(x[:, :, 3], ALPHA)
    opaque = selfvae_codec.encode(np.dstack([X, np.full_like(ALPHA, 255)]))
    assert selfvae_codec.decode(opaque).shape == (40, 70, 3)


def test_stripping_metadata_leaves_alpha(core, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(RGBA).save("a.png", icc_profile=b"profile")
    assert main.run(["encode", "a.png", "--strip"]) == 0
    assert main.run(["decode", "a.svae", "-o", "b.png"]) == 0
    with Image.open("b.png") as image:
        assert image.mode == "RGBA" and "icc_profile" not in image.info
        assert np.array_equal(np.array(image)[:, :, 3], ALPHA)
    assert main.run(["decode", "a.svae", "-o", "b.jpg"]) == 1
    assert "JPEG cannot hold this transparent picture" in capsys.readouterr().err
    assert not (tmp_path / "b.jpg").exists()


def test_grey_with_alpha_comes_back_as_grey_with_alpha(core):
    buffer = io.BytesIO()
    Image.fromarray(RGBA).convert("LA").save(buffer, format="SVAE")
    with Image.open(buffer) as image:
        assert image.mode == "LA"
        assert np.array_equal(np.array(image)[:, :, 1], ALPHA)
        image = Image.open(buffer)
        image.thumbnail((2, 2))
        assert image.mode == "LA" and image.size == (2, 1)


def test_damaged_alpha_is_reported_and_leaves_an_opaque_picture(core):
    data = bytearray(selfvae_codec.encode(RGBA))
    data[selfvae_codec.read_header(data).metadata.offset + 40] ^= 1
    with pytest.warns(errors.MetadataWarning, match="transparency is lost"):
        assert selfvae_codec.decode(bytes(data)).shape == (40, 70, 3)


def test_an_alpha_channel_of_another_size_or_kind_is_refused():
    section = metadata.pack(metadata.Metadata(), alpha.pack(ALPHA))
    with pytest.raises(errors.FormatError, match="70x41"):
        alpha.find(section, 41, 70)
    colour = io.BytesIO()
    Image.fromarray(X).save(colour, format="PNG")
    with pytest.raises(errors.FormatError, match="RGB 70x40"):
        alpha.find(metadata.pack(metadata.Metadata(), colour.getvalue()), 40, 70)


def test_alpha_has_the_limit_of_the_picture_and_not_one_of_pillow(core, monkeypatch):
    data = selfvae_codec.encode(RGBA)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert np.array_equal(selfvae_codec.decode(data)[..., 3], ALPHA)
