"""Sets of gains and biases of the pixel prior: variants of the same exact networks, one chosen for a picture."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import TINY, make_picture
from numpy_reference import ReferenceNet
from safetensors.numpy import load_file

from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.encoder import write_level
from selfvae_codec.coding.entropy import Decoder, Encoder
from selfvae_codec.coding.levels import read_level
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.errors import ChecksumError, WeightsError
from selfvae_codec.models.config import Config
from selfvae_codec.models.exact import weights
from selfvae_codec.models.exact.backends import BACKENDS, load
from selfvae_codec.models.exact.layers import SetTable
from selfvae_codec.models.lapped import lapped_transform
from selfvae_codec.models.networks.selfvae import SelfVAE
from selfvae_codec.models.training.export import exact_networks, tables

SETS = 3
SCALES = (0.5, 3.0, 20.0)  # that the sets expect of residuals


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model whose sets differ in all they can, and the path of its weights file."""
    torch.manual_seed(0)
    model = SelfVAE(Config(**(TINY | {"pixel_sets": SETS}))).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_((0.02 if parameter.ndim != 2 else 0.2) * torch.randn_like(parameter))
        for offset in model.pixel_prior.offset:
            offset[:, 3:6] = torch.tensor(SCALES).log2()[:, None]
    batches = (torch.from_numpy(np.stack([make_picture(128, 128, s)] * 2).transpose(0, 3, 1, 2)) for s in range(9, 99))
    nets = exact_networks(model, lambda: batches, batches=1, quantile=1.0)
    path = tmp_path_factory.mktemp("sets") / "sets.safetensors"
    weights.save(path, model.config, nets, lapped_transform(), tables(model))
    return SimpleNamespace(floats=model, path=path, nets=load(path, "torch"))


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "auto"])
@pytest.mark.parametrize("chosen", range(SETS))
def test_every_runtime_computes_every_set_bit_for_bit(made, backend, chosen):
    nets = load(made.path, backend)
    net = made.nets.weights.net("pixels.1", chosen)
    x = np.random.default_rng(0).integers(-100, 100, (15, 9, 13)).astype(np.float32)
    limits = net.input_limits[:, None, None]
    expected = ReferenceNet(net)([x.clip(-limits, limits)], chosen)
    assert np.array_equal(nets.run("pixels.1", [x], chosen), expected)
    others = [nets.run("pixels.1", [x], other) for other in range(SETS) if other != chosen]
    assert not any(np.array_equal(expected, other) for other in others)


def test_a_weights_file_holds_the_networks_once_and_a_row_for_every_set(made):
    net = made.nets.weights.net("pixels.0", 0)
    tables = [net.head_bias, *(table for block in net.blocks for table in (block.gain, block.bias))]
    assert all(isinstance(table, SetTable) and len(table.rows) == SETS for table in tables)


def test_weights_whose_sets_could_overflow_or_are_missing_are_refused_by_name(made, tmp_path):
    net = made.nets.weights.net("pixels.0", 0)
    rows = net.blocks[0].gain.rows.copy()
    rows[-1] = 2**15 - 1
    block = replace(net.blocks[0], gain=SetTable(rows), bias=SetTable(net.blocks[0].bias.rows + 2**23))
    with pytest.raises(WeightsError, match=r"pixels\.0\.blocks\.0\.gain, channel"):
        replace(net, blocks=(block, *net.blocks[1:])).check_bounds()
    loaded = made.nets.weights
    nets = {name: loaded.nets[name] for name in loaded.nets} | {
        "pixels.0": replace(net, head_bias=SetTable(net.head_bias.rows[:-1]))
    }
    config = loaded.config
    weights.save(tmp_path / "fewer.safetensors", config, nets, lapped_transform(), loaded.tables)
    with pytest.raises(WeightsError, match=r"pixels\.0 has \[2\] sets of gains, not 3"):
        weights.read(tmp_path / "fewer.safetensors")
    weights.save(tmp_path / "fewer.safetensors", replace(config, pixel_sets=2), nets, lapped_transform(), loaded.tables)
    with pytest.raises(WeightsError, match=r"pixels\.\d has \[3\] sets of gains, not 2"):
        weights.read(tmp_path / "fewer.safetensors")
    arrays = load_file(made.path)
    arrays["net.pixels.0.blocks.0.gain"] = arrays["net.pixels.0.blocks.0.gain"][:-1]
    with pytest.raises(WeightsError, match=r"pixels\.0\.blocks\.0\.gain has 2 rows for 3 sets"):
        weights.StoredNets(arrays)["pixels.0"]


def levels_of(nets, x):
    """The plan, and every level as a writer, of a lossless file."""
    plan = plan_for(*x.shape[:2], 50, lossless=True, config=nets.config)
    walk = Walk(nets, plan, analyse(nets, plan, x))
    return plan, [write_level(walk, models_of(nets), index) for index in range(plan.count)], walk


def noisy(amount, width=150, height=90):
    noise = np.random.default_rng(1).normal(0, amount, (height, width, 3))
    return (make_picture(width, height, seed=4) + noise).round().clip(0, 255).astype(np.uint8)


def test_the_encoder_takes_the_set_that_makes_the_level_smallest_and_files_decode(made):
    chosen = []
    for x in (np.full((90, 150, 3), 100, np.uint8), noisy(40)):
        plan, writers, walk = levels_of(made.nets, x)
        chosen.append(walk.variant)
        sizes = []
        for other in range(SETS):
            walk.variant = other
            writer = type(writers[-1])(models_of(made.nets), may_skip=None)
            walk.level(plan.count - 1, writer)
            sizes.append(len(writer.finish()))
        assert sizes[chosen[-1]] == min(sizes)
        read = Walk(made.nets, plan)
        for index, writer in enumerate(writers):
            read_level(read, index, writer.finish(), writer.check, str(index))
        assert np.array_equal(read.picture(plan.planes - 1), x)
    assert chosen[0] != chosen[1]


def test_a_level_that_names_a_set_which_does_not_exist_is_an_error_by_name(made):
    plan, writers, _ = levels_of(made.nets, noisy(0, 24, 16))
    read = Walk(made.nets, plan)
    for index, writer in enumerate(writers[:-1]):
        read_level(read, index, writer.finish(), writer.check, str(index))
    encoder = Encoder()
    encoder.put_raw(np.array([SETS]), bits=2)
    payload = encoder.finish()
    with pytest.raises(ChecksumError, match="level 5 .x. is damaged: it names number 4 of 3"):
        read_level(read, plan.count - 1, payload, 0, "5 (x)")
    assert Decoder(payload).get_raw(1, bits=2)[0] == SETS


@torch.no_grad()
def test_every_crop_trains_the_set_that_codes_it_best(made):
    prior = made.floats.pixel_prior
    x = torch.full((3, 3, 32, 32), 128.0)
    x_hat = (x + torch.tensor([0.4, 3.0, 30.0])[:, None, None, None] * torch.randn_like(x)).round().clamp(0, 255)
    each = torch.stack([prior(x, x_hat, torch.full((3,), k), None) for k in range(SETS)])
    assert prior.best(x, x_hat, None).tolist() == each.argmin(0).tolist() == [0, 1, 2]
    bits = made.floats.pixel_bits(x, x_hat, torch.ones(3))
    torch.testing.assert_close(bits, each.amin(0))
