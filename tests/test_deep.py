"""Pictures of 16 bits a channel: what lossy files show at that depth."""

import io
from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture
from make_golden import deepened
from PIL import Image

import selfvae_codec
import selfvae_codec.pillow  # registers the format
from selfvae_codec.app import main, thumbnail
from selfvae_codec.coding import depth
from selfvae_codec.errors import CodecError
from selfvae_codec.pictures import imaging

X = make_picture(90, 70)
GOLDEN = Path(__file__).parent / "golden"


def psnr16(x, reference):
    return 10 * np.log10(65535**2 / np.mean((x.astype(float) - reference) ** 2))


@pytest.mark.parametrize("lossless", [False, True])
def test_the_nearest_eight_bits_of_every_level_are_the_picture_that_eight_bits_show(lossless):
    data = selfvae_codec.encode(X, quality=80, lossless=lossless, effort=0)
    for level in selfvae_codec.read_header(data).levels:
        deep = selfvae_codec.decode(data, level.index, dtype=np.uint16)
        assert deep.dtype == np.uint16
        assert np.array_equal(depth.to_8(deep), selfvae_codec.decode(data, level.index))
    assert not lossless or np.array_equal(deep, X * np.uint16(257))


def test_a_lossy_file_knows_more_than_eight_bits_of_a_smooth_picture():
    rows, columns = np.mgrid[:64, :96]
    smooth = np.stack([rows + columns / 3, 90 + rows / 2, 200 - columns / 4], -1)  # in grey levels
    data = selfvae_codec.encode(np.round(smooth).astype(np.uint8), quality=95, effort=0)
    deep = selfvae_codec.decode(data, dtype=np.uint16)
    shallow = selfvae_codec.decode(data) * np.uint16(257)
    assert psnr16(deep, 257 * smooth) > psnr16(shallow, 257 * smooth) + 1


def test_other_dtypes_are_refused(core):
    with pytest.raises(CodecError, match="dtype=float32 is out of range: pictures are uint8 or uint16"):
        selfvae_codec.decode(selfvae_codec.encode(X), dtype=np.float32)


def test_alpha_comes_at_the_depth_of_the_picture(core):
    alpha = np.arange(90 * 70, dtype=np.uint8).reshape(70, 90)
    data = selfvae_codec.encode(np.dstack([X, alpha]))
    assert np.array_equal(selfvae_codec.decode(data, dtype=np.uint16)[..., 3], alpha * np.uint16(257))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_command_writes_sixteen_bits_on_request_and_into_formats_that_have_them(core, tmp_path, suffix, capsys):
    data = selfvae_codec.encode(X)
    (tmp_path / "a.svae").write_bytes(data)
    out = tmp_path / f"a.{suffix}"
    assert main.run(["decode", str(tmp_path / "a.svae"), "--depth", "16", "-o", str(out)]) == 0
    picture = imaging.from_bytes(out.read_bytes())
    assert picture.depth == 16 and np.array_equal(picture.rgb, selfvae_codec.decode(data, dtype="uint16"))
    assert main.run(["decode", str(tmp_path / "a.svae"), "--depth", "16", "-o", str(tmp_path / "a.jpg")]) == 1
    assert "JPEG would hold 8 of its 16 bits" in capsys.readouterr().err and not (tmp_path / "a.jpg").exists()


RNG = np.random.default_rng(5)
DEEP = np.clip(X * 257.0 + RNG.normal(0, 300, X.shape), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("grey", [False, True])
def test_lossless_is_exact_to_the_last_of_sixteen_bits_and_shows_the_nearest_eight(grey):
    x = DEEP[..., 0] if grey else DEEP
    data = selfvae_codec.encode(x, lossless=True, effort=0)
    header = selfvae_codec.read_header(data)
    assert header.deep and header.exact and header.level_names()[-2:] == ["x", "x16"]
    expected = x[..., None].repeat(3, 2) if grey else x
    assert np.array_equal(selfvae_codec.decode(data), expected)
    eight = selfvae_codec.decode(data, dtype=np.uint8)
    assert np.array_equal(eight, depth.to_8(expected))
    assert np.array_equal(selfvae_codec.decode(data, header.n_levels - 1, dtype=np.uint8), eight)
    whole = selfvae_codec.encode(depth.to_8(x), lossless=True, effort=0)
    assert len(data) < len(whole) + 1.06 * x.size + 20  # noise takes the bits that it has


def test_what_lossy_files_of_sixteen_bits_show_has_sixteen(core):
    data = selfvae_codec.encode(DEEP)
    header = selfvae_codec.read_header(data)
    assert header.deep and not header.exact
    assert selfvae_codec.decode(data).dtype == np.uint16
    assert selfvae_codec.decode(data, dtype=np.uint8).dtype == np.uint8


def test_alpha_of_sixteen_bits_is_exact_at_every_level(core):
    alpha = RNG.integers(0, 65536, X.shape[:2], dtype=np.uint16)
    data = selfvae_codec.encode(np.dstack([DEEP, alpha]))
    assert np.array_equal(selfvae_codec.decode(data, 1)[..., 3], alpha)
    assert np.array_equal(selfvae_codec.decode(data, 1, dtype=np.uint8)[..., 3], depth.to_8(alpha))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_go_from_file_to_file(tmp_path, suffix, capsys):
    source, coded, out = tmp_path / f"a.{suffix}", tmp_path / "a.svae", tmp_path / f"b.{suffix}"
    source.write_bytes(imaging.to_bytes(DEEP, suffix.replace("tif", "tiff").upper()))
    assert main.run(["encode", str(source), "-o", str(coded), "--lossless", "-e", "0"]) == 0
    assert main.run(["decode", str(coded), "-o", str(out)]) == 0
    assert np.array_equal(imaging.from_bytes(out.read_bytes()).rgb, DEEP)
    assert main.run(["decode", str(coded), "-o", str(tmp_path / "c.jpg")]) == 1
    assert "--depth 8" in capsys.readouterr().err
    assert main.run(["decode", str(coded), "-o", str(tmp_path / "c.jpg"), "--depth", "8"]) == 0
    assert main.run(["info", str(coded)]) == 0
    assert "90x70, 16 bits, " in capsys.readouterr().out


def test_pillow_opens_sixteen_bits_of_grey_and_says_what_it_cannot_hold(core, tmp_path):
    coded = io.BytesIO()
    Image.fromarray(DEEP[..., 0]).save(coded, "SVAE")
    image = Image.open(coded)
    assert image.mode == "I;16" and np.array(image).dtype == np.uint16
    (tmp_path / "a.svae").write_bytes(coded.getvalue())
    small = imaging.from_bytes(thumbnail.make(tmp_path / "a.svae", 16))
    assert small.depth == 8 and small.grey and 60 < small.rgb.mean() < 200
    colour = Image.open(io.BytesIO(selfvae_codec.encode(DEEP)))
    with pytest.warns(selfvae_codec.PictureWarning, match="8 of the picture's 16 bits"):
        assert np.array(colour).dtype == np.uint8


def test_the_golden_file_of_sixteen_bits_never_changes_within_a_model():
    with Image.open(GOLDEN / "golden.png") as image:
        picture = np.asarray(image)
    data = (GOLDEN / "deep.svae").read_bytes()
    assert np.array_equal(selfvae_codec.decode(data), deepened(picture))
    assert np.array_equal(selfvae_codec.decode(data, dtype=np.uint8), picture)
    assert selfvae_codec.encode(deepened(picture), lossless=True) == data, "write new ones with tests/make_golden.py"
