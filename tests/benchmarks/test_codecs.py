"""Peers and our codec behind one face, each verified before it counts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("imagecodecs")
sys.path.insert(0, str(Path(__file__).parent))

from test_measures import photo_like  # noqa: E402

from selfvae_codec.benchmarks import codecs  # noqa: E402
from selfvae_codec.benchmarks.codecs import ours  # noqa: E402
from selfvae_codec.benchmarks.measures import cost, timing  # noqa: E402
from selfvae_codec.benchmarks.measures.verify import VerificationError, verify  # noqa: E402
from selfvae_codec.benchmarks.studies.gallery import at_rate, plan  # noqa: E402

FAKE = "bench_fake_codec"
LOSSY, MISSING = codecs.available("lossy", FAKE)
LOSSLESS, _ = codecs.available("lossless", FAKE)


@pytest.mark.parametrize("key", [*LOSSY, *LOSSLESS])
def test_codec_passes_verification(key):
    verify({**LOSSY, **LOSSLESS}[key], photo_like(96, 112))


@pytest.mark.parametrize("key", [key for key, c in LOSSY.items() if key != "ours-embedded"])
def test_settings_run_from_small_files_to_large_ones(key):
    codec, x = LOSSY[key], photo_like(128, 128)
    sizes = [len(codec.encode(x, setting, 1)) for setting in codec.spread(4)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_every_missing_codec_has_a_reason():
    assert set(LOSSY) | set(MISSING) == set(codecs.keys("lossy"))
    assert all(MISSING.values())


def test_a_codec_module_that_is_not_there_is_missing_and_not_an_error():
    ready, missing = codecs.available("lossy", "no_such_codec_module")
    assert "ours" in missing and "webp" in ready


def test_the_code_of_any_module_is_known_again(tmp_path, monkeypatch):
    (tmp_path / "other_codec").mkdir()
    source = tmp_path / "other_codec" / "__init__.py"
    source.write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    before = ours.code("other_codec")
    source.write_text("1")
    assert ours.code("other_codec") != before and ours.code("bench_fake_codec") and ours.code()


def test_a_model_without_weights_is_missing_and_says_why():
    assert LOSSY["ours-edge"].ours and "fake0001" in LOSSY["ours-edge"].description
    with pytest.raises(ImportError, match="no weights of a model 'sketch'"):
        codecs.ours.of_model("sketch", FAKE)


def test_verification_catches_a_lossless_codec_that_changes_a_pixel():
    def decode(data, threads):
        pixels = LOSSLESS["png"].decode(data, threads).copy()
        pixels[0, 0, 0] ^= 1
        return pixels

    with pytest.raises(VerificationError, match="changed"):
        verify(replace(LOSSLESS["png"], decode=decode), photo_like(40, 40))


def test_verification_catches_swapped_channels_and_wrong_shapes():
    good = LOSSY["jpeg444"]
    x = photo_like(64, 64)
    x[..., 0] = 255 - x[..., 2]
    swapped = replace(good, decode=lambda data, threads: good.decode(data, threads)[..., ::-1])
    with pytest.raises(VerificationError, match="dB"):
        verify(swapped, x)
    with pytest.raises(VerificationError, match="not uint8"):
        verify(replace(good, decode=lambda data, threads: good.decode(data, threads)[:-1]), x)


def test_the_embedded_file_is_encoded_once_and_cut_at_each_level():
    codec = LOSSY["ours-embedded"]
    calls = []
    spy = replace(codec, encode=lambda *a: calls.append(a) or codec.encode(*a))
    points = list(spy.points(photo_like(64, 64), (), 1, timing.stopwatch(1, 1)))
    assert len(calls) == 1
    assert [point.setting for point in points if point.on_curve] == [3, 4, 5, 6]
    sizes = [point.n_bytes for point in points]
    assert sizes == sorted(sizes)
    assert all(point.pixels.shape == (64, 64, 3) for point in points)


def test_cost_reports_seconds_and_memory_of_a_process_of_its_own():
    result = cost.cost("jpeg420", photo_like(256, 256), 50, 1, FAKE, timeout_s=120)
    assert result["encode_s"] > 0 and result["decode_s"] > 0
    assert result["encode_peak_rss_mib"] >= result["before_mib"] > 1
    assert result["bpp"] == result["bytes"] * 8 / 256**2


def test_a_codec_that_takes_too_long_is_an_error_row_and_not_a_hang():
    assert "more than" in cost.cost("png", photo_like(64, 64), 0, 1, FAKE, timeout_s=0.01)["error"]


def test_a_target_rate_is_met_by_interpolating_settings():
    codec, x = LOSSY["jpeg2000"], photo_like(192, 192)
    known = [(s, len(codec.encode(x, s, 1)) * 8 / 192**2) for s in codec.settings]
    _, bpp = at_rate(codec, x, 1.0, known)
    assert bpp == pytest.approx(1.0, rel=0.15)


def test_plans_shrink_with_the_number_of_pictures():
    few, many = plan(4, 18), plan(65, 18)
    assert few.crop > many.crop and len(few.rates) >= len(many.rates)


def test_cores_are_given_back():
    import os

    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("no core affinity on this system")
    before = os.sched_getaffinity(0)
    with timing.cores(1):
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_spread_keeps_both_ends():
    codec = LOSSY["jpeg420"]
    assert codec.spread(3)[0] == codec.settings[0] and codec.spread(3)[-1] == codec.settings[-1]
    assert codec.spread(99) == codec.settings
    assert np.all(np.diff(codec.spread(5)) > 0)
