"""Networks of the exact pixels, fitted to one picture: what a network computed of it, weighed as suits its noise best.

A head is a linear function of activations, each of its outputs a mean, a scale level or a coupling. Bits of residuals
are nearly convex in these, so that a few Newton steps on a sample, with Fisher's information in place of second
derivatives, find the heads that code it best. At high effort gains and biases are fitted before, by gradients
(gains.py). Differences to the networks of the model are then rounded to what pays for being sent (numbers.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..coding import fitted
from ..coding.fitted import ONE, Fit, Numbers
from ..coding.walk import Exact, Walk
from ..errors import WeightsError
from ..models import units
from ..models.exact.inference import Networks
from ..models.exact.layers import ACTIVATION_LIMIT, ExactConv, ExactNet, half_of
from ..models.tables import MEAN_UNITS, SCALE_LEVELS
from ..models.walk import LATTICE
from .charges import Charges
from .corrections import Told, correct
from .gains import Part, tune
from .numbers import bits_of, rounded
from .views import View, views

LEAST = 128**2  # pixels: with fewer, the thousand bytes that numbers take hardly ever pay
SAMPLE, LARGE_SAMPLE = 24_000, 100_000  # positions of a sub-lattice that a Newton step sees; where gains are fitted
ITERATIONS = 3
ENOUGH = 3e-4  # of all bits: a step that gains less is the last
RIDGE = 1e-2  # of the mean curvature, so that what hardly matters stays
ROW_BITS = 13  # of what is said of a row beside its numbers, 2 fewer of one of corrections
COARSE_GAINS = 32.0  # as numbers.COARSE: what is known of their curvature is rough
ON_THE_WAY = 4.0  # gains have not come to the best: they save more than a square around where they are says
SIDE = 80  # positions, of the part of a picture that a gradient is taken of
MEANS, LEVELS, COUPLINGS = slice(0, 3), slice(3, 6), slice(6, 9)  # outputs of a head
FOLLOWS = ((1, 0), (2, 0), (2, 1))  # whose mean a coupling moves, and by whose residual (models/walk.py)


@dataclass
class Sample:
    """What a head sees of positions of a sub-lattice, and what it should say.

    activations: (N, C + 1) float32 of the last block and a 1, which its bias weighs, all divided by ONE; residuals: (N,
    3) float32; owed: (N, 3) float32, what is added to the means that it says.
    """

    activations: np.ndarray
    residuals: np.ndarray
    owed: np.ndarray


@dataclass
class Found:
    """A network's rows of numbers, and what it takes: bits of its residuals and of the numbers."""

    rows: list[Numbers | None]
    bits: float


