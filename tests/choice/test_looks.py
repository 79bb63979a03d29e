"""Steps that make pictures look alike at one quality."""

import numpy as np
import pytest

import selfvae_codec
from selfvae_codec.choice import looks
from selfvae_codec.choice.analysis import analyse
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.models.exact.backends import networks
from selfvae_codec.models.exact.layers import T_UNITS

RNG = np.random.default_rng(0)


def waves(height, width, colour):
    rows, columns = np.mgrid[:height, :width]
    x = np.repeat(128 + 40 * np.sin(rows / 3 + columns / 7)[..., None], 3, 2)
    x += colour * np.stack([np.sin(columns / 4), np.zeros(rows.shape), np.cos(rows / 4)], 2)
    return (x + RNG.normal(0, 3, x.shape)).clip(0, 255).round().astype(np.uint8)


PICTURES = {
    "flat": np.full((40, 56, 3), 130, np.uint8),
    "black": np.zeros((33, 17, 3), np.uint8),
    "noise": RNG.integers(0, 256, (64, 64, 3), np.uint8),
    "one pixel": np.full((1, 1, 3), 7, np.uint8),
    "a line": RNG.integers(0, 256, (1, 90, 3), np.uint8),
    "colours": waves(96, 64, 60),
}


def suited(x, quality):
    nets = networks("downscale")
    plan = plan_for(*x.shape[:2], quality)
    return plan, looks.alike(nets, plan, analyse(nets, plan, x))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("quality", [0, 3, 50, 61, 63, 64, 90, 99.9])
def test_whatever_the_picture_there_are_as_many_levels_and_the_change_is_bounded(name, quality):
    plan, ours = suited(PICTURES[name], quality)
    assert ours.count == plan.count and 256 <= ours.step <= 1408
    assert -looks.FINER <= (ours.step - plan.step) / T_UNITS <= looks.COARSER + 1 / T_UNITS


def test_what_a_step_takes_is_measured():
    rng, step = np.random.default_rng(1), 9.0
    z = rng.normal(0, 3 * step, (128, 8, 10)).astype(np.float32)
    z[64:] = 0
    plain = looks.measures(z, np.float32(step))
    colourful, faint = z.copy(), z.copy()
    colourful[64:128] = rng.uniform(-0.5, 0.5, (64, 8, 10)) * step  # all of it below the step
    faint[:64][looks.FINE] *= 0.1  # fine detail, too
    assert np.allclose(np.delete(looks.measures(colourful, np.float32(step)) - plain, 3), 0)
    assert looks.measures(colourful, np.float32(step))[3] - plain[3] > 1
    assert looks.measures(faint, np.float32(step))[2] - plain[2] > 1
    assert (looks.measures(z, np.float32(2 * step)) > plain)[[0, 1, 2]].all()
    assert looks.WEIGHTS[0, 3] < 0  # colours that would go want a finer step


def test_a_file_has_the_step_that_suits_its_picture():
    for colour in (0, 60):
        x = waves(72, 88, colour)
        _, ours = suited(x, 40)
        for tune, step in (("visual", ours.step), ("psnr", plan_for(72, 88, 40, tune="psnr").step)):
            assert selfvae_codec.read_header(selfvae_codec.encode(x, quality=40, tune=tune)).step == step
