"""Pictures of 16 bits a channel: what lossy files show at that depth."""

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec.app import cli
from selfvae_codec.coding import depth
from selfvae_codec.errors import CodecError
from selfvae_codec.pictures import imaging

X = make_picture(90, 70)


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
    assert cli.run(["decode", str(tmp_path / "a.svae"), "--depth", "16", "-o", str(out)]) == 0
    picture = imaging.from_bytes(out.read_bytes())
    assert picture.depth == 16 and np.array_equal(picture.rgb, selfvae_codec.decode(data, dtype="uint16"))
    assert cli.run(["decode", str(tmp_path / "a.svae"), "--depth", "16", "-o", str(tmp_path / "a.jpg")]) == 1
    assert "JPEG would hold 8 of its 16 bits" in capsys.readouterr().err and not (tmp_path / "a.jpg").exists()