class Fitting:
    """How the networks of a set should differ for a walk that has come to the pixels."""

    def __init__(self, walk: Walk, exact: Exact, chosen: int):
        """exact: of ``Walk.to_exact``."""
        self.walk, plan = walk, walk.plan
        self.nets = fitted.networks_of(walk.nets, chosen)
        self.radius = max(net.radius for net in self.nets)
        self.views = views(exact, plan, self.radius)
        self.charges, self.colours = charges_of(walk.nets), 1 if plan.grey else 3
        self.pixels = plan.height * plan.width
        self.sample = SAMPLE

    def best(self, steps: int) -> Fit | None:
        """None: not at all. steps: of gradients that gains and biases are fitted in; heads alone without."""
        self.sample = LARGE_SAMPLE if steps else SAMPLE
        samples = self.samples(self.nets)
        first = sum(
            _answers(_theta(n), s, self.charges, self.colours).bits / self.share(s) for n, s in zip(self.nets, samples)
        )
        found = [self.head(net, net, sample) for net, sample in zip(self.nets, samples)]
        if steps:
            found = [min(pair, key=lambda network: network.bits) for pair in zip(found, self.with_gains(found, steps))]
        found = [self.with_corrections(*three) for three in zip(self.nets, found, self.views)]
        return [network.rows for network in found] if _bits(found) < first else None

    def with_gains(self, found: list[Found], steps: int) -> list[Found]:
        """Gains and biases given the heads that were found, then heads given these."""
        blocks, moved, rng = [], [], np.random.default_rng(0)
        for net, network, parts in zip(self.nets, found, self.views):
            drawn = _parts(parts, self.charges, self.colours, self.radius, rng)
            wanted, curvature = tune(fitted.applied(net, network.rows), drawn, steps)
            unit = np.array([1, ONE])[:, None]
            wanted, curvature = wanted / unit, ON_THE_WAY * curvature * unit**2 * (self.pixels / len(LATTICE))
            numbers = [rounded(w.ravel(), np.diag(c.ravel()), 1, COARSE_GAINS)[0] for w, c in zip(wanted, curvature)]
            none: list[Numbers | None] = [None] * len(net.head.bias)
            blocks.append(_within_bounds(net, none + numbers)[len(none) :])
            moved.append(fitted.applied(net, none + blocks[-1]))
        out = []
        for net, network, rows, sample in zip(moved, found, blocks, self.samples(moved)):
            heads = network.rows[: len(net.head.bias)]
            head = self.head(net, fitted.applied(net, heads + [None] * len(rows)), sample)
            rows = head.rows[: len(heads)] + rows + head.rows[fitted.rows_of(net) :]
            out.append(Found(rows, head.bits + _spent(rows[len(heads) : fitted.rows_of(net)])))
        return out

    def with_corrections(self, net: ExactNet, network: Found, parts: list[View]) -> Found:
        """A network with what corrects it by neighbours, if that pays."""
        seeing = fitted.with_networks(self.walk.nets, [fitted.applied(net, network.rows)])
        told = [_told(seeing.run(net.name, view.inputs, 0), view) for view in parts]
        rows, saved = correct(told, self.charges, self.colours, self.pixels / len(LATTICE))
        spent = sum(ROW_BITS - 2 + bits_of(numbers) for numbers in rows if numbers)
        if spent >= saved:
            return network
        return Found(network.rows[: fitted.rows_of(net)] + rows, network.bits + spent - saved)

    def share(self, sample: Sample) -> float:
        """How much of a sub-lattice a sample is."""
        return len(LATTICE) * len(sample.residuals) / self.pixels

    def samples(self, nets: list[ExactNet]) -> list[Sample]:
        """For each network some positions of the picture."""
        seeing = fitted.with_networks(self.walk.nets, [_headless(net) for net in nets])
        rng, out = np.random.default_rng(0), []
        for net, parts in zip(nets, self.views):
            seen = np.concatenate([seeing.run(net.name, view.inputs, 0)[:, view.asked].T for view in parts])
            residuals, owed = (
                np.concatenate([v[:, view.asked].T for view, v in zip(parts, values)])
                for values in ([view.residual for view in parts], [view.owed for view in parts])
            )
            drawn = rng.permutation(len(seen))[: self.sample]
            activations = np.ones((len(drawn), seen.shape[1] + 1), np.float32)
            activations[:, :-1] = seen[drawn] / np.float32(ONE)
            out.append(Sample(activations, *(v[drawn].astype(np.float32) for v in (residuals, owed))))
        return out

    def head(self, net: ExactNet, start: ExactNet, sample: Sample) -> Found:
        """How the head of a network should differ; start: a network like it, with the head to begin with."""
        first, theta, curvature = _theta(net), _theta(start), []
        now = _answers(theta, sample, self.charges, self.colours)
        for _ in range(ITERATIONS):
            step, curvature = _newton(sample, self.charges, now, self.colours)
            for size in (1.0, 0.5, 0.25, 0.125):
                then = _answers(theta + size * step, sample, self.charges, self.colours)
                if then.bits < now.bits:
                    break
            else:
                break
            theta, gained, now = theta + size * step, now.bits - then.bits, then
            if gained < ENOUGH * now.bits:
                break
        rows: list[Numbers | None] = [None] * len(fitted.shapes(net))
        unit = ONE * np.exp2(-net.head.shift.astype(np.float64))  # of an output, for a difference of one
        for members, h in curvature:
            units_of = np.repeat(unit[members], first.shape[1])
            wanted = (theta - first)[members].ravel() / units_of
            h = h * np.outer(units_of, units_of) / self.share(sample)
            for row, numbers in zip(members, rounded(wanted, h, len(members))):
                rows[row] = numbers
        rows = _within_bounds(net, rows)
        after = _answers(_theta(fitted.applied(net, rows)), sample, self.charges, self.colours)
        return Found(rows, after.bits / self.share(sample) + _spent(rows))


def best_fit(walk: Walk, exact: Exact, chosen: int, steps: int = 0) -> Fit | None:
    """How the networks of a set should differ for a walk that has come to the pixels; None: not at all.

    exact: of ``Walk.to_exact``. steps: of gradients that gains and biases are fitted in; heads alone without.
    """
    return Fitting(walk, exact, chosen).best(steps) if walk.plan.height * walk.plan.width >= LEAST else None


def charges_of(nets: Networks) -> Charges:
    """What residuals cost by the tables of these networks."""
    return nets.once("charges", lambda: Charges(nets.weights.tables["pixels"]))


def _bits(found: list[Found]) -> float:
    return sum(network.bits for network in found)


def _spent(rows: list[Numbers | None]) -> float:
    return sum(1 if numbers is None else ROW_BITS + 1 + bits_of(numbers) for numbers in rows)


def _headless(net: ExactNet) -> ExactNet:
    """The same network, which answers what its last block says."""
    channels = len(net.stem.bias)
    zero = np.zeros(channels, np.float32)
    same = ExactConv(np.eye(channels, dtype=np.float32), zero, zero, zero - ACTIVATION_LIMIT, zero + ACTIVATION_LIMIT)
    return replace(net, head=same, head_bias=None)


@dataclass
class _Answers:
    """Bits that a sample takes by what a head says; their derivatives by outputs, (N, 9), and levels, (N, 3)."""

    bits: float
    slope: np.ndarray
    level: np.ndarray


def _answers(theta: np.ndarray, sample: Sample, charges: Charges, colours: int) -> _Answers:
    """theta: (9, C + 1), outputs from activations."""
    return _charged(sample.activations @ theta.T.astype(np.float32), sample.residuals, sample.owed, charges, colours)


