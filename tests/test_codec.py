"""The whole codec, with the shipped networks, on small pictures."""

import functools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from conftest import make_picture, repacked

import selfvae_codec
from selfvae_codec import errors
from selfvae_codec.choice.encoder import likelihoods
from selfvae_codec.coding import raw
from selfvae_codec.format import container
from selfvae_codec.pictures.psnr import psnr_db

SIZES = [(1, 1), (1, 7), (7, 3), (16, 16), (63, 65), (64, 64), (200, 130), (513, 257)]


@functools.cache
def coded(width, height, quality=50):
    return selfvae_codec.encode(make_picture(width, height), quality=quality)


@functools.cache
def decoded(data, levels):
    return selfvae_codec.decode(data, levels)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_size_decodes_at_every_level(width, height):
    data = coded(width, height)
    header = selfvae_codec.read_header(data)
    assert (header.width, header.height, header.file_bytes) == (width, height, len(data))
    for level in header.levels:
        x = decoded(data, level.index)
        assert x.shape == (height, width, 3) and x.dtype == np.uint8


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_file_cut_after_a_level_decodes_to_what_that_level_gives(width, height):
    data = coded(width, height)
    header = selfvae_codec.read_header(data)
    for level in header.levels[:-1]:
        with pytest.warns(errors.TruncatedWarning, match=f"levels 1 to {level.index} of"):
            x = selfvae_codec.decode(container.cut(data, level.index))
        assert np.array_equal(x, decoded(data, level.index))


def test_quality_and_levels_buy_psnr_with_bytes():
    x = make_picture(200, 130)
    files = [coded(200, 130, quality) for quality in (20, 50, 80)]
    sizes = [len(data) for data in files]
    psnrs = [psnr_db(decoded(data, None), x) for data in files]
    assert sizes == sorted(sizes) and psnrs == sorted(psnrs)
    for data in files:
        header = selfvae_codec.read_header(data)
        by_level = [psnr_db(decoded(data, level.index), x) for level in header.levels]
        assert by_level == sorted(by_level)
        assert all(level.length > 0 for level in header.levels)


def test_encoding_two_levels_writes_the_two_representations():
    x = make_picture(200, 130)
    data = selfvae_codec.encode(x, levels=2)
    header = selfvae_codec.read_header(data)
    assert header.level_names() == ["y2", "y1"]
    assert selfvae_codec.decode(data).shape == x.shape
    full = coded(200, 130)
    assert container.read_levels(data)[1] == container.read_levels(full, 2)[1]


