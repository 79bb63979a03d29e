"""Networks of the exact pixels whose heads are fitted to the picture: smaller files, the same bits everywhere."""

from dataclasses import replace
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec.choice import fit as fitting
from selfvae_codec.choice.analysis import analyse
from selfvae_codec.choice.charges import Charges
from selfvae_codec.choice.encoder import GAIN_STEPS, write_level
from selfvae_codec.choice.fit import Fitting, Found
from selfvae_codec.choice.gains import Tuned, tune
from selfvae_codec.choice.numbers import bits_of, rounded
from selfvae_codec.coding import fitted
from selfvae_codec.coding.coders import Writer
from selfvae_codec.coding.fitted import Numbers
from selfvae_codec.coding.levels import read_level
from selfvae_codec.coding.lookup import symbol_tables
from selfvae_codec.coding.plan import plan_for
from selfvae_codec.coding.walk import Walk, models_of
from selfvae_codec.errors import ChecksumError, WeightsError
from selfvae_codec.models.exact.backends import networks
from selfvae_codec.models.tables import PRECISION, TAIL


def odd(width=160, height=128, seed=0):
    """A picture whose colours share all of their noise but for a sign, as no photograph's do."""
    noise = np.random.default_rng(seed).normal(0, 9, (height, width, 1)) * np.array([1, -1, 0.5])
    return (make_picture(width, height, seed) + noise).round().clip(0, 255).astype(np.uint8)