def _charged(out: np.ndarray, residuals: np.ndarray, owed: np.ndarray, charges: Charges, colours: int) -> _Answers:
    """out: (N, 9), what a head says; residuals, owed: (N, 3)."""
    mean = _followed(out, residuals, owed)
    bits, by_mean, by_level, level = charges(mean, out[:, LEVELS].clip(0, SCALE_LEVELS - 1), residuals)
    by_mean[:, colours:] = by_level[:, colours:] = 0
    couplings = [by_mean[:, mine] * residuals[:, other] / units.COUPLING_UNITS for mine, other in FOLLOWS]
    slope = np.concatenate([by_mean / MEAN_UNITS, by_level, np.stack(couplings, 1)], 1)
    return _Answers(float(bits[:, :colours].sum(dtype=np.float64)), slope, level)


def _followed(out: np.ndarray, residuals: np.ndarray, owed: np.ndarray) -> np.ndarray:
    """Means, (N, 3) pixel values, that colours before have moved."""
    mean = out[:, MEANS] / np.float32(MEAN_UNITS) + owed
    most = units.COUPLING_MAX * units.COUPLING_UNITS
    for (colour, followed), coupling in zip(FOLLOWS, out[:, COUPLINGS].clip(-most, most).T):
        mean[:, colour] += coupling / np.float32(units.COUPLING_UNITS) * residuals[:, followed]
    return mean


def _told(out: np.ndarray, view: View) -> Told:
    """out: (9, h, w), what a network says of a view."""
    residuals, owed = (v.reshape(3, -1).T.astype(np.float32) for v in (view.residual, view.owed))
    mean = _followed(out.reshape(9, -1).T.astype(np.float32), residuals, owed)
    level = out[LEVELS].astype(np.float32)
    return Told(mean.T.reshape(level.shape), level, view.residual.astype(np.float32), view.asked)


def _parts(parts: list[View], charges: Charges, colours: int, radius: int, rng: np.random.Generator) -> Iterator[Part]:
    """Squares at random, each with what makes of a network's outputs the derivative of bits by them."""
    while True:
        view = parts[rng.integers(len(parts))]
        top, left = (int(rng.integers(max(0, side - SIDE) + 1)) for side in view.asked.shape)
        part = view.part(top, left, SIDE, radius + 1)

        def slope(out, part=part):
            residuals, owed = (v[:, part.asked].T.astype(np.float32) for v in (part.residual, part.owed))
            found = np.zeros_like(out)
            found[part.asked] = _charged(out[part.asked], residuals, owed, charges, colours).slope
            return found

        if part.asked.any():
            yield part.inputs, slope


def _theta(net: ExactNet) -> np.ndarray:
    """Outputs from activations, (9, C + 1) float64: the head of a network of one set, without its rounding."""
    head = net.head
    assert net.head_bias is not None
    bias = head.bias - half_of(head.shift) + net.head_bias.at(0)
    unit = ONE * np.exp2(-head.shift.astype(np.float64))
    return np.concatenate([head.weight, bias[:, None] / ONE], 1) * unit[:, None]


def _newton(sample: Sample, charges: Charges, at: _Answers, colours: int):
    """A step of theta, (9, C + 1), and the curvature of bits by rows that are solved for together, (rows, (R, R)).

    These are the mean of a colour with the couplings that move it, and each level.
    """
    x, step, curvature = sample.activations, np.zeros((9, sample.activations.shape[1])), []

    def solve(members, inputs, slope, weight):
        weighed = inputs * np.sqrt(weight)[:, None]
        h = (weighed.T @ weighed).astype(np.float64)
        curvature.append((members, h))
        damped = h + RIDGE * np.trace(h) / len(h) * np.eye(len(h))
        step[members] = -np.linalg.solve(damped, inputs.T @ slope).reshape(len(members), -1)

    for colour in range(colours):
        level = at.level[:, colour]
        moved = [(COUPLINGS.start + n, other) for n, (mine, other) in enumerate(FOLLOWS) if mine == colour]
        inputs = np.concatenate([x, *(x * sample.residuals[:, other, None] for _, other in moved)], 1)
        members = [colour, *(row for row, _ in moved)]
        solve(members, inputs, at.slope[:, colour], charges.of_mean[level] / MEAN_UNITS**2)
        solve([LEVELS.start + colour], x, at.slope[:, LEVELS.start + colour], charges.of_level[level])
    return step, curvature


def _within_bounds(net: ExactNet, rows: list[Numbers | None]) -> list[Numbers | None]:
    """With as many bits less as sums need to be exact; without rows for which none are enough."""

    def exact(row: int, numbers: Numbers) -> bool:
        try:
            fitted.applied(net, [numbers if other == row else None for other in range(len(rows))])
        except WeightsError:
            return False
        return True

    tried = ([n and replace(n, fewer=fewer) for fewer in range(fitted.FEWER)] for n in rows)
    return [next((n for n in some if n and exact(row, n)), None) for row, some in enumerate(tried)]
