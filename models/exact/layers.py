"""Networks that compute on integers held in float32, so that every machine gets the same bits.

Every value that a convolution reads is an integer, every weight is an integer, and for each output channel

    sum |weight| * max |input| + |bias| < 2^24,

so every partial sum is an integer that float32 holds exactly: additions commute with rounding because none
happens, whatever the order, the instruction set, the number of threads or the library. Between convolutions
there are only multiplications by powers of two, floor, clamp, and one product with an integer gain, all exact
too; fused multiply-adds change nothing. (docs/exactness.md has what remains.)

A network is data (``ExactNet``); runners in ``runtime_*.py`` interpret it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import WeightsError
from ..config import T_COARSEST, T_FINEST, T_FIRST

SUM_LIMIT = 2**24  # float32 holds every integer up to here
INT16_MAX = 32767  # what the native runtime holds weights, gains and outputs in
SHIFT_MAX = 24
ACTIVATION_LIMIT = 1023  # activations are integers in [-1023, 1023], after a ReLU in [0, 1023]
T_UNITS = 256  # t = log3(step) is coded in 1/256
KNOTS = 4
STEP_ROWS = 2 * KNOTS
RANGES = (256, 480, 688, 944, 1184)  # starts of the ranges of t that networks of latents are quantised for


def half_of(shift: np.ndarray) -> np.ndarray:
    """What is added before a shift that rounds down, so that it rounds to the nearest: 0 where nothing is shifted."""
    return np.where(shift > 0, np.exp2(shift - 1), 0)


@dataclass(frozen=True)
class ExactConv:
    """``clamp(floor((weight * input + bias) * 2^-shift), low, high)``; rounding is part of the bias.

    weight: (O, I) for a 1x1 convolution or (C, 3, 3) for a depthwise one; bias, shift, low, high: (O,).
    All arrays are float32 (what runners compute in) and hold integers; ``scale`` is 2^-shift.
    """

    weight: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def scale(self) -> np.ndarray:
        return np.exp2(-self.shift).astype(np.float32)

    @property
    def depthwise(self) -> bool:
        return self.weight.ndim == 3

    def largest_sum(self, limits: np.ndarray) -> np.ndarray:
        """Largest possible |partial sum| per output channel, float64, for |input channel i| <= limits[i]."""
        weight = np.abs(self.weight.astype(np.float64))
        if self.depthwise:
            return weight.sum((1, 2)) * limits + np.abs(self.bias)
        return weight @ limits + np.abs(self.bias)


@dataclass(frozen=True)
class StepTable:
    """Integers by step: rows are knots of a piecewise linear function of t, (STEP_ROWS, C) int64."""

    rows: np.ndarray

    def at(self, t: int) -> np.ndarray:
        """The value at step ``t`` (in 1/T_UNITS), float32 integers (C,). Integer interpolation, rounded down."""
        low, high = (T_FIRST, T_COARSEST) if t >= T_FIRST * T_UNITS else (T_FINEST, T_FIRST)
        spacing = round((high - low) * T_UNITS) // (KNOTS - 1)
        position = min(max(t - round(low * T_UNITS), 0), spacing * (KNOTS - 1))
        knot = min(position // spacing, KNOTS - 2)
        rest = position - knot * spacing
        base = knot + (KNOTS if t >= T_FIRST * T_UNITS else 0)
        return ((self.rows[base] * (spacing - rest) + self.rows[base + 1] * rest) // spacing).astype(np.float32)


@dataclass(frozen=True)
class SetTable:
    """Integers by set: rows are variants of a network, of which a picture is coded with one, (sets, C) int64."""

    rows: np.ndarray

    def at(self, index: int) -> np.ndarray:
        """The row of a set, float32 integers (C,)."""
        return self.rows[index].astype(np.float32)


@dataclass(frozen=True)
class ExactBlock:
    """``stream + project(relu(spatial(relu(gain * expand(stream) + bias))))``, all clamped.

    gain and bias come from tables (None: no conditioning); ``film_shift`` (C,) scales their product.
    """

    expand: ExactConv
    gain: StepTable | SetTable | None
    bias: StepTable | SetTable | None
    film_shift: np.ndarray | None
    spatial: ExactConv
    project: ExactConv

    @property
    def film_scale(self) -> np.ndarray:
        return np.exp2(-self.film_shift).astype(np.float32)


@dataclass(frozen=True)
class ExactNet:
    """Stem, blocks and head, with the largest |value| of each input channel and an optional bias by step or set.

    ``head_bias`` is added to the head's sum before its shift. ``upsample`` ends with a pixel shuffle by 2.
    """

    name: str
    input_limits: np.ndarray  # (I,) float64
    stem: ExactConv
    blocks: tuple[ExactBlock, ...]
    head: ExactConv
    head_bias: StepTable | SetTable | None
    upsample: bool

    @property
    def radius(self) -> int:
        """How many positions away an input can change an output: one per depthwise layer."""
        return len(self.blocks)

    def layers(self) -> Iterator[tuple[str, ExactConv, np.ndarray, np.ndarray]]:
        """Name, convolution, and the least and largest value of each output, in the order in which they run."""

        def between(low, high, conv):
            return np.full(len(conv.bias), low), np.full(len(conv.bias), high)

        limit = ACTIVATION_LIMIT
        yield "stem", self.stem, *between(-limit, limit, self.stem)
        for i, block in enumerate(self.blocks):
            yield f"blocks.{i}.expand", block.expand, *between(0 if block.gain is None else -limit, limit, block.expand)
            yield f"blocks.{i}.spatial", block.spatial, *between(0, limit, block.spatial)
            yield f"blocks.{i}.project", block.project, *between(-limit, limit, block.project)
        yield "head", self.head, self.head.low, self.head.high

    def check_shapes(self) -> None:
        """Raises WeightsError, naming the layer, unless each takes what the one before gives and 16 bits hold it."""
        given = stream = len(self.input_limits)
        if not (0 <= self.input_limits.min() and self.input_limits.max() <= INT16_MAX):
            raise WeightsError(f"weights are damaged: {self.name} has limits of inputs outside 0..{INT16_MAX}")
        for name, conv, low, high in self.layers():
            outputs = len(conv.bias)
            shape = (given, 3, 3) if name.endswith("spatial") else (outputs, given)
            ends = name == "head" and self.upsample and outputs % 4 or name.endswith("project") and outputs != stream
            if conv.weight.shape != shape or ends or any(len(v) != outputs for v in (conv.shift, low, high)):
                raise WeightsError(f"weights are damaged: {self.name}.{name} has another shape than what is before it")
            for values in (conv.weight, low, high):
                if not np.abs(values).max() <= INT16_MAX:
                    raise WeightsError(f"weights refused: {self.name}.{name} holds values that 16 bits cannot")
            given = outputs
            stream = outputs if name == "stem" else stream
        if len({block.gain is None for block in self.blocks}) > 1:
            raise WeightsError(f"weights are damaged: {self.name} has blocks with and without gains")
        rows = len(self.head_bias.rows) if isinstance(self.head_bias, SetTable) else STEP_ROWS
        for i, block in enumerate(self.blocks):
            if block.gain is None:
                continue
            name, shape = f"{self.name}.blocks.{i}.gain", (rows, len(block.expand.bias))
            if not (block.gain.rows.shape == block.bias.rows.shape == shape and block.film_shift.shape == shape[1:]):
                raise WeightsError(f"weights are damaged: {name} has another shape than its layer")
            if not np.abs(block.gain.rows).max() <= INT16_MAX:
                raise WeightsError(f"weights refused: {name} holds values that 16 bits cannot")
            if not (0 <= block.film_shift.min() and block.film_shift.max() <= SHIFT_MAX):
                raise WeightsError(f"weights are damaged: {name} has a shift outside 0..{SHIFT_MAX}")
        if self.head_bias is not None and self.head_bias.rows.shape != (rows, len(self.head.bias)):
            raise WeightsError(f"weights are damaged: {self.name}.head has step biases of another shape")

    def check_bounds(self) -> float:
        """Largest possible |sum| in the network. Raises WeightsError, naming the layer, if one could overflow."""
        self.check_shapes()
        stream = np.full(len(self.stem.bias), float(ACTIVATION_LIMIT))
        worst = self._check("stem", self.stem, self.input_limits, 0)
        for i, block in enumerate(self.blocks):
            worst = max(worst, self._check(f"blocks.{i}.expand", block.expand, stream, 0))
            hidden = np.maximum(np.abs(block.expand.low), np.abs(block.expand.high)).astype(np.float64)
            if block.gain is not None:
                film = np.abs(block.gain.rows).max(0) * hidden + np.abs(block.bias.rows).max(0)
                worst = max(worst, self._require(f"blocks.{i}.gain", film))
            hidden = np.full(len(hidden), float(ACTIVATION_LIMIT))
            worst = max(worst, self._check(f"blocks.{i}.spatial", block.spatial, hidden, 0))
            worst = max(worst, self._check(f"blocks.{i}.project", block.project, hidden, ACTIVATION_LIMIT))
        extra = 0 if self.head_bias is None else np.abs(self.head_bias.rows).max(0)
        return max(worst, self._check("head", self.head, stream, extra))

    def _check(self, layer: str, conv: ExactConv, limits: np.ndarray, extra) -> float:
        for part in (conv.weight, conv.bias, conv.shift):
            if not np.array_equal(part, np.rint(part)):
                raise WeightsError(f"weights are damaged: {self.name}.{layer} holds values that are not integers")
        if not (0 <= conv.shift.min() and conv.shift.max() <= SHIFT_MAX):
            raise WeightsError(f"weights are damaged: {self.name}.{layer} has a shift outside 0..{SHIFT_MAX}")
        return self._require(layer, conv.largest_sum(limits) + extra)

    def _require(self, layer: str, largest: np.ndarray) -> float:
        if not largest.max() < SUM_LIMIT:
            channel = int(largest.argmax())
            raise WeightsError(
                f"weights refused: a sum of {self.name}.{layer}, channel {channel}, can reach {largest.max():.0f}, "
                f"at or above 2^24, and would not be exact; export them again"
            )
        return float(largest.max())


def suffix_of(t: int) -> str:
    """What the name of a network ends with that is quantised for the range of the step ``t`` (in 1/T_UNITS)."""
    return f"@{max(sum(start <= t for start in RANGES) - 1, 0)}"
