"""One float network as an exact one: ranges of its activations, then integers within the bound.

Per-channel scales are folded into the weights, so the only scales left at run time are powers of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..exact.layers import ACTIVATION_LIMIT, SUM_LIMIT, ExactBlock, ExactConv, ExactNet, StepTable, half_of
from ..networks.layers import Net

WEIGHT_LIMIT = 32767  # weights are stored as int16
INPUT_MARGIN = 1.5  # inputs of networks are clamped to this much above the largest seen


class Ranges:
    """Largest |activation| per channel at every point that becomes an integer, collected by forward hooks."""

    def __init__(self, model: nn.Module, quantile: float = 1.0):
        self.seen: dict[nn.Module, np.ndarray] = {}
        self.quantile = quantile
        self.handles = []
        for module in model.modules():
            if isinstance(module, Net):
                for part in [module.stem, module.head, *module.blocks]:
                    self.handles.append(part.register_forward_hook(self._record))
                self.handles.append(module.stem.register_forward_pre_hook(self._record_input))
                for block in module.blocks:
                    self.handles.append(block.expand.register_forward_hook(self._record))
                    self.handles.append(block.spatial.register_forward_hook(self._record_relu))
                    self.handles.append(block.spatial.register_forward_pre_hook(self._record_input))

    def _record(self, module, inputs, output):
        self._update(module, output)

    def _record_relu(self, module, inputs, output):
        self._update(module, output.clamp(min=0))

    def _record_input(self, module, inputs):
        self._update((module, "input"), inputs[0])

    def _update(self, key, value):
        value = value.detach().abs().transpose(0, 1).flatten(1)
        if self.quantile < 1:
            largest = torch.quantile(value[:, :: max(1, value.shape[1] // 4096)], self.quantile, dim=1).numpy()
        else:
            largest = value.amax(1).numpy()
        self.seen[key] = np.maximum(self.seen.get(key, 0.0), largest)

    def scale(self, key, limit: float = ACTIVATION_LIMIT) -> np.ndarray:
        """Real value of one integer step, per channel, so that what was seen fits the limit."""
        seen = self.seen[key].astype(np.float64)
        return np.maximum(seen, max(1e-3 * seen.max(), 1e-6)) / limit  # dead channels stay within reason

    def remove(self):
        for handle in self.handles:
            handle.remove()


def exact_conv(weight, bias, source, target, limits, low, high, extra=None) -> ExactConv:
    """Quantise one convolution.

    weight: (O, I) or depthwise (C, 3, 3); source: (I,) real value of an input's integer step; target: (O,) that
    of an output; limits: (I,) largest |input|; extra: (O,) further real |bias| that will be added (step biases).
    The shift of each channel is the largest for which no sum can reach 2^24.
    """
    weight = np.asarray(weight, np.float64) * (source[:, None, None] if weight.ndim == 3 else source)
    weight = weight / target.reshape(-1, *[1] * (weight.ndim - 1))
    bias = np.asarray(bias, np.float64) / target
    extra = np.zeros_like(bias) if extra is None else np.abs(extra) / target
    shift = np.zeros(len(bias))
    quantised, offset = np.zeros_like(weight), np.zeros_like(bias)
    for s in range(0, 23):
        w = np.rint(weight * 2.0**s)
        b = np.rint(bias * 2.0**s) + (2.0 ** (s - 1) if s else 0)
        absolute = np.abs(w)
        total = (
            (absolute.sum((1, 2)) * limits if w.ndim == 3 else absolute @ limits)
            + np.abs(b)
            + extra * 2.0**s
            + ACTIVATION_LIMIT
            + 2
        )
        fits = (total < SUM_LIMIT) & (absolute.reshape(len(w), -1).max(1) <= WEIGHT_LIMIT)
        shift[fits], quantised[fits], offset[fits] = s, w[fits], b[fits]
        if s == 0 and not fits.all():
            raise ValueError("a channel overflows even without a shift: its ranges are degenerate")
    f = np.float32
    return ExactConv(
        quantised.astype(f),
        offset.astype(f),
        shift.astype(f),
        np.broadcast_to(low, bias.shape).astype(f),
        np.broadcast_to(high, bias.shape).astype(f),
    )


def exact_net(
    name, net: Net, ranges: Ranges, source, limits, *, target, low, high, step_bias=None, table=StepTable
) -> ExactNet:
    """Quantise one network. source, limits: per input channel; target, low, high: per output channel.

    step_bias: (rows, O) real values added to the head's output by step, or by set with ``table`` SetTable.
    """
    one = ACTIVATION_LIMIT

    def parts(conv):
        weight = conv.weight.detach().double().numpy()
        return (weight[:, 0] if conv.groups > 1 else weight[:, :, 0, 0]), conv.bias.detach().double().numpy()

    points = [net.stem, *net.blocks]
    least = least_unit(*parts(net.stem), source, limits)
    stream = np.max([least, *(ranges.scale(p) for p in points)], axis=0)
    stream_limits = np.full(len(stream), float(one))
    stem = exact_conv(*parts(net.stem), source, stream, limits, -one, one)
    blocks = []
    for block in net.blocks:
        least = least_unit(*parts(block.expand), stream, stream_limits)
        hidden, gained = (np.maximum(ranges.scale(key), least) for key in (block.expand, (block.spatial, "input")))
        if block.gain is None:
            expand = exact_conv(*parts(block.expand), stream, gained, stream_limits, 0, one)
            gain = bias = film_shift = None
        else:
            gained = np.maximum(gained, film_floor(block, hidden))
            expand = exact_conv(*parts(block.expand), stream, hidden, stream_limits, -one, one)
            gain, bias, film_shift = exact_film(block, hidden, gained, table)
        spatial_out = np.maximum(ranges.scale(block.spatial), least_unit(*parts(block.spatial), gained, stream_limits))
        spatial = exact_conv(*parts(block.spatial), gained, spatial_out, stream_limits, 0, one)
        project = exact_conv(*parts(block.project), spatial_out, stream, stream_limits, -one, one)
        blocks.append(ExactBlock(expand, gain, bias, film_shift, spatial, project))
    extra = None if step_bias is None else np.abs(step_bias).max(0)
    head = exact_conv(*parts(net.head), stream, target, stream_limits, low, high, extra)
    added = None if step_bias is None else table(np.rint(step_bias / target * 2.0**head.shift).astype(np.int64))
    exact = ExactNet(name, np.asarray(limits, np.float64), stem, tuple(blocks), head, added, net.upsample)
    exact.check_bounds()
    return exact


def least_unit(weight, bias, source, limits) -> np.ndarray:
    """Least real value of one integer step of each output of a convolution whose weights and sums can be held.

    Arguments as of ``exact_conv``. It matters for channels that were dead while ranges were collected, what was seen of
    them says nothing, and for inputs that hardly move, which weights make large.
    """
    absolute = np.abs(weight)
    weights = absolute * (source[:, None, None] if absolute.ndim == 3 else source)
    total = weights.sum((1, 2)) * limits if absolute.ndim == 3 else weights @ limits
    largest = weights.reshape(len(weights), -1).max(1)
    return np.maximum((total + np.abs(bias)) / (SUM_LIMIT / 2), largest / WEIGHT_LIMIT)


def film_floor(block, hidden) -> np.ndarray:
    """Least real value of one integer step behind the gain of every channel that keeps the product exact at any step.

    It matters for channels that were dead while ranges were collected and are not at steps that were not seen.
    """
    gain, bias = (rows.detach().double().abs().numpy() for rows in (block.gain, block.bias))
    return (gain * hidden * (ACTIVATION_LIMIT + 1) + bias).max(0) / (SUM_LIMIT / 2)


def exact_film(block, hidden, gained, table):
    """Gain and bias by step or set as integers; each channel's shift is the largest that keeps the product exact."""
    gain = block.gain.detach().double().numpy() * hidden / gained
    bias = block.bias.detach().double().numpy() / gained
    shift = np.zeros(gain.shape[1])
    for s in range(0, 15):
        largest = (np.abs(np.rint(gain * 2.0**s)) * ACTIVATION_LIMIT).max(0) + np.abs(bias * 2.0**s).max(0) + 2.0**s
        fits = (largest < SUM_LIMIT) & (np.abs(gain * 2.0**s).max(0) < WEIGHT_LIMIT)
        shift[fits] = s
    rounded_bias = np.rint(bias * 2.0**shift + half_of(shift))
    return (
        table(np.rint(gain * 2.0**shift).astype(np.int64)),
        table(rounded_bias.astype(np.int64)),
        shift.astype(np.float32),
    )


@torch.no_grad()
def calibrate(module: nn.Module, crops: Iterator[Tensor], batches: int, quantile: float, run: Callable) -> Ranges:
    """Ranges of the networks in ``module`` while ``run(x, share)`` runs some; share: of the batches, in 0..1.

    crops: batches of pictures, uint8 (B, 3, H, W).
    """
    ranges = Ranges(module, quantile)
    for i in range(batches):
        run(next(crops).float().contiguous(memory_format=torch.channels_last), (i + 0.5) / batches)
    ranges.remove()
    return ranges
