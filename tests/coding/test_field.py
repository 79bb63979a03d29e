"""The step field: exact integers that bring what networks say to local steps and what they are told back."""

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.encoder import write_level
from selfvae_codec.coding import coefficients
from selfvae_codec.coding.coders import Expect
from selfvae_codec.coding.field import Field
from selfvae_codec.coding.levels import decode_levels, read_level
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.errors import HeaderError
from selfvae_codec.format import container
from selfvae_codec.models.activity import activity_map
from selfvae_codec.models.config import FALLS, T_COARSEST, T_FINEST, TUNES, Z1_STRIDE, Config, fall_for
from selfvae_codec.models.exact.backends import networks
from selfvae_codec.models.exact.layers import T_UNITS
from selfvae_codec.models.lapped import by_frequency
from selfvae_codec.models.tables import (
    FIELD_LIMIT,
    LOG2_SCALE_STEP,
    SCALE_LEVELS,
    SLIGHT_FALLS,
    field_table,
    gain_table,
)
from selfvae_codec.models.units import MEAN_LIMIT, SYMBOL_INPUT_LIMIT, SYMBOL_UNITS

TABLES = {"fields": field_table(flat=False), "gains": gain_table()}
WHOLE = (slice(None), slice(None), slice(None))


def half_flat(width=192, height=128):
    """Flat on the left, busy on the right."""
    picture = make_picture(width, height, seed=3)
    picture[:, : width // 2] = np.arange(width // 2)[:, None] + [90, 100, 110]
    noise = np.random.default_rng(1).integers(-40, 41, picture[:, width // 2 :].shape)
    picture[:, width // 2 :] = (picture[:, width // 2 :] + noise).clip(0, 255)
    return picture


def test_the_shipped_tables_are_those_of_this_version():
    for model in ("downscale", "edge"):
        tables = networks(model).weights.tables
        assert np.array_equal(tables["gains"], TABLES["gains"])
        assert np.array_equal(tables["fields"], TABLES["fields"])


def test_lossless_files_and_models_without_activity_have_one_step_for_all():
    assert not TABLES["fields"][0].any() and not field_table(flat=True).any()
    plan = plan_for(8, 8, 50, config=Config(representations=(("downscale", 32), ("downscale", 16))))
    assert not plan.fall and not plan.activity


def test_steps_fall_more_the_coarser_they_are_and_more_for_an_eye_than_for_the_least_squared_error():
    rows = TABLES["fields"].astype(int)
    assert (np.diff(rows[:, -1]) < 0).all() and (np.diff(rows[: SLIGHT_FALLS + 1], axis=0) <= 0).all()
    steps = np.linspace(T_FINEST, T_COARSEST, 99)
    visual, psnr = ([fall_for(t, tune) for t in steps] for tune in TUNES)
    assert visual == sorted(visual) and psnr == sorted(psnr) and all(a > b for a, b in zip(visual, psnr))
    assert 0 <= min(psnr) and max(visual) < FALLS


def test_for_an_eye_the_lowest_frequencies_are_finer_and_red_to_blue_is_coarser_than_luma():
    place = {coefficient: channel for channel, coefficient in enumerate(by_frequency())}
    luma, red_to_blue, green_to_magenta = (
        TABLES["fields"][SLIGHT_FALLS + 1 :, [place[64 * colour + k] for k in range(64)]] for colour in range(3)
    )
    assert (luma[:, 0] > 0).all() and (luma[:, :1] >= luma).all() and (luma[:, 1] == luma[:, 8]).all()
    assert (red_to_blue <= green_to_magenta).all() and (green_to_magenta <= luma).all()
    assert (red_to_blue[-1] < green_to_magenta[-1]).all() and (green_to_magenta[-1] < luma[-1]).all()


@pytest.mark.parametrize("make", [Field, coefficients.field])
@pytest.mark.parametrize("k", [-FIELD_LIMIT, -7, -1, 0, 1, 9, FIELD_LIMIT])
def test_means_scales_and_symbols_change_their_unit_and_nothing_else(k, make):
    field, flat = (make(TABLES | {"fields": np.full((1, 192), v, np.int8)}, 0) for v in (k, 0))
    g, at = 2.0 ** (k * LOG2_SCALE_STEP), (slice(1), slice(1), slice(5))
    means, levels, symbols = np.array(
        [[[[-32767, -100, 0, 33, 32767]]], [[[0, 1, 30, 62, 63]]], [[[-9, -1, 0, 1, 9]]]], np.int16
    )
    mean, level = field.local(at, means, levels)
    assert np.abs(mean - (means * g).clip(-MEAN_LIMIT, MEAN_LIMIT)).max() <= 1 + 32767 / 4096
    assert np.array_equal(level, (levels + k).clip(0, SCALE_LEVELS - 1))
    seen = (symbols * SYMBOL_UNITS / g).clip(-SYMBOL_INPUT_LIMIT, SYMBOL_INPUT_LIMIT)
    assert np.abs(field.known(at, symbols) - seen).max() <= 0.51 + 9 * 4 / 4096
    symbols, beside = np.array([[[[-32000, -1, 0, 1, 32000]]], [[[-1, 77, 3, -77, 1]]]], np.int16)
    z = 256 * symbols.astype(np.int32) + beside
    whole = field.whole(at, symbols, beside)
    assert np.allclose(whole, (z / g).clip(-(2**23), 2**23), rtol=4e-3, atol=1) and whole.dtype == np.int32
    assert np.allclose(field.in_steps(at, symbols / np.float32(8), 0.5), symbols * g / 16, rtol=1e-3)
    seen = flat.known(at, np.array([[[-200, -1, 0, 1, 127]]], np.int16))
    assert np.array_equal(seen, [[[-508, -4, 0, 4, 508]]])


def test_busy_places_have_coarser_steps_and_the_synthesis_moves_no_pixel_by_more_than_half_a_local_one():
    nets, picture = networks(), half_flat()
    plan = plan_for(*picture.shape[:2], 50, config=nets.config)
    activity = activity_map(picture.transpose(2, 0, 1), 32)
    assert activity.shape == (1, 4, 6) and (activity[:, :, :3] > activity[:, :, 3:]).all()
    field = Field(nets.weights.tables, plan.fall, activity, 32)
    g = field.steps(WHOLE)
    assert (g[:, :, :12] > g[:, :, 12:]).all()
    bound, by_place = field.bound(slice(16), slice(24)), Field(nets.weights.tables, 0, activity, 32).steps(WHOLE)[0]
    assert bound.max() <= 128 and (bound <= 128 / by_place + 1).all() and bound[0, 0] < 128


def test_an_encoder_may_set_the_map_at_will_and_bits_go_where_it_says():
    nets, picture = networks(), make_picture(128, 64, seed=4)
    plan = plan_for(*picture.shape[:2], 40, config=nets.config)
    errors = []
    for left in (-3, 3):
        latents = analyse(nets, plan, picture)
        latents.activity[:] = [left, left, -left, -left]
        walk, models = Walk(nets, plan, latents), models_of(nets)
        writers = [write_level(walk, models, index) for index in range(plan.count)]
        read = Walk(nets, plan)
        for index, writer in enumerate(writers):
            read_level(read, index, writer.finish(), writer.check, str(index))
        assert np.array_equal(read.picture(plan.planes - 1), walk.picture(plan.planes - 1))
        error = np.square(read.picture(plan.planes - 1).astype(float) - picture)
        errors.append((error[:, :56].mean(), error[:, 72:].mean()))
    assert errors[0][0] > 1.4 * errors[1][0] and errors[1][1] > 1.4 * errors[0][1]


def test_a_level_of_latents_is_expected_with_a_map_that_nobody_sent():
    nets = networks()
    walk, models = Walk(nets, plan_for(70, 100, 50, config=nets.config)), models_of(nets)
    for index in range(3):
        walk.level(index, Expect(models))
    assert walk.picture(0).shape == (70, 100, 3)


@pytest.mark.parametrize("tune", TUNES)
def test_a_file_says_how_its_steps_differ_and_both_tunes_decode_at_every_level(tune):
    picture = half_flat()
    data = selfvae_codec.encode(picture, quality=75, tune=tune, effort=0)
    header = selfvae_codec.read_header(data)
    assert header.fall == fall_for(header.step / T_UNITS, tune) and header.activity == (tune == "visual")
    errors = [np.square(selfvae_codec.decode(data, levels=n + 1).astype(float) - picture).mean() for n in range(4)]
    assert errors == sorted(errors, reverse=True)


def test_fine_regular_textures_are_there_at_high_quality():
    """Stripes of nearly the highest frequency there is, beside a flat place, as in a ribbon of Kodak's kodim15."""
    picture = np.full((128, 128, 3), 40, np.uint8)
    picture[:, 32:96] = (60, 140, 150)
    for contrast, qualities in {12: (72, 80, 87, 97), 24: (60, 72, 80, 87, 97), 40: (60, 72, 80, 87, 97)}.items():
        picture[::2, 32:96] = np.array((60, 140, 150)) + contrast
        for quality in qualities:
            x = selfvae_codec.decode(selfvae_codec.encode(picture, quality=quality, effort=1)).astype(float)
            stripes = (x[::2, 40:88] - x[1::2, 40:88]).mean()
            assert stripes > 0.95 * contrast, (contrast, quality)


def test_a_lossless_file_has_neither_map_nor_field():
    header = selfvae_codec.read_header(selfvae_codec.encode(make_picture(40, 24), lossless=True))
    assert not header.fall and not header.activity


def test_a_map_that_the_model_has_not_is_refused(monkeypatch):
    data = selfvae_codec.encode(make_picture(40, 24), quality=40, effort=0)
    header, payloads = container.read_levels(data)
    bare = type(networks().config)(representations=networks().config.shown)
    monkeypatch.setattr(networks(header.model_id), "config", bare)
    with pytest.raises(HeaderError, match="has no activity map"):
        decode_levels(header, payloads)


@pytest.mark.parametrize("size", [(1, 1), (9, 200), (33, 31), (65, 64)])
def test_pictures_of_any_size_have_a_map(size):
    picture = make_picture(*size, seed=5)
    data = selfvae_codec.encode(picture, quality=50, effort=0)
    assert selfvae_codec.decode(data).shape == picture.shape


def test_training_sees_the_map_that_files_hold():
    torch = pytest.importorskip("torch")
    from selfvae_codec.models.networks.transforms import activity, fields

    picture = half_flat()
    x = torch.from_numpy(picture.transpose(2, 0, 1)[None].copy()).float()
    made = activity_map(picture.transpose(2, 0, 1), 32)
    assert np.mean(activity(x, 32)[0].numpy() == made) > 0.9, "roundings may differ"
    table, fall = torch.tensor(TABLES["fields"]).float(), torch.tensor([5])
    g = fields(x, networks().config, table, fall, torch.tensor([True]))[0].numpy()
    assert np.array_equal(g, Field(TABLES, 5, activity(x, 32)[0].numpy().astype(np.int32), 32).log2(WHOLE))
    plain = fields(x, networks().config, table, fall, torch.tensor([False]))[0].numpy()
    assert np.array_equal(plain[:, 0, 0], TABLES["fields"][5]) and (plain == plain[:, :1, :1]).all()


@pytest.mark.parametrize("mapped", [False, True])
def test_networks_are_told_both_ends_of_the_field_as_in_training(mapped):
    torch = pytest.importorskip("torch")
    from selfvae_codec.models.networks.selfvae import SelfVAE
    from selfvae_codec.models.networks.transforms import activity, fields
    from selfvae_codec.models.units import FIELD_SCALE

    model = SelfVAE(Config(told_field=True))
    x = torch.from_numpy(half_flat().transpose(2, 0, 1)[None].copy()).float()
    log2 = fields(x, model.config, model.by_frequency, torch.tensor([6]), torch.tensor([mapped]))
    made = activity(x, 32)[0].numpy().astype(np.int32)
    field = Field(TABLES, 6, *((made, 32) if mapped else ()))
    height, width = (side // Z1_STRIDE for side in x.shape[2:])
    for blocks in (1, 2):
        (told,) = model.told(log2, blocks)
        ends = field.ends(slice(0, height, blocks), slice(0, width, blocks))
        assert np.array_equal(told[0].numpy() * FIELD_SCALE, ends)
    assert np.array_equal(field.ends(slice(3, 7), slice(width)), ends_of(field, 3, 7, width))


def ends_of(field, top, bottom, width):
    return field.ends(slice(0, bottom), slice(width))[:, top:]
