"""Quality measures, timing, means and BD-rates of the benchmark."""

from __future__ import annotations

import io
import math
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("bjontegaard")
pytest.importorskip("ssimulacra2")
pytest.importorskip("pytorch_msssim")

from PIL import Image  # noqa: E402

from selfvae_codec.benchmarks import pictures  # noqa: E402
from selfvae_codec.benchmarks.measures import (  # noqa: E402
    bdrate,
    butteraugli,
    colorvideovdp,
    curves,
    embedding,
    environment,
    quality,
    timing,
)
from selfvae_codec.benchmarks.measures.curves import Curve  # noqa: E402


def photo_like(height=226, width=240, seed=0):
    """Smooth shapes plus grain: enough structure for every measure."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 24
    base = np.stack([np.sin(x + k) * np.cos(y * (1 + k / 3)) for k in range(3)], -1)
    return np.clip(127 + 90 * base + rng.normal(0, 6, base.shape), 0, 255).astype(np.uint8)


def jpeg(pixels, q):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=q)
    return np.asarray(Image.open(io.BytesIO(out.getvalue())))


def straight(key, factor=1.0, **options):
    """A curve that needs ``factor`` times the bits of straight(...) at every quality."""
    db = [30.0, 33.0, 36.0, 39.0]
    bpp = [factor * 0.1 * 2 ** (q / 6 - 5) * 10 for q in db]
    return Curve(key, key, bpp, db, [None] * 4, [None] * 4, [""] * 4, **options)


def test_psnr_is_that_of_the_definition():
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 5, np.uint8)
    assert quality.psnr_db(black, grey) == pytest.approx(10 * math.log10(255**2 / 25))
    assert quality.psnr_db(grey, black) == quality.psnr_db(black, grey)
    assert quality.psnr_db(black, black) == math.inf


def test_equal_pictures_score_100_and_are_marked_lossless():
    x = photo_like()
    row = quality.Reference(x).measures(x)
    assert row["lossless"] and row["psnr_db"] is None and row["mse"] == 0
    assert row["ssimulacra2"] == pytest.approx(100) and row["ms_ssim"] == pytest.approx(1)


def test_every_measure_orders_jpegs_by_quality():
    x = photo_like()
    rows = [quality.Reference(x).measures(jpeg(x, q)) for q in (5, 25, 60, 95)]
    for name in ("psnr_db", "ms_ssim", "ssimulacra2"):
        values = [row[name] for row in rows]
        assert values == sorted(values), name


def test_ssimulacra2_with_the_original_kept_equals_the_package():
    from ssimulacra2 import compute_ssimulacra2

    from selfvae_codec.pictures import ssimulacra2

    x = photo_like(seed=3)
    y = jpeg(x, 40)

    def png(pixels):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        out.seek(0)
        return out

    kept = ssimulacra2.score(ssimulacra2.reference(x), y)
    assert kept == pytest.approx(compute_ssimulacra2(png(x), png(y)), abs=1e-9)


def test_measures_are_left_out_of_pictures_too_small_for_them():
    x = photo_like(160, 300)
    assert quality.ms_ssim_of(x, x) is None
    row = quality.Reference(photo_like(224, 300)).measures(photo_like(224, 300))
    assert row["ssimulacra2"] is None and row["ms_ssim"] == pytest.approx(1)


@pytest.mark.skipif(os.name != "posix", reason="a stand-in program as on Unix")
def test_butteraugli_is_what_its_program_says_and_missing_without_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    x = photo_like(32, 40)
    assert quality.Reference(x).measures(x)["butteraugli"] is None
    assert "no butteraugli_main on the PATH" in quality.missing()["Butteraugli"]
    program = tmp_path / "butteraugli_main"
    program.write_text("#!/bin/sh\ntest -s $1 && test -s $2 && test $3 = --pnorm && echo 7.5 && echo 3-norm: 1.25\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert quality.Reference(x).measures(x)["butteraugli"] == 1.25 and "Butteraugli" not in quality.missing()
    program.write_text("#!/bin/sh\necho no such picture >&2\nexit 1\n")
    with pytest.raises(RuntimeError, match="butteraugli_main failed with 1: no such picture"):
        butteraugli.three_norm(x, x)


@pytest.mark.skipif(butteraugli.missing() is not None, reason="butteraugli_main is not installed")
def test_butteraugli_orders_jpegs_by_quality():
    x = photo_like(64, 64)
    distances = [butteraugli.three_norm(x, y) for y in (jpeg(x, 5), jpeg(x, 60), x)]
    assert distances[0] > distances[1] > distances[2] == 0


def test_colorvideovdp_is_what_its_package_says_and_missing_without_it(monkeypatch):
    class Metric:
        def __init__(self, display_name, quiet):
            assert display_name == "standard_4k"

        def predict(self, test, reference, dim_order):
            assert dim_order == "HWC" and test.shape == reference.shape
            return np.float32(10 - abs(test.mean() - reference.mean())), None

    x = photo_like(32, 40)
    for module in ("_metric", "missing"):
        getattr(colorvideovdp, module).cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pycvvdp", None)
        assert (
            quality.Reference(x).measures(x)["cvvdp"] is None
            and "pip install cvvdp" in quality.missing()["ColorVideoVDP"]
        )
    colorvideovdp.missing.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pycvvdp", SimpleNamespace(cvvdp=Metric))
        assert quality.Reference(x).measures(x)["cvvdp"] == 10
    for module in ("_metric", "missing"):
        getattr(colorvideovdp, module).cache_clear()


def test_a_smaller_distance_is_a_better_point_of_a_curve():
    rows = [
        {
            "picture": "a",
            "bpp": bpp,
            "psnr_db": 30.0 + bpp,
            "ms_ssim": 0.9,
            "ssimulacra2": None,
            "label": "",
            "butteraugli": d,
        }
        for bpp, d in ((1.0, 3.0), (2.0, 1.5))
    ]
    (curve,) = curves.curves_on_pictures({"webp": rows})["a"]
    assert curve.metric("butteraugli") == ([1.0, 2.0], [-3.0, -1.5]) and curve.metric("cvvdp") == ([], [])


def test_the_mean_of_pictures_says_on_how_many_the_test_is_smaller():
    here = {name: [straight("ours", f), straight("webp")] for name, f in (("a", 0.8), ("b", 0.9), ("c", 1.2))}
    (result,) = bdrate.mean_of_pictures(bdrate.per_picture(here, ["ours"]))
    assert (result.smaller, result.pictures) == (2, 3) and result.bd_rate_pct == pytest.approx(-10 / 3, abs=0.1)


def test_two_pictures_of_one_name_are_two_and_a_damaged_one_is_named_and_left_out(tmp_path, capsys):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes((tmp_path / "b.png").read_bytes()[:40])
    assert [picture.name for picture in pictures.read_folder(tmp_path).pictures] == ["a.jpg", "a.png", "b"]
    assert "left out: " in (said := capsys.readouterr().err) and "c.png" in said
    for name in ("a.png", "a.jpg", "b.png"):
        (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match="no picture in .* can be read"):
        pictures.read_folder(tmp_path)


def test_bd_rate_of_a_curve_with_a_fifth_fewer_bits_is_minus_20_percent():
    result = bdrate.bd_rate(straight("test", 0.8), straight("anchor"))
    assert result.bd_rate_pct == pytest.approx(-20, abs=0.01)
    assert (result.from_quality, result.to_quality, result.overlap) == (30, 39, 1)


def test_bd_rate_does_not_change_when_anchor_points_are_spread_otherwise():
    sparse, dense = straight("a"), straight("b", 1.1)
    q = np.linspace(30, 39, 31)
    dense = Curve("b", "b", list(1.1 * 0.1 * 2 ** (q / 6 - 5) * 10), list(q), [None] * 31, [None] * 31, [""] * 31)
    assert bdrate.bd_rate(dense, sparse).bd_rate_pct == pytest.approx(10, abs=0.05)


def test_curves_that_do_not_meet_have_no_bd_rate():
    low = straight("low")
    high = Curve("high", "high", low.bpp, [q + 20 for q in low.psnr_db], *[[None] * 4] * 2, [""] * 4)
    result = bdrate.bd_rate(high, low)
    assert result.bd_rate_pct is None and result.overlap == 0


def test_a_point_worse_than_a_cheaper_one_is_not_interpolated():
    assert bdrate.monotone([1, 2, 3, 4], [30, 33, 32, 35]) == ([1, 2, 4], [30, 33, 35])


def test_price_of_embedding_is_read_off_level_by_level():
    embedded = Curve(
        "e",
        "e",
        [b * 1.1 for b in straight("x").bpp],
        straight("x").psnr_db,
        [None] * 4,
        [None] * 4,
        ["level 3", "level 4", "level 5", "level 6"],
    )
    lines = embedding.price_per_level(embedded, straight("s"))
    assert [line["extra_rate_pct"] for line in lines] == pytest.approx([10] * 4, abs=0.01)
    assert embedding.price(embedded, straight("s"))[0].bd_rate_pct == pytest.approx(10, abs=0.01)


def row(picture, setting, bpp, mse, **more):
    return {
        "picture": picture,
        "width": 10,
        "height": 10,
        "codec": "c",
        "setting": setting,
        "label": f"q {setting}",
        "bpp": bpp,
        "mse": mse,
        "ms_ssim": 0.9,
        "ssimulacra2": 50.0,
        "psnr_db": quality.psnr_of_mse(mse) if mse else None,
        "lossless": mse == 0,
        "encode_s": 1.0,
        "decode_s": 0.5,
        **more,
    }


def test_both_means_of_psnr_are_kept_apart():
    (line,) = curves.summarise([row("a", 1, 1.0, 1.0), row("b", 1, 2.0, 100.0)])
    assert line["psnr_db"] == pytest.approx(10 * math.log10(255**2 / 10))
    assert line["psnr_db_of_mean_mse"] == pytest.approx(10 * math.log10(255**2 / 50.5))
    assert line["bpp"] == 1.5


def test_a_lossless_picture_is_counted_and_not_averaged_as_infinite():
    (line,) = curves.summarise([row("a", 1, 1.0, 0.0), row("b", 1, 2.0, 100.0)])
    assert line["lossless"] == 1 and line["psnr_db"] is None and line["psnr_db_of_mean_mse"] is None


def test_settings_that_some_picture_lacks_are_not_averaged():
    rows = [row("a", 1, 1, 4), row("b", 1, 1, 4), row("a", 2, 2, 2)]
    assert [line["setting"] for line in curves.summarise(rows)] == [1]


def test_the_stopwatch_takes_the_median_and_keeps_to_its_budget(monkeypatch):
    ticks = iter([0, 3, 3, 4, 4, 9])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    assert timing.stopwatch(3, 100)(lambda: "x") == ("x", 3, 3)
    ticks = iter([0, 3])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    assert timing.stopwatch(3, 2)(lambda: "x") == ("x", 3, 1)


def test_a_command_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = {
        "python": "python",
        "benchmarks.studies.rd": "benchmarks.studies.rd",
        "results/a.json": "results/a.json",
        str(tmp_path / "results" / "a.json"): "results/a.json",
        "../other/photos/": "photos",
        "/somewhere/else/build": "build",
        "--python=/somewhere/else/python": "--python=python",
        "before=/somewhere/python": "before=python",
        "s3://bucket/photos": "s3://bucket/photos",
        "--levels=3": "--levels=3",
    }
    assert {word: environment.relative(word) for word in said} == said