def test_representations_are_small_exact_and_those_of_their_level():
    data = coded(200, 130)
    small, large = selfvae_codec.representation(data, 1), selfvae_codec.representation(data, 2)
    assert small.shape == (-(-130 // 32), -(-200 // 32), 3)
    assert large.shape == (-(-130 // 16), -(-200 // 16), 3)
    assert np.array_equal(selfvae_codec.representation(data), large)


def test_encoding_and_decoding_repeat_exactly():
    x = make_picture(63, 65)
    data = coded(63, 65)
    assert selfvae_codec.encode(x) == data
    assert np.array_equal(selfvae_codec.decode(data), decoded(data, None))


def test_a_sample_depends_on_its_seed_alone():
    data = coded(64, 64)
    first, again, other = (selfvae_codec.decode(data, 2, sample=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_target_in_bits_per_pixel_is_kept_by_a_real_file():
    x = make_picture(200, 130)
    target = 8 * len(coded(200, 130, 60)) / (200 * 130)
    data = selfvae_codec.encode(x, target_bpp=target)
    assert 0.95 * target <= 8 * len(data) / (200 * 130) <= target


def test_a_target_in_decibels_is_reached_by_a_real_file():
    x = make_picture(200, 130)
    data = selfvae_codec.encode(x, target_psnr=36)
    assert 36 <= psnr_db(selfvae_codec.decode(data), x) <= 36.1


def test_every_truncation_point_of_a_small_file_gives_whole_levels_or_its_own_error():
    data = coded(7, 3)
    header = selfvae_codec.read_header(data)
    for length in range(len(data)):
        whole = container.whole_levels(header, length)
        if whole == 0:
            with pytest.raises((errors.TruncatedError, errors.NotSelfvaeError)):
                selfvae_codec.decode(data[:length])
            continue
        with pytest.warns(errors.TruncatedWarning):
            assert np.array_equal(selfvae_codec.decode(data[:length]), decoded(data, whole))


@pytest.mark.filterwarnings("ignore::selfvae_codec.TruncatedWarning")
def test_a_download_that_goes_on_sharpens_with_every_byte():
    x, data = make_picture(200, 130), coded(200, 130, 80)
    header = selfvae_codec.read_header(data)
    assert np.array_equal(selfvae_codec.decode(data, partial=True), decoded(data, None))
    ends = [level.end for level in header.levels[1:]]
    lengths = np.unique(np.linspace(ends[0], ends[-1], 30).astype(int).tolist() + ends)
    partly = [psnr_db(selfvae_codec.decode(data[:n], partial=True), x) for n in lengths]
    wholly = [psnr_db(decoded(data, container.whole_levels(header, n)), x) for n in lengths]
    assert all(part > whole - 0.1 for part, whole in zip(partly, wholly))
    assert all(later > earlier - 0.3 for earlier, later in zip(partly, partly[1:]))
    for n, part, whole in zip(lengths, partly, wholly):
        assert n not in ends or part == whole
    assert max(part - whole for part, whole in zip(partly, wholly)) > 2


@pytest.mark.filterwarnings("ignore::selfvae_codec.TruncatedWarning")
def test_a_part_counts_only_among_the_levels_asked_for():
    data = coded(200, 130, 80)
    header = selfvae_codec.read_header(data)
    cut = data[: header.levels[3].end - header.levels[3].length // 3]
    assert np.array_equal(selfvae_codec.decode(cut, 3, partial=True), decoded(data, 3))
    assert container.read_part(cut, header, 3) == b""
    assert container.read_part(cut, header) == cut[header.levels[3].offset :]
    expected, drawn = (selfvae_codec.decode(cut, partial=True, sample=seed) for seed in (None, 5))
    assert not np.array_equal(expected, drawn) and not np.array_equal(expected, decoded(data, 3))
    lossless = selfvae_codec.encode(make_picture(64, 64), lossless=True)
    assert np.array_equal(
        selfvae_codec.decode(lossless[:-1], partial=True),
        decoded(lossless, selfvae_codec.read_header(lossless).n_levels - 1),
    )


def test_every_flipped_byte_of_a_small_file_is_detected():
    data = coded(7, 3)
    for position in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[position] ^= flip
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with pytest.raises(errors.FormatError):
                    selfvae_codec.decode(bytes(damaged))


def test_a_file_of_another_model_names_the_models_that_are_installed():
    data = coded(7, 3)
    header, payloads = container.read_levels(data)
    other = repacked(header, payloads, model_id=b"\0\1\2\3\4\5\6\7")
    with pytest.raises(errors.UnknownModelError, match=header.model_id.hex()):
        selfvae_codec.decode(other)


def test_symbols_that_decode_to_something_else_are_a_mismatch():
    data = coded(64, 64)
    header, payloads = container.read_levels(data)
    wrong = repacked(header, payloads, symbol_checks=[level.symbol_check ^ 1 for level in header.levels])
    with pytest.raises(errors.MismatchError):
        selfvae_codec.decode(wrong)


def test_a_generated_picture_has_its_size_and_depends_on_its_seed():
    first, again, other = (selfvae_codec.generate((70, 50), seed) for seed in (1, 1, 2))
    assert first.shape == (50, 70, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("quality", [20, 80])
def test_a_file_is_as_long_as_the_model_counts(quality):
    """Within 1 % of the model's own bits, but for the header and eight bytes of coder state a level."""
    x = make_picture(513, 257)
    bits = -np.log2(likelihoods(x, quality=quality)).sum()
    header = selfvae_codec.read_header(coded(513, 257, quality))
    payload_bits = 8 * sum(level.length for level in header.levels)
    assert bits <= payload_bits <= 1.01 * bits + 8 * 9 * len(header.levels)


def noise_and_text():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 80, 3), dtype=np.uint8)
    text = np.where(rng.random((64, 80, 1)) < 0.3, 0, 255).astype(np.uint8).repeat(3, axis=2)
    return noise, text


def test_text_and_noise_survive_although_they_defy_the_model():
    for x in noise_and_text():
        for tune, least in (("psnr", 35), ("visual", 32)):  # noise hides errors
            data = selfvae_codec.encode(x, quality=99, tune=tune)
            assert psnr_db(selfvae_codec.decode(data), x) > least
            assert len(data) < 1.6 * x.size


@functools.cache
def exact_file(width, height):
    return selfvae_codec.encode(make_picture(width, height), lossless=True)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_last_level_of_a_lossless_file_is_the_picture(width, height):
    data = exact_file(width, height)
    header = selfvae_codec.read_header(data)
    assert header.exact and header.level_names()[-1] == "x"
    assert np.array_equal(selfvae_codec.decode(data), make_picture(width, height))
    before = header.n_levels - 1
    with pytest.warns(errors.TruncatedWarning):
        x = selfvae_codec.decode(container.cut(data, before))
    assert np.array_equal(x, selfvae_codec.decode(data, before))


def test_quality_100_is_lossless():
    assert selfvae_codec.encode(make_picture(63, 65), quality=100) == exact_file(63, 65)
    assert selfvae_codec.read_header(coded(63, 65, 99)).lossless is False


def test_a_lossless_file_is_smaller_than_its_pixels_and_as_long_as_the_model_counts():
    x = make_picture(513, 257)
    header = selfvae_codec.read_header(exact_file(513, 257))
    payload_bits = 8 * sum(level.length for level in header.levels)
    bits = -np.log2(likelihoods(x, quality=100, lossless=True)).sum()
    assert bits <= payload_bits <= 1.01 * bits + 8 * 9 * header.n_levels
    assert payload_bits < 0.8 * 8 * x.size


def test_what_defies_the_model_is_exact_and_hardly_above_its_pixels():
    for x in (*noise_and_text(), np.full((200, 300, 3), 90, np.uint8)):
        data = selfvae_codec.encode(x, lossless=True)
        assert np.array_equal(selfvae_codec.decode(data), x)
        assert len(data) < 1.02 * x.size + container.MAX_HEADER_BYTES


def test_grey_pictures_pay_for_one_channel():
    grey = make_picture(130, 90)[..., 0]
    data = selfvae_codec.encode(grey, lossless=True)
    header = selfvae_codec.read_header(data)
    assert header.grey and np.array_equal(selfvae_codec.decode(data), grey[..., None].repeat(3, axis=2))
    colour = selfvae_codec.encode(make_picture(130, 90), lossless=True)
    assert header.levels[-1].length < 0.5 * selfvae_codec.read_header(colour).levels[-1].length


def test_raw_pixels_that_do_not_match_their_check_are_damage():
    noise, _ = noise_and_text()
    data = selfvae_codec.encode(noise, lossless=True)
    header, payloads = container.read_levels(data)
    check = header.levels[-1].symbol_check
    assert raw.is_raw(payloads[-1], header.height, header.width, header.grey)
    assert np.array_equal(raw.unpack(payloads[-1], header.height, header.width, check), noise)
    with pytest.raises(errors.ChecksumError, match="pixels do not match"):
        raw.unpack(payloads[-1], header.height, header.width, check ^ 1)


@pytest.mark.parametrize("module", ["torch", "compressai"])
def test_onnxruntime_codes_without_importing(module):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    code = (
        "import sys, numpy as np, selfvae_codec as s\n"
        "data = s.encode(np.zeros((40, 30, 3), np.uint8), backend='onnxruntime')\n"
        "s.decode(data, backend='onnxruntime')\n"
        f"assert {module!r} not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_number_of_threads_changes_nothing():
    x = make_picture(90, 130, seed=3)
    files = []
    try:
        for count in (1, 2):
            selfvae_codec.set_threads(count)
            files.append(selfvae_codec.encode(x, quality=60))
        assert files[0] == files[1]
        with pytest.raises(ValueError, match="1 or more"):
            selfvae_codec.set_threads(0)
    finally:
        selfvae_codec.set_threads(None)


def test_compressai_finds_its_interface():
    import torch

    from selfvae_codec.compressai_adapter import SelfvaeCodec

    x = torch.from_numpy(np.stack([make_picture(64, 70, seed) for seed in (1, 2)])).permute(0, 3, 1, 2) / 255
    model = SelfvaeCodec(quality=60)
    compressed = model.compress(x)
    x_hat = model.decompress(**compressed)["x_hat"]
    assert x_hat.shape == x.shape
    out = model(x)
    assert torch.equal(out["x_hat"], x_hat)
    bits = -out["likelihoods"]["levels"].log2().sum()
    assert 0.5 < float(bits) / sum(8 * len(file) for file in compressed["strings"][0]) < 1
    evaluation = pytest.importorskip("compressai.utils.eval_model.__main__", reason="compressai is not installed")
    large = torch.from_numpy(make_picture(192, 170, 3)).permute(2, 0, 1) / 255  # MS-SSIM needs more than 160 pixels
    measured = evaluation.inference(model, large)
    assert measured["bpp"] > 0 and measured["psnr-rgb"] > 25
