"""Steps that make pictures look alike at one quality."""

import numpy as np
import pytest

import selfvae_codec
from selfvae_codec.choice import looks
from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.foresight import BAND, Band, compared, foreseen, missing
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.models.activity import HIGHEST, LOWEST
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
    latents = analyse(nets, plan, x)
    return plan, latents, *looks.suited(nets, plan, latents)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("quality", [0, 3, 50, 61, 63, 64, 90, 99.9])
def test_whatever_the_picture_there_are_as_many_levels_and_the_change_is_bounded(name, quality):
    plan, latents, ours, activity = suited(PICTURES[name], quality)
    assert ours.count == plan.count and 256 <= ours.step <= 1408
    assert -looks.FINER <= (ours.step - plan.step) / T_UNITS <= looks.COARSER + 1 / T_UNITS
    assert activity.shape == latents.activity.shape and activity.dtype == np.int32
    assert LOWEST <= activity.min() and activity.max() <= HIGHEST


def measured(x, shown):
    return looks.looked_at([compared((x.transpose(2, 0, 1), shown.transpose(2, 0, 1)))], 32)[0]


def test_nothing_is_missing_in_what_is_shown_as_it_is():
    x = waves(64, 96, 40)
    assert np.allclose(measured(x, x), np.log(looks.LEAST), atol=0.01)


def test_what_is_missing_is_measured_at_its_size():
    """Structure in brightness at four sizes, contrast at two, structure in red and in blue."""
    rows, columns = np.mgrid[:96, :128]
    x = np.full((96, 128, 3), 120.0)
    fine, coarse = (30 * np.sin(rows / size) * np.sin(columns / size) for size in (0.7, 9.0))
    whole = (x + (fine + coarse)[..., None]).round().astype(np.uint8)
    without_fine = measured(whole, (x + coarse[..., None]).round().astype(np.uint8))
    without_coarse = measured(whole, (x + fine[..., None]).round().astype(np.uint8))
    assert without_fine[0] > without_coarse[0] and without_fine[3] < without_coarse[3] - 1
    assert without_fine[4] > without_coarse[4] + 1  # contrast within windows is that of what is fine
    blue = whole.astype(float)
    blue[..., 2] += 12 * np.sin(columns / 12)
    tinted = measured(whole, blue.round().clip(0, 255).astype(np.uint8))
    assert tinted[7] > tinted[6] + 1
    red = whole + 12 * np.sin(columns / 12)[..., None] * (1, -0.32, 0)  # as bright
    reddened = measured(whole, red.round().clip(0, 255).astype(np.uint8))
    assert reddened[6] > reddened[7] and reddened[6] > reddened[:4].max()
    assert tinted[7] > tinted[:4].max()


def test_errors_that_gather_count_more_than_as_many_that_are_spread():
    gathered, spread = (np.zeros((16, 16), np.float32) for _ in range(2))
    gathered[:4, :4], spread[:] = 0.8, 0.05
    sizes = [np.zeros((8, 8), np.float32)] * 3
    alike = (Band([lost, *sizes], [lost, *sizes], sizes[0], sizes[0]) for lost in (gathered, spread))
    more, less = (looks.looked_at([band], 32)[0] for band in alike)
    assert more[0] > less[0] + 1 and more[4] > less[4] + 1.5 and np.array_equal(more[1:4], less[1:4])


def test_bands_of_what_is_foreseen_are_parts_of_the_picture(monkeypatch):
    nets, x = networks("downscale"), waves(8 * (2 * BAND + 4), 120, 30)  # the last rows are no band of their own
    plan = plan_for(*x.shape[:2], 70)
    latents = analyse(nets, plan, x)
    parts = list(foreseen(nets, plan, latents))
    assert [part.shape[1] for part, _ in parts] == [8 * BAND, 8 * (BAND + 4)]
    monkeypatch.setattr("selfvae_codec.choice.foresight.BAND", 99)
    ((whole, shown),) = foreseen(nets, plan, latents)
    for joined, at_once in zip((np.concatenate(v, 1) for v in zip(*parts)), (whole, shown)):
        assert np.array_equal(joined, at_once)
    assert np.array_equal(whole, x.transpose(2, 0, 1))
    assert np.abs(shown.astype(int) - whole).mean() < 4  # a plain quantiser is not far off


def test_the_map_is_finer_where_more_is_missing_than_elsewhere():
    nets, x = networks("downscale"), np.full((192, 256, 3), 128, np.uint8)
    x[64:128, 64:192] = RNG.normal(128, 5, (64, 128, 1)).clip(0, 255)  # faint texture, which a coarse step takes
    plan = plan_for(192, 256, 20)
    latents = analyse(nets, plan, x)
    measures, places = looks.looked_at(missing(nets, plan, latents), 32)
    assert places.shape == (5, 6, 8) and measures.shape == (8,)
    change = looks.evened(latents.activity, places, looks.MIDDLE) - latents.activity
    assert change[0, 2:4, 2:6].min() >= 1 and change[0, :, 0].max() < 0
    assert np.array_equal(looks.evened(latents.activity, places, looks.FINE), latents.activity)


def test_a_file_has_the_step_that_suits_its_picture():
    for colour in (0, 60):
        x = waves(72, 88, colour)
        _, _, ours, _ = suited(x, 40)
        for tune, step in (("visual", ours.step), ("psnr", plan_for(72, 88, 40, tune="psnr").step)):
            assert selfvae_codec.read_header(selfvae_codec.encode(x, quality=40, tune=tune)).step == step