def soft(width=161, height=130, seed=0):
    """Blurred patches: what a pixel's network says is wrong alike in neighbours, and it sees none of its own kind."""
    rng = np.random.default_rng(seed)
    x = rng.normal(128, 20, (height // 6 + 3, width // 6 + 3, 3)).repeat(6, 0).repeat(6, 1)
    for axis in (0, 1):
        x = sum(np.roll(x, k, axis) for k in range(5)) / 5
    grain = rng.normal(0, 0.7, (height, width, 1))
    return (x[9 : 9 + height, 9 : 9 + width] + grain).round().clip(0, 255).astype(np.uint8)


def written_of(x):
    """A walk over a lossless file's levels, and their writers."""
    nets = networks("downscale", "auto")
    plan = plan_for(*x.shape[:2], 50, lossless=True, config=nets.config)
    walk = Walk(nets, plan, analyse(nets, plan, x))
    return x, walk, [write_level(walk, models_of(nets), index) for index in range(plan.count)]


@pytest.fixture(scope="module")
def written():
    return written_of(odd())


@pytest.fixture(scope="module")
def softly_written():
    return written_of(soft())


def read(walk, writers, last):
    """A decoder's walk up to the last level, whose payload is given."""
    found = Walk(walk.nets, walk.plan)
    for index, writer in enumerate(writers[:-1]):
        read_level(found, index, writer.finish(), writer.check, str(index))
    read_level(found, walk.plan.count - 1, last.finish(), last.check, "5 (x)")
    return found


def anew(walk, fit):
    """The last level again, with other numbers."""
    walk.fit = fit
    writer = Writer(models_of(walk.nets), may_skip=None)
    walk.level(walk.plan.count - 1, writer)
    return writer


def test_a_fit_makes_the_file_of_an_unusual_picture_smaller_and_it_decodes(written):
    x, walk, writers = written
    fit = walk.fit
    assert fit is not None
    assert len(writers[-1].finish()) < 0.995 * len(anew(walk, None).finish())
    walk.fit = fit
    assert np.array_equal(read(walk, writers, writers[-1]).picture(walk.plan.planes - 1), x)


def without_corrections(fit, net):
    return [[n if row < fitted.rows_of(net) else None for row, n in enumerate(rows)] for rows in fit]


def test_corrections_by_neighbours_make_a_soft_picture_smaller_and_it_decodes(softly_written):
    x, walk, writers = softly_written
    fit, net = walk.fit, walk.nets.weights.net("pixels.0", 0)
    assert any(fit[0][fitted.rows_of(net) :])
    plain = anew(walk, without_corrections(fit, net))
    walk.fit = fit
    assert len(writers[-1].finish()) < 0.98 * len(plain.finish())
    for last in (writers[-1], plain):
        assert np.array_equal(read(walk, writers, last).picture(walk.plan.planes - 1), x)


def test_corrections_save_what_they_are_counted_for(softly_written):
    """Of each sub-lattice: the whole picture is looked at, but for its edge."""
    _, walk, _ = softly_written
    kept, fit = walk.fit, Fitting(walk, walk.to_exact(), walk.variant)
    none = [[None] * len(fitted.shapes(net)) for net in fit.nets]
    before = anew(walk, none).bits
    for index, (net, parts) in enumerate(zip(fit.nets, fit.views)):
        found = fit.with_corrections(net, Found(none[index], 0.0), parts)
        after = anew(walk, [found.rows if i == index else none[i] for i in range(4)]).bits
        assert after - before == pytest.approx(found.bits, rel=0.1, abs=100)
        assert index or found.bits < -1000
    walk.fit = kept


@pytest.mark.parametrize("backend", ["native", "onnxruntime", "torch"])
@pytest.mark.parametrize("x", [odd(), soft()], ids=["odd", "soft"])
def test_every_runtime_decodes_fitted_networks_to_the_same_pixels(x, backend):
    if backend != "native":
        pytest.importorskip(backend)
    assert np.array_equal(selfvae_codec.decode(selfvae_codec.encode(x, lossless=True), backend=backend), x)


def test_grey_pictures_are_fitted_by_their_one_channel():
    grey = soft(180, 160)[..., 0]
    decoded = selfvae_codec.decode(selfvae_codec.encode(grey, lossless=True))
    assert np.array_equal(decoded, np.repeat(grey[..., None], 3, 2))


def test_low_effort_and_small_pictures_are_not_fitted(monkeypatch):
    def never(*args):
        raise AssertionError("fitted")

    monkeypatch.setattr(fitting.Fitting, "best", never)
    selfvae_codec.encode(odd(), lossless=True, effort=4)
    selfvae_codec.encode(odd(100, 100), lossless=True, effort=9)
    with pytest.raises(AssertionError, match="fitted"):
        selfvae_codec.encode(odd(), lossless=True)


def test_numbers_that_cost_more_than_they_save_are_not_sent():
    """The sample is the whole picture here, so that what is counted of it is what its file takes."""
    x = make_picture(160, 128, seed=3)
    nets = networks("downscale", "auto")
    plan = plan_for(*x.shape[:2], 50, lossless=True, config=nets.config)
    walk = Walk(nets, plan, analyse(nets, plan, x))
    last = [write_level(walk, models_of(nets), index) for index in range(plan.count)][-1]
    assert len(last.finish()) <= len(anew(walk, None).finish())


def test_numbers_whose_sums_would_not_be_exact_are_an_error_by_name(written):
    _, walk, writers = written
    nets = fitted.networks_of(walk.nets, walk.variant)
    count = fitted.shapes(nets[2])[4]
    wild = Numbers(6, 0, 40, np.full(count, 100, np.int32))
    rows = len(fitted.shapes(nets[2]))
    fit = [[wild if (i, row) == (2, 4) else None for row in range(rows)] for i in range(4)]
    with pytest.raises(WeightsError, match=r"pixels\.2\.head, channel 4"):
        fitted.applied(nets[2], fit[2])
    writer = Writer(models_of(walk.nets), may_skip=None)
    writer.variant(walk.plan.config.pixel_sets, walk.variant)
    writer.follows(True)
    fitted.settle(writer, nets, fit)
    with pytest.raises(ChecksumError, match=r"level x is damaged: .*pixels\.2\.head, channel 4"):
        read(walk, writers, writer)


def test_corrections_whose_sums_would_be_too_large_are_an_error_by_name(written):
    _, walk, writers = written
    nets = fitted.networks_of(walk.nets, walk.variant)
    counts = fitted.shapes(nets[2])
    row = fitted.rows_of(nets[2]) + 6  # means of the second quarter's first colour
    wild = Numbers(15, 0, 40, np.full(counts[row], 100, np.int32))
    fit = [[wild if (i, n) == (2, row) else None for n in range(len(counts))] for i in range(4)]
    writer = Writer(models_of(walk.nets), may_skip=None)
    writer.variant(walk.plan.config.pixel_sets, walk.variant)
    writer.follows(True)
    fitted.settle(writer, nets, fit)
    with pytest.raises(ChecksumError, match=r"level x is damaged: .*quarter 2, colour 1 of pixels\.2 can reach"):
        read(walk, writers, writer)


def test_a_row_that_is_less_precise_has_room_and_says_nearly_the_same(written):
    _, walk, _ = written
    net = fitted.networks_of(walk.nets, walk.variant)[0]
    none = np.zeros(fitted.shapes(net)[0], np.int32)
    x = np.random.default_rng(0).integers(-90, 90, (12, 8, 8))
    others = [None] * (len(fitted.shapes(net)) - 1)
    same = fitted.applied(net, [Numbers(0, 0, 0, none), *others])
    fewer = fitted.applied(net, [Numbers(0, 2, 0, none), *others])
    assert fewer.head.shift[0] == net.head.shift[0] - 2
    run = [fitted.with_networks(walk.nets, [n]).run("pixels.0", [x], 0).astype(int) for n in (net, same, fewer)]
    assert np.array_equal(run[0], run[1])
    assert np.array_equal(run[0][1:], run[2][1:])
    assert 0 < abs(run[0][0] - run[2][0]).max() <= 4
    with pytest.raises(WeightsError, match=r"pixels\.0\.head has a shift outside"):
        thin = replace(net, head=replace(net.head, shift=np.minimum(net.head.shift, 1)))
        fitted.applied(thin, [Numbers(0, 3, 0, none), *others])


def test_gradients_of_gains_and_biases_are_those_of_torch(written):
    torch = pytest.importorskip("torch")
    _, walk, _ = written
    net = fitted.networks_of(walk.nets, walk.variant)[1]
    tuned, rng = Tuned(net), np.random.default_rng(0)
    inputs, slope = rng.integers(-3, 4, (15, 10, 12)), rng.normal(size=(10, 12, 9)).astype(np.float32)
    out, kept = tuned.forward([inputs])
    found = tuned.backward(slope, kept)

    def conv(x, layer, groups=1):
        weight = torch.tensor(layer.weight * layer.scale.reshape(-1, *[1] * (layer.weight.ndim - 1))).double()
        half = np.where(layer.shift > 0, 2 ** (layer.shift - 1), 0)
        weight = weight[:, None] if layer.depthwise else weight[:, :, None, None]
        bias = torch.tensor((layer.bias - half) * layer.scale).double()
        return torch.conv2d(x, weight, bias, padding=1 if layer.depthwise else 0, groups=groups)

    parameters = torch.tensor(tuned.parameters).double().requires_grad_()
    x = conv(torch.tensor(inputs)[None].double(), net.stem)
    for block, (gain, bias) in zip(net.blocks, parameters):
        h = torch.relu(conv(x, block.expand) * gain[:, None, None] + bias[:, None, None])
        h = torch.relu(conv(h, block.spatial, len(gain)))
        x = x + conv(h, block.project)
    expected = conv(x, net.head)[0].permute(1, 2, 0)
    expected = expected + torch.tensor(net.head_bias.at(0) * net.head.scale)
    expected.backward(torch.tensor(slope))
    assert np.allclose(out, expected.detach(), rtol=1e-3, atol=0.05)
    assert np.allclose(found, parameters.grad, rtol=1e-3, atol=1e-3 * parameters.grad.abs().max())


def test_steps_of_gradients_take_fewer_bits(written):
    _, walk, _ = written
    fit = Fitting(walk, walk.to_exact(), walk.variant)
    net, view = fit.nets[1], fit.views[1][0].part(0, 0, 40, 2)
    residuals, owed = (v[:, view.asked].T.astype(np.float32) for v in (view.residual, view.owed))
    costs = []

    def slope(out):
        answers = fitting._charged(out[view.asked], residuals, owed, fit.charges, 3)
        costs.append(answers.bits)
        found = np.zeros_like(out)
        found[view.asked] = answers.slope
        return found

    tune(net, repeat((view.inputs, slope)), 12)
    assert costs[-1] < 0.995 * costs[0]


def test_fitted_gains_and_biases_decode(written, monkeypatch):
    monkeypatch.setattr(fitting, "ON_THE_WAY", 1e4)  # that few steps on a small picture pay
    x, walk, writers = written
    before, fit = walk.fit, Fitting(walk, walk.to_exact(), walk.variant)
    heads = [fit.head(net, net, sample) for net, sample in zip(fit.nets, fit.samples(fit.nets))]
    found = [network.rows for network in fit.with_gains(heads, 2)]
    assert all(rows[9] is not None for rows in found)
    last = anew(walk, found)
    walk.fit = before
    assert np.array_equal(read(walk, writers, last).picture(walk.plan.planes - 1), x)


def test_effort_8_and_9_fit_gains_of_the_file_that_is_written(monkeypatch):
    counts = []
    monkeypatch.setattr(fitting.Fitting, "best", lambda self, count: counts.append(count))
    for effort in (5, *GAIN_STEPS):
        selfvae_codec.encode(odd(), lossless=True, effort=effort)
        assert counts.pop() == GAIN_STEPS.get(effort, 0)
        assert not any(counts)  # of files whose steps are tried


def test_charges_are_the_bits_of_the_tables_and_their_differences(written):
    _, walk, _ = written
    table = walk.nets.weights.tables["pixels"]
    charges, rng = Charges(table), np.random.default_rng(0)
    mean, level = rng.integers(-999, 999, 500) * 4, rng.integers(0, 64, 500)
    actual = (mean + 32) // 64 + rng.integers(-20, 21, 500)
    base, row = symbol_tables(mean, level)
    expected = PRECISION - np.log2(table[row, actual - base + TAIL])
    bits, by_mean, by_level, nearest = charges(mean / 64, level, actual)
    assert np.allclose(bits, expected, atol=1e-5)
    assert np.array_equal(nearest, level)
    aside = [charges(mean / 64 + d, level, actual)[0] for d in (-1 / 16, 1 / 16)]
    assert np.allclose(by_mean, (aside[1] - aside[0]) * 8, atol=1e-3)
    inner = (level > 0) & (level < 63)
    beside = [charges(mean / 64, (level + d).clip(0, 63), actual)[0] for d in (-1, 1)]
    assert np.allclose(by_level[inner], ((beside[1] - beside[0]) / 2)[inner], atol=1e-4)


def test_rounded_differences_are_worth_what_they_take():
    """Rows that matter are kept closely, rows that do not are left out."""
    rng = np.random.default_rng(0)
    curvature = np.diag(np.repeat([1.0, 1e-7], 20))
    wanted = rng.normal(0, 100, 40)
    first, second = rounded(wanted, curvature, 2)
    assert second is None
    assert np.abs(first.differences() - wanted[:20]).max() <= 2**first.shift
    assert first.shift < 5


def test_numbers_that_are_expected_near_nothing_must_save_more():
    """A small one is worth saying where others are large, not where it hardly ever differs from 0."""
    wanted, curvature = np.array([60.0, 5, 5, 5]), np.diag([1.0, 0.5, 0.5, 0.5])
    (free,) = rounded(wanted, curvature, 1, coarse=1)
    (bound,) = rounded(wanted, curvature, 1, coarse=1, beside=np.array([0, -60, -60, 0]))
    assert free.values.all() and free.differences()[0] == bound.differences()[0]
    assert not bound.values[1:3].any() and bound.values[3]
    assert bits_of(bound, np.array([0, -60, -60, 0])) < bits_of(bound)


def test_steps_are_large_enough_for_the_largest_difference():
    wanted = np.array([3000.0, -40, 7])
    (numbers,) = rounded(wanted, np.eye(3), 1)
    assert np.abs(numbers.values).max() <= 127
    assert np.abs(numbers.differences() - wanted).max() <= 2**numbers.shift


def test_a_golden_file_has_fitted_networks(monkeypatch):
    found, apply = [], fitted.fitted
    monkeypatch.setattr(fitted, "fitted", lambda *args: found.append(args) or apply(*args))
    golden = Path(__file__).parents[1] / "golden"
    selfvae_codec.decode((golden / "lossless.svae").read_bytes())
    assert not found
    selfvae_codec.decode((golden / "fitted.svae").read_bytes())
    ((_, _, fit),) = found
    for network in fit:
        assert any(network[:9])
        assert any(network[14:])
