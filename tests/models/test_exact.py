"""Exact networks: the bound, and three interpreters that must agree on every bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy_reference import ReferenceNet
from safetensors.numpy import load_file

from selfvae_codec.errors import WeightsError
from selfvae_codec.models.config import T_FIRST
from selfvae_codec.models.exact import weights
from selfvae_codec.models.exact.layers import RANGES, SUM_LIMIT, T_UNITS, StepTable
from selfvae_codec.models.exact.runtime_torch import TorchNet
from selfvae_codec.models.exact.tiles import Tiled
from selfvae_codec.models.networks.layers import Net
from selfvae_codec.models.networks.steps import STEP_ROWS, step_weights
from selfvae_codec.models.training import net_export

UNIT = 1 / 8
LIMIT = 100


def make_net(stepped=True, upsample=False, blocks=2, seed=0, table=StepTable):
    """A float network with random weights and its exact counterpart, calibrated on noise."""
    torch.manual_seed(seed)
    net = Net(10, 16, blocks, 8, rows=STEP_ROWS if stepped else 0, upsample=upsample).eval()
    if stepped:
        for block in net.blocks:
            block.gain.data.uniform_(0.5, 1.5)
            block.bias.data.uniform_(-0.5, 0.5)
    ranges = net_export.Ranges(net)
    with torch.no_grad():
        for t in (1.2, 3.0, 4.5):
            net([torch.randn(1, 10, 16, 16) * 3], step_weights(torch.tensor([t])))
    ranges.remove()
    target = np.repeat(ranges.scale(net.head).reshape(-1, 4).max(1), 4)
    step_bias = np.linspace(-1, 1, STEP_ROWS * 8).reshape(STEP_ROWS, 8) if stepped else None
    exact = net_export.exact_net(
        "test",
        net,
        ranges,
        np.full(10, UNIT),
        np.full(10, float(LIMIT)),
        target=target,
        low=-1023,
        high=1023,
        step_bias=step_bias,
        table=table,
    )
    return net, exact, target, step_bias


def inputs(shape, seed=0, extreme=False):
    rng = np.random.default_rng(seed)
    if extreme:
        return [rng.choice([-LIMIT, LIMIT], shape).astype(np.float32)]
    return [rng.integers(-LIMIT, LIMIT + 1, shape).astype(np.float32)]


def runners():
    yield "torch", TorchNet
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: torch alone was compared")
    from selfvae_codec.models.exact.runtime_onnx import OnnxNet

    yield "onnxruntime", OnnxNet


@pytest.mark.parametrize("stepped", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
@pytest.mark.parametrize("extreme", [True, False])
def test_all_runtimes_agree_with_int64_bit_for_bit(stepped, upsample, extreme):
    _, exact, _, _ = make_net(stepped, upsample)
    x = inputs((10, 23, 17), extreme=extreme)
    for t in (256, 600, 687, 688, 1300):
        expected = ReferenceNet(exact)(x, t)
        for name, runner in runners():
            assert np.array_equal(runner(exact)(x, t), expected), f"{name} at t={t}"


def test_exact_network_follows_the_float_network():
    net, exact, target, step_bias = make_net()
    x = inputs((10, 20, 20))[0] * 0.25 // 1
    step = step_weights(torch.tensor([700 / T_UNITS]))
    with torch.no_grad():
        real = net([torch.from_numpy(x * UNIT)[None]], step)[0].numpy()
    real += (step.numpy() @ step_bias)[0][:, None, None]
    got = TorchNet(exact)([x], 700) * target[:, None, None]
    assert np.abs(got - real).max() < 0.02 * np.abs(real).max()


def test_tiles_give_the_bits_of_the_whole():
    _, exact, _, _ = make_net(upsample=True)
    x = inputs((10, 45, 70))
    whole = TorchNet(exact)(x, 900)
    for tile in (7, 16, 64):
        assert np.array_equal(Tiled(exact, TorchNet(exact))(x, 900, tile), whole)


def test_weights_that_could_overflow_are_refused_by_name():
    _, exact, _, _ = make_net()
    block = exact.blocks[1]
    heavy = replace(block.project, weight=np.full_like(block.project.weight, 32767))
    bad = replace(exact, blocks=(exact.blocks[0], replace(block, project=heavy)))
    with pytest.raises(WeightsError, match=r"test\.blocks\.1\.project, channel \d+"):
        bad.check_bounds()
    gain = StepTable(block.gain.rows * 1000)
    bad = replace(exact, blocks=(replace(exact.blocks[0], gain=gain), block))
    with pytest.raises(WeightsError, match=r"test\.blocks\.0\.gain"):
        bad.check_bounds()
    bad = replace(exact, blocks=(replace(exact.blocks[0], film_shift=block.film_shift - 40), block))
    with pytest.raises(WeightsError, match=r"test\.blocks\.0\.gain has a shift outside"):
        bad.check_bounds()
    with pytest.raises(WeightsError, match="not integers"):
        replace(exact, head=replace(exact.head, weight=exact.head.weight + 0.5)).check_bounds()
    assert exact.check_bounds() < SUM_LIMIT


def test_weights_whose_layers_do_not_fit_together_or_into_16_bits_are_refused_by_name():
    _, exact, _, _ = make_net()
    first, second = exact.blocks
    narrow = replace(second.spatial, weight=second.spatial.weight[:-1])
    large = replace(exact.head, high=exact.head.high + 40000)
    few = StepTable(exact.head_bias.rows[:, 1:])
    cases = {
        r"test has limits of inputs outside": replace(exact, input_limits=exact.input_limits - 2 * LIMIT),
        r"test\.stem has another shape": replace(exact, input_limits=exact.input_limits[1:]),
        r"test\.blocks\.1\.spatial has another shape": replace(exact, blocks=(first, replace(second, spatial=narrow))),
        r"test\.head holds values that 16 bits cannot": replace(exact, head=large),
        r"test\.head has step biases of another shape": replace(exact, head_bias=few),
    }
    for message, bad in cases.items():
        with pytest.raises(WeightsError, match=message):
            bad.check_bounds()


def dies_at_other_steps(block):
    block.bias.data[:, 0] = -1e4  # one channel is dead at every step
    block.bias.data[-1, 0] = 30.0  # but the last, which is not seen


def dies_whole(block):
    block.spatial.bias.data.fill_(-1e4)


def passes_what_comes(block):
    for part in (block.expand, block.spatial, block.project):
        part.bias.data.zero_()


@pytest.mark.parametrize(("change", "spread"), [(dies_at_other_steps, 1), (dies_whole, 1), (passes_what_comes, 1e-5)])
def test_channels_that_were_dead_while_ranges_were_collected_stay_within_the_bound(change, spread):
    """Or whose inputs hardly moved."""
    torch.manual_seed(0)
    net = Net(10, 16, 1, 8).eval()
    net.stem.bias.data.zero_()
    change(net.blocks[0])
    ranges = net_export.Ranges(net)
    with torch.no_grad():
        net([spread * torch.randn(1, 10, 16, 16)], step_weights(torch.tensor([1.2])))
    ranges.remove()
    target = ranges.scale(net.head)
    exact = net_export.exact_net(
        "test", net, ranges, np.full(10, UNIT), np.full(10, float(LIMIT)), target=target, low=-1023, high=1023
    )
    assert exact.check_bounds() < SUM_LIMIT


def test_the_bound_is_tight_enough_to_use_most_of_float32():
    _, exact, _, _ = make_net()
    assert exact.check_bounds() > SUM_LIMIT / 4


def test_step_tables_interpolate_knots_exactly():
    rows = np.arange(STEP_ROWS * 2, dtype=np.int64).reshape(STEP_ROWS, 2) * 192
    table = StepTable(rows)
    assert table.at(256).tolist() == rows[0].tolist()
    assert table.at(688 - 144).tolist() == rows[2].tolist()
    assert table.at(688).tolist() == rows[4].tolist(), "first planes have knots of their own"
    assert table.at(1408).tolist() == rows[7].tolist()
    assert table.at(5000).tolist() == rows[7].tolist(), "beyond the last knot the table is constant"
    assert table.at(256 + 72).tolist() == ((rows[0] + rows[1]) // 2).tolist()
    for t in range(200, 1500, 7):
        weights = step_weights(torch.tensor([t / T_UNITS]))[0].double().numpy()
        assert np.abs(weights @ rows - table.at(t)).max() < 1.01


def test_networks_are_checked_when_they_are_first_asked_for():
    arrays = load_file(weights.default())
    arrays["net.context_at8@0.head.weight"] = np.full_like(arrays["net.context_at8@0.head.weight"], 2**15 - 1)
    del arrays["net.coarse@0.head.bias"]
    nets = weights.StoredNets(arrays)
    assert nets["context_at8@1"] is nets["context_at8@1"]
    with pytest.raises(WeightsError, match="context_at8@0.head"):
        nets["context_at8@0"]
    with pytest.raises(WeightsError, match="damaged: coarse@0 lacks"):
        nets["coarse@0"]
    assert nets.get("nothing") is None


def test_networks_of_latents_are_picked_by_the_range_of_the_step():
    shipped = weights.read(weights.default())
    for index, start in enumerate(RANGES):
        assert shipped.net("synthesis", start).name == f"synthesis@{index}"
        assert shipped.net("synthesis", start - 1).name == f"synthesis@{max(index - 1, 0)}"
    assert shipped.net("y1_prior.0", 1000).name == "y1_prior.0", "representations have one network for all steps"
    first = [index for index, start in enumerate(RANGES) if start >= T_FIRST * T_UNITS]
    assert {name for name in shipped.nets if name.startswith("z2_prior")} == {f"z2_prior@{i}" for i in first}
