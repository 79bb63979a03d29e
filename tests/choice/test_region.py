"""A region of interest, by way of the activity map; and the target that an eye's measure sets."""

import sys

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.app.cli import cli
from selfvae_codec.choice.region import DB_PER_SYMBOL, with_region
from selfvae_codec.errors import CodecError, ImageError
from selfvae_codec.models.config import TUNES
from selfvae_codec.pictures.masks import mask


def left_half(picture):
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:, : mask.shape[1] // 2] = 255
    return mask


def errors(picture, **settings):
    """Mean squared errors left and right, and bytes."""
    data = selfvae_codec.encode(picture, quality=85, effort=0, **settings)
    error = np.square(selfvae_codec.decode(data).astype(float) - picture)
    half = picture.shape[1] // 2
    return error[:, : half - 8].mean(), error[:, half + 8 :].mean(), len(data)


@pytest.mark.parametrize("tune", TUNES)
@pytest.mark.parametrize("kind", ["uint8", "bool", "image", "deep"])
def test_errors_are_smaller_where_a_mask_is_white_and_what_they_were_elsewhere(tune, kind):
    picture = make_picture(256, 96, seed=2)
    mask = left_half(picture)
    kinds = {"uint8": mask, "bool": mask > 0, "image": Image.fromarray(mask), "deep": 257 * mask.astype(">u2")}
    roi = kinds[kind]
    plain, better = errors(picture, tune=tune), errors(picture, tune=tune, roi=roi, roi_gain=9)
    assert better[0] < 0.75 * plain[0] and better[1] == pytest.approx(plain[1], rel=0.1) and better[2] > plain[2]
    worse = errors(picture, tune=tune, roi=roi, roi_gain=-6)
    assert worse[0] > plain[0] and worse[2] < plain[2]


def test_a_region_moves_the_map_by_its_gain_inside_the_format():
    region = np.full((40, 70), 2 * DB_PER_SYMBOL, np.float32)
    assert np.array_equal(with_region(np.zeros((1, 2, 3), np.int32), region, 32), np.full((1, 2, 3), 2))
    assert with_region(np.full((1, 2, 3), 6), 10 * region, 32).max() == 7


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"roi": np.zeros((5, 5), np.uint8)}, ImageError, "roi is 5x5, but the picture 64x48"),
        ({"roi": np.zeros((48, 64), np.float32)}, ImageError, "roi holds float32"),
        ({"roi": Image.new("F", (64, 48))}, ImageError, "roi has mode F"),
        ({"roi": Image.new("LA", (64, 48), (255, 9))}, ImageError, "roi is transparent in places"),
        ({"roi": np.zeros((48, 64), np.uint8), "roi_gain": 13}, CodecError, "roi_gain=13 is out of range"),
        ({"roi": np.zeros((48, 64), np.uint8), "lossless": True}, CodecError, "give lossless or roi"),
        ({"target_ssimulacra2": 60, "target_psnr": 40}, CodecError, "give one of"),
    ],
    ids=["size", "floats", "mode F", "alpha", "gain", "lossless", "two targets"],
)
def test_regions_and_targets_that_cannot_be_are_refused_by_name(settings, error, words):
    with pytest.raises(error, match=words):
        selfvae_codec.encode(make_picture(64, 48), **settings)


def test_masks_have_as_many_parts_as_they_are_deep_and_bright():
    deep = Image.fromarray(np.array([[0, 300, 65535]], np.uint16))
    assert mask(deep, 1, 3)[0].tolist() == pytest.approx([0, 300 / 65535, 1])
    colours = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    assert mask(colours, 1, 3)[0].tolist() == pytest.approx([0.299, 0.587, 0.114], abs=0.002)


@pytest.mark.parametrize("colour", ["white", "red"])
def test_the_command_reads_a_mask(tmp_path, colour):
    picture = make_picture(128, 64, seed=3)
    Image.fromarray(picture).save(tmp_path / "x.png")
    shown = Image.new("RGB", (128, 64))
    shown.paste(colour, (0, 0, 64, 64))
    shown.save(tmp_path / "mask.png")
    arguments = ["encode", str(tmp_path / "x.png"), "-o", str(tmp_path / "x.svae"), "-e", "0"]
    cli([*arguments, "--roi", str(tmp_path / "mask.png"), "--roi-gain", "9"], standalone_mode=False)
    wanted = selfvae_codec.encode(picture, roi=shown, roi_gain=9, effort=0)
    assert wanted != selfvae_codec.encode(picture, effort=0)
    assert (tmp_path / "x.svae").read_bytes() == wanted


def test_a_target_of_an_eyes_measure_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "selfvae_codec.pictures.ssimulacra2", None)
    monkeypatch.delattr(selfvae_codec.pictures, "ssimulacra2", raising=False)
    with pytest.raises(CodecError, match=r"pip install 'selfvae-codec\[bench\]'"):
        selfvae_codec.encode(make_picture(64, 48), target_ssimulacra2=60)


def test_a_target_of_an_eyes_measure_is_reached_and_not_by_far():
    measure = pytest.importorskip("selfvae_codec.pictures.ssimulacra2")
    picture = make_picture(232, 228, seed=4)
    data = selfvae_codec.encode(picture, target_ssimulacra2=60, effort=0)
    assert 60 <= measure.score(measure.reference(picture), selfvae_codec.decode(data)) < 62
    with pytest.raises(CodecError, match="at least 225 pixels"):
        selfvae_codec.encode(make_picture(64, 48), target_ssimulacra2=60)
