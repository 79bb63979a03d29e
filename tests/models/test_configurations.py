"""One class, by configuration: no representations, one, three; pictures of 32 and 64 pixels; floats and integers."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import FINDS_EDGES, TINY, make_picture

from selfvae_codec.choice.analysis import analyse
from selfvae_codec.coding.levels import read_level, write_plainly
from selfvae_codec.coding.plan import Plan
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.models.config import T_LOSSLESS, Config, planes_for
from selfvae_codec.models.exact import weights
from selfvae_codec.models.exact.inference import Networks
from selfvae_codec.models.exact.layers import T_UNITS
from selfvae_codec.models.exact.runtime_torch import runner
from selfvae_codec.models.lapped import lapped_transform
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.training.export import exact_networks, tables
from selfvae_codec.models.training.likelihood import stream_bits
from selfvae_codec.models.walk import LATTICE

REPRESENTATIONS = {
    "plain": (),
    "downscale": (("downscale", 2),),
    "hierarchy": (("downscale", 8), ("downscale", 4), ("downscale", 2)),
    "photo": (("downscale", 32), ("downscale", 16), ("activity", 32)),
    "edge": (("edge", 2),),
    "edge-photo": (("edge", 4), ("downscale", 16)),
}
NAMES = [pytest.param(name, marks=FINDS_EDGES) if "edge" in name else name for name in REPRESENTATIONS]


def config_of(name):
    stride = 64 if "photo" in name else 32
    return Config(**TINY, representations=REPRESENTATIONS[name], hyper_stride=stride, y_coupled=name == "hierarchy")


def pictures(size, count, seed=0):
    """uint8 (count, 3, size, size)."""
    return np.stack([make_picture(size, size, seed + i) for i in range(count)]).transpose(0, 3, 1, 2)


def batches(size):
    return (torch.from_numpy(pictures(size, 4, seed)) for seed in range(10, 1000))


@functools.cache
def model_of(name):
    """A float model with heads that are not zero, and the exact networks made from it."""
    torch.manual_seed(0)
    model = SelfVAE(config_of(name)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    side = 2 * model.config.pad  # so that u has more than one position
    nets = exact_networks(model, lambda: batches(side), batches=1, quantile=1.0)
    transforms = {name: np.rint(matrix * 2**weights.TRANSFORM_BITS) for name, matrix in lapped_transform().items()}
    loaded = weights.Weights(b"small...", model.config, nets, transforms, tables(model))
    return SimpleNamespace(floats=model, nets=Networks(loaded, runner()))


def plan_of(config, size):
    t = round(T_UNITS * T_LOSSLESS)
    return Plan(size, size, t, planes_for(T_LOSSLESS), 1, lossless=True, config=config)


def written(nets, plan, x):
    """One writer for each level."""
    walk = Walk(nets, plan, analyse(nets, plan, x))
    return [write_plainly(walk, models_of(nets), index) for index in range(plan.count)]


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_decodes_to_the_exact_picture(name, size):
    nets = model_of(name).nets
    plan = plan_of(nets.config, size)
    x = make_picture(size, size, seed=3)
    writers = written(nets, plan, x)
    assert plan.count == len(nets.config.shown) + 3
    walk = Walk(nets, plan)
    for index, writer in enumerate(writers):
        read_level(walk, index, writer.finish(), writer.check, str(index))
    assert np.array_equal(walk.picture(plan.planes - 1), x)


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_files_cost_what_the_negative_elbo_counts(name):
    made = model_of(name)
    plan = plan_of(made.nets.config, 64)
    for x in pictures(64, 2, seed=5):
        counted = stream_bits(made.floats, torch.from_numpy(x[None]).float())
        bits = [writer.bits for writer in written(made.nets, plan, x.transpose(1, 2, 0))]
        K = plan.first_latent
        # what an untrained prior finds next to impossible costs no more than a table can say
        assert 0.8 < sum(bits[K : K + plan.planes]) / (counted["z2"] + counted["z1"]).item() < 1.02
        assert bits[-1] == pytest.approx(counted["x"].item(), rel=0.02)
        assert sum(bits[:K]) == pytest.approx((counted["u"] + counted["y"]).item(), rel=0.02, abs=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("y_step", [1, 4])
def test_u_of_odd_sizes_is_halved_down_to_its_mean_the_same_in_floats_and_in_files(y_step):
    made = model_of("photo")
    x = make_picture(300, 190, seed=8)  # u is 3x5, then 2x3, 1x2 and 1x1
    plan = Plan(190, 300, round(T_UNITS * T_LOSSLESS), 2, y_step, config=made.nets.config)
    latents = analyse(made.nets, plan, x, latents=False)
    assert [u.shape[1:] for u in latents.u] == [(1, 1), (1, 2), (2, 3), (3, 5)]
    walk, models = Walk(made.nets, plan, latents), models_of(made.nets)
    writers = [write_plainly(walk, models, index) for index in range(2)]
    padded = np.pad(x, [(0, to - side) for side, to in zip(x.shape[:2], plan.padded)] + [(0, 0)], mode="edge")
    padded = torch.from_numpy(padded.transpose(2, 0, 1)[None]).float()
    counted = made.floats.downscale_bits(padded, torch.tensor([float(y_step)]))
    assert sum(w.bits for w in writers) == pytest.approx(sum(counted.values()).item() * padded[0, 0].numel(), rel=0.02)
    read = Walk(made.nets, plan)
    for index, writer in enumerate(writers):
        read_level(read, index, writer.finish(), writer.check, str(index))
    assert np.array_equal(read.u, latents.u[-1]) and np.array_equal(read.y[-1], latents.y[-1])


def test_a_tied_prior_knows_the_last_pixel_of_a_cell_but_for_rounding():
    assert config_of("hierarchy").tied and not config_of("photo").tied and not config_of("plain").tied
    model = SelfVAE(config_of("downscale")).eval()  # nothing learned yet
    x = torch.from_numpy(pictures(32, 2)).float()
    x_hat = (x + 20 * torch.randn_like(x)).round().clamp(0, 255)
    y = model.conditions(x, torch.ones(2, 1, 1, 1))[-1]
    given = [F.pixel_unshuffle(x_hat, 2), 4 * (y - F.avg_pool2d(x_hat, 2))]
    known = [(x - x_hat)[:, :, i::2, j::2] for i, j in LATTICE]
    with torch.no_grad():
        mean, *_ = model.pixel_prior.pixels(3, given, known[:3], torch.eye(model.pixel_prior.sets)[[0, 0]])
    assert (mean - known[3]).abs().max() <= 2.01


def test_the_photo_configuration_is_the_default():
    assert Config().representations == REPRESENTATIONS["photo"] and Config().pad == 64
    assert Config.from_json('{"representations": [["downscale", 2]], "hyper_stride": 32}').pad == 32


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"representations": (("sketch", 2),)}, "unknown kinds of representations: sketch"),
        ({"representations": (("downscale", 8), ("downscale", 2))}, "half the stride"),
        ({"representations": (("downscale", 32),)}, "finest downscale must have stride 2, 4, 8 or 16"),
        ({"representations": (("downscale", 2), ("edge", 2))}, "an edge map comes first"),
        ({"representations": (("edge", 8),)}, "with stride 2 or 4"),
        ({"hyper_stride": 8}, "hyper_stride must be"),
    ],
    ids=str,
)
def test_representations_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Config(**fields)
