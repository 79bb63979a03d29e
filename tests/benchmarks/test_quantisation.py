"""Integers take about the bits of the floats that they were made from, in files of one plane and of two.

Of photographs within half a percent; these waves are like none, and surprise tables that have an end.
"""

from pathlib import Path

import pytest
from conftest import make_picture

from selfvae_codec.coding.plan import plan_for
from selfvae_codec.models.exact.backends import networks

FLOATS = Path(__file__).parents[2] / "models/checkpoints/downscale.safetensors"


@pytest.mark.parametrize("tune", ["visual", "psnr"])
@pytest.mark.parametrize("quality", [25, 75])
def test_integers_take_the_bits_of_floats_and_show_what_they_show(quality, tune):
    pytest.importorskip("torch")
    from selfvae_codec.benchmarks.studies.quantisation import exact_point, float_model, float_point

    x = make_picture(192, 128)  # no padding, which floats code and files do not
    plan = plan_for(*x.shape[:2], quality, tune=tune)
    (bpp, psnr), (exact_bpp, exact_psnr) = float_point(float_model(FLOATS), x, plan), exact_point(networks(), x, plan)
    assert abs(exact_bpp / bpp - 1) < 0.06
    assert abs(exact_psnr - psnr) < 0.1
