"""``effort``: latents move until what decoders show comes closest; decoders never know."""

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image, ImageDraw

import selfvae_codec
from selfvae_codec.choice import looks
from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.native import chooser_of
from selfvae_codec.choice.refine import refine
from selfvae_codec.coding.field import Field
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.models.config import RD_SLOPE, RDO_RATE
from selfvae_codec.models.exact.backends import networks


def with_edges(picture):
    """Lines of several widths and directions, which photographs have and waves do not."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for i in range(24):
        draw.line((3 * i, 5 * i, 190 - 7 * i, 11 * i), fill=(11 * i, 90, 250 - 9 * i), width=1 + i % 4)
    return np.asarray(image)


def cost(picture, quality, effort):
    """Bits and squared error in local steps, as the encoder weighs them."""
    nets = networks()
    data = selfvae_codec.encode(picture, quality=quality, effort=effort)
    error = (selfvae_codec.decode(data).astype(np.int32) - picture).transpose(2, 0, 1)
    plan = plan_for(*picture.shape[:2], quality, config=nets.config)
    plan, activity = looks.suited(nets, plan, analyse(nets, plan, picture))
    g = Field(nets.weights.tables, plan.fall, activity, nets.config.activity_stride).steps(plan.coded)
    steps = nets.pull(error) * g / 3.0 ** (plan.step / 256)
    return RDO_RATE * 8 * len(data) + np.square(steps).sum() / RD_SLOPE


@pytest.mark.parametrize("quality", [22, 50, 80])
def test_effort_lowers_the_cost_that_the_encoder_minimises(quality):
    pictures = [with_edges(make_picture(200, 136, seed=seed)) for seed in (5, 6, 7)]
    costs = [sum(cost(picture, quality, effort) for picture in pictures) for effort in (0, 1, 5)]
    assert costs[0] > costs[1] > costs[2]


def test_no_effort_leaves_latents_and_some_moves_them_inside_the_picture_alone():
    picture, nets = make_picture(70, 50, seed=6), networks()
    plan = plan_for(*picture.shape[:2], 50, config=nets.config)
    latents = analyse(nets, plan, picture)
    before = latents.z1.copy()
    refine(nets, plan, latents, 0, chooser_of(nets, RD_SLOPE))
    assert np.array_equal(latents.z1, before)
    refine(nets, plan, latents, 2, chooser_of(nets, RD_SLOPE))
    _, rows, columns = plan.coded
    assert np.abs(latents.z1 - before)[plan.coded].max() > 0
    assert not latents.z1[:, rows.stop :].any() and not latents.z1[:, :, columns.stop :].any()


def test_the_pull_is_the_transpose_of_the_linear_synthesis():
    """<synthesis(z), e> = <z, pull(e)>: both sides from the integer transforms, so equal up to their rounding."""
    nets, rng = networks(), np.random.default_rng(7)
    error = rng.integers(-40, 41, (3, 48, 32))
    residual = rng.integers(-40, 41, (3, 48, 32))
    z = np.empty((192, *(side // 8 for side in residual.shape[1:])), np.float32)  # whose synthesis is the residual
    nets.analysis((128 + residual).astype(np.uint8), np.full((3, 3, 2), 128), z)
    assert np.isclose((z * nets.pull(error)).sum(), (residual * error).sum(), rtol=1e-3)


def test_training_pulls_as_the_codec_does():
    torch = pytest.importorskip("torch")
    from selfvae_codec.models.networks.selfvae import SelfVAE

    nets = networks()
    error = np.random.default_rng(8).integers(-40, 41, (3, 48, 32))
    with torch.no_grad():
        floats = SelfVAE(nets.config).pull(torch.from_numpy(error[None]).float())[0].numpy()
    assert np.abs(floats - nets.pull(error)).max() < 0.1


def test_the_first_levels_of_a_file_are_those_of_the_whole_one():
    picture = make_picture(70, 50, seed=8)
    whole, part = (selfvae_codec.encode(picture, quality=60, levels=levels) for levels in (None, 3))
    first = selfvae_codec.read_header(whole).levels[2]
    second = selfvae_codec.read_header(part).levels[2]
    assert whole[first.offset :][: first.length] == part[second.offset :][: second.length]


@pytest.mark.parametrize("effort", [-1, 10])
def test_effort_out_of_range_is_refused(effort):
    with pytest.raises(selfvae_codec.CodecError, match=f"effort={effort} is out of range: 0 .* to 9"):
        selfvae_codec.encode(make_picture(16, 16), effort=effort)
