"""Latents of lossless files are coarser where there is grain, and at high effort where that makes a file smaller."""

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec.choice import steps
from selfvae_codec.choice.quantise import LOSSLESS_SLOPES
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.format.fields import FIRST_STEP
from selfvae_codec.models.config import RD_SLOPE


def grainy(deviation, size=(200, 260)):
    rows = np.linspace(60, 190, size[0])[:, None, None]
    grain = np.random.default_rng(0).normal(0, deviation, (*size, 3))
    return (rows + grain).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("deviation", [0.8, 3, 9])
def test_noise_is_measured_in_grey_levels(deviation):
    assert steps.noise_of(grainy(deviation)) == pytest.approx(deviation, rel=0.2)


def test_edges_and_flat_places_are_no_noise():
    x = np.zeros((300, 300, 3), np.uint8)
    x[80:190, 40:210] = 200
    assert steps.noise_of(x) == 0


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (3, 3), (9, 2)])
def test_the_smallest_pictures_have_a_noise(shape):
    assert steps.noise_of(np.full((*shape, 3), 7, np.uint8)) == 0


def test_lossless_files_of_grain_have_coarser_latents_and_are_exact():
    for x, step in ((grainy(0.3), 640), (grainy(4), 687)):
        data = selfvae_codec.encode(x, lossless=True)
        assert selfvae_codec.read_header(data).step == step
        assert np.array_equal(selfvae_codec.decode(data), x)


@pytest.mark.parametrize("first", [640, 687])
@pytest.mark.parametrize("smallest", steps.STEPS)
def test_steps_are_tried_as_long_as_files_get_smaller(first, smallest):
    plan, tried = steps.with_step(plan_for(64, 64, 100, lossless=True), first), []

    def size(plan):
        tried.append(plan.step)
        return abs(plan.step - smallest)

    assert steps.best(plan, size) == steps.with_step(plan, smallest)
    assert len(tried) == len(set(tried))


@pytest.mark.parametrize("smallest", steps.STEPS)
def test_high_effort_takes_the_step_of_the_smallest_file_with_all_its_levels(smallest, monkeypatch):
    from selfvae_codec.choice import encoder

    monkeypatch.setattr(encoder, "GAIN_STEPS", {8: 1})
    monkeypatch.setattr(encoder, "_bytes", lambda nets, plan, x, slope: abs(plan.step - smallest))
    x = make_picture(64, 64)
    data = selfvae_codec.encode(x, lossless=True, effort=8)
    header = selfvae_codec.read_header(data)
    assert (header.step, header.n_levels) == (smallest, 5 if smallest < FIRST_STEP else 4)
    assert np.array_equal(selfvae_codec.decode(data), x)


@pytest.mark.parametrize("smallest", LOSSLESS_SLOPES)
def test_high_effort_takes_the_slope_of_the_smallest_file(smallest, monkeypatch):
    from selfvae_codec.choice import encoder

    asked = []

    def write(nets, plan, x, count, effort, slope, *more, write=encoder._write):
        asked.append((effort, slope))
        return write(nets, plan, x, count, effort, slope, *more)

    monkeypatch.setattr(encoder, "GAIN_STEPS", {8: 1})
    monkeypatch.setattr(encoder, "_bytes", lambda nets, plan, x, slope: abs(slope - smallest))
    monkeypatch.setattr(encoder, "_write", write)
    x = make_picture(64, 64)
    for effort, slope in ((8, smallest), (5, LOSSLESS_SLOPES[0])):
        data = selfvae_codec.encode(x, lossless=True, effort=effort)
        assert asked.pop() == (effort, slope) and np.array_equal(selfvae_codec.decode(data), x)
    selfvae_codec.encode(x, lossless=True, levels=2)  # pixels do not follow
    selfvae_codec.encode(x, quality=60)
    assert {slope for _, slope in asked} == {RD_SLOPE}
