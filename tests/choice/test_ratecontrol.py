import math

import pytest

from selfvae_codec.choice import ratecontrol
from selfvae_codec.errors import TargetWarning


def encoder(smallest, largest, bend=1.0):
    """Sizes between two ends, growing with quality; ``calls`` counts the encodes."""
    calls = []

    def encode_at(quality):
        calls.append(quality)
        return bytes(round(smallest * (largest / smallest) ** ((quality / 100) ** bend)))

    encode_at.calls = calls
    return encode_at


@pytest.mark.parametrize("bend", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("target", [1500, 5000, 20000, 77777, 190000])
def test_the_file_is_just_below_the_target_after_few_encodes(bend, target):
    encode_at = encoder(1000, 200000, bend)
    size = len(ratecontrol.search(encode_at, ratecontrol.size(target)))
    assert target * 0.985 <= size <= target
    assert len(encode_at.calls) <= ratecontrol.MAX_ENCODES


def test_a_target_above_the_best_quality_gives_the_best_quality():
    encode_at = encoder(1000, 2000)
    best = ratecontrol.search(encode_at, ratecontrol.size(10**6))
    assert best == encode_at(99.9), "100 is lossless, and no matter of a target"


def test_a_target_below_the_lowest_quality_gives_the_smallest_file_and_says_so():
    with pytest.warns(TargetWarning, match="quality 0 takes 1000 bytes, more than the 10"):
        assert len(ratecontrol.search(encoder(1000, 200000), ratecontrol.size(10.0))) == 1000


def test_sizes_that_jump_still_end_below_the_target():
    def steps(quality):
        return bytes(1000 * 3 ** math.floor(quality / 20))

    assert len(ratecontrol.search(steps, ratecontrol.size(5000))) == 3000


def test_sizes_that_do_not_depend_on_quality_end_the_search():
    assert len(ratecontrol.search(lambda quality: bytes(500), ratecontrol.size(600))) == 500


def reached(data):
    """A PSNR that grows by 3 dB with every doubling of the bytes."""
    return 10 + 10 * math.log10(len(data))


@pytest.mark.parametrize("bend", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("db", [42, 50, 55.5, 62])
def test_the_psnr_is_just_above_the_target_after_few_encodes(bend, db):
    encode_at = encoder(1000, 200000, bend)
    data = ratecontrol.search(encode_at, ratecontrol.psnr(db, reached))
    assert db <= reached(data) <= db + 0.06
    assert len(encode_at.calls) <= ratecontrol.MAX_ENCODES


def test_a_psnr_that_every_quality_has_gives_the_smallest_file():
    assert len(ratecontrol.search(encoder(1000, 200000), ratecontrol.psnr(20, reached))) == 1000
    exact = ratecontrol.psnr(20, lambda data: math.inf)
    assert len(ratecontrol.search(encoder(1000, 200000), exact)) == 1000


def test_a_psnr_that_no_quality_has_gives_the_best_file_and_says_so():
    encode_at = encoder(1000, 200000)
    with pytest.warns(TargetWarning, match=r"quality 99.9 has 62.99 dB, less than the 70 asked for"):
        assert ratecontrol.search(encode_at, ratecontrol.psnr(70, reached)) == encode_at(99.9)
