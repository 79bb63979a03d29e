"""Networks fitted to one picture: what a file says of them, and how that makes them of those of the model.

The exact pixels of a picture may be coded by networks whose heads, gains and biases suit its noise better than those of
any set (choice/fit.py finds them). Sent are differences to the chosen set, as whole steps of a power of two; most are
small. Weights of corrections by neighbours (neighbours.py) follow in the same way, as differences to none.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np

from ..errors import ChecksumError, WeightsError
from ..models.exact.inference import Networks
from ..models.exact.layers import ExactBlock, ExactConv, ExactNet, SetTable
from ..models.tables import SCALE_LEVELS
from ..models.walk import LATTICE
from . import neighbours
from .neighbours import Corrections

FEWER = 4  # a row may lose 0 to 3 bits
SHIFTS = 16  # steps of differences are 2^0 to 2^15
ONE = 256  # what a bias is the weight of: an activation like the others, but the same everywhere


class Coder(Protocol):
    """What settles the numbers: a part of coders.PixelCoder."""

    def variant(self, count: int, actual: int | None) -> int: ...

    def numbers(self, level: np.ndarray, actual: np.ndarray | None) -> np.ndarray: ...


@dataclass(frozen=True)
class Numbers:
    """Differences of one row of weights: ``values`` times 2^shift, int32 (N,), coded around 0 at a scale level.

    fewer: by how many bits the row becomes less precise, so that larger weights have room.
    """

    shift: int
    fewer: int
    level: int
    values: np.ndarray

    def differences(self) -> np.ndarray:
        return self.values.astype(np.int64) << self.shift

    def less_precise(self, v: np.ndarray) -> np.ndarray:
        return (v + ((1 << self.fewer) >> 1)) >> self.fewer


Fit = Sequence[Sequence[Numbers | None]]  # of each network of the pixels, of each of its rows; None: nothing differs


AllCorrections = Sequence[Corrections | None]  # by neighbours, of each sub-lattice


def shapes(net: ExactNet) -> list[int]:
    """How many numbers each row of a network has: weights and bias of each output of the head, then gains and biases of
    each block, then what corrects the network by neighbours.
    """
    outputs, inputs = net.head.weight.shape
    return [inputs + 1] * outputs + [2 * len(block.expand.bias) for block in net.blocks] + neighbours.counts()


def rows_of(net: ExactNet) -> int:
    """How many of these are differences of the network; the others correct it."""
    return len(net.head.bias) + len(net.blocks)


def settle(coder: Coder, nets: Sequence[ExactNet], actual: Fit | None) -> Fit:
    """Let a coder settle all numbers; actual: those that an encoder wants."""
    settled = []
    for index, net in enumerate(nets):
        rows = []
        for row, count in enumerate(shapes(net)):
            wanted = None if actual is None else actual[index][row]
            rows.append(settle_row(coder, count, wanted, actual is not None, differs=row < rows_of(net)))
        settled.append(rows)
    return settled


def settle_row(
    coder: Coder,
    count: int,
    actual: Numbers | None,
    known: bool,
    *,
    differs: bool = False,
    beside: np.ndarray | int = 0,
) -> Numbers | None:
    """One row of so many numbers. known: whether an encoder says ``actual``; differs: whether it may lose bits; beside:
    how far the scale level of each lies from what the row says."""
    if not count or not coder.variant(2, int(actual is not None) if known else None):
        return None
    shift = coder.variant(SHIFTS, actual.shift if actual else None)
    fewer = coder.variant(FEWER, actual.fewer if actual else None) if differs else 0
    level = coder.variant(SCALE_LEVELS, actual.level if actual else None)
    levels = levels_of(level, np.broadcast_to(beside, count)).astype(np.int32)
    return Numbers(shift, fewer, level, coder.numbers(levels, actual.values if actual else None))


def levels_of(row: np.ndarray | int, beside: np.ndarray) -> np.ndarray:
    """Scale levels of numbers, from what their row says. beside: as of ``settle_row``, (N,)."""
    return np.clip(row + beside, 0, SCALE_LEVELS - 1)


def networks_of(nets: Networks, chosen: int) -> list[ExactNet]:
    """The networks of the pixels, with the rows of one set alone."""
    return [of_one_set(nets.weights.net(f"pixels.{index}", chosen), chosen) for index in range(len(LATTICE))]


def of_one_set(net: ExactNet, chosen: int) -> ExactNet:
    def row(table):
        return SetTable(table.rows[chosen : chosen + 1]) if isinstance(table, SetTable) else table

    blocks = tuple(replace(block, gain=row(block.gain), bias=row(block.bias)) for block in net.blocks)
    return replace(net, blocks=blocks, head_bias=row(net.head_bias))


def applied(net: ExactNet, rows: Sequence[Numbers | None]) -> ExactNet:
    """A network of one set with these differences. Raises WeightsError where sums of it would not be exact."""
    outputs = len(net.head.bias)
    blocks = tuple(map(_block, net.blocks, rows[outputs : rows_of(net)]))
    none = SetTable(np.zeros((1, outputs), np.int64))  # the set's row is a part of the head's bias
    fitted = replace(net, blocks=blocks, head=_head(net, rows[:outputs]), head_bias=none)
    fitted.check_bounds()
    return fitted


def _head(net: ExactNet, rows: Sequence[Numbers | None]) -> ExactConv:
    assert net.head_bias is not None
    weight, bias, shift = (v.astype(np.int64) for v in (net.head.weight, net.head.bias, net.head.shift))
    bias += net.head_bias.rows[0]
    for output, numbers in enumerate(rows):
        if numbers is not None:
            *weights, constant = numbers.differences()
            weight[output] = numbers.less_precise(weight[output] + weights)
            bias[output] = numbers.less_precise(bias[output] + ONE * constant)
            shift[output] -= numbers.fewer
    f = np.float32
    return replace(net.head, weight=weight.astype(f), bias=bias.astype(f), shift=shift.astype(f))


def _block(block: ExactBlock, numbers: Numbers | None) -> ExactBlock:
    if numbers is None:
        return block
    assert block.gain is not None and block.bias is not None and block.film_shift is not None
    gains, biases = np.split(numbers.differences(), 2)
    return replace(
        block,
        gain=SetTable(numbers.less_precise(block.gain.rows + gains)),
        bias=SetTable(numbers.less_precise(block.bias.rows + ONE * biases)),
        film_shift=block.film_shift - np.float32(numbers.fewer),
    )


def corrections(net: ExactNet, rows: Sequence[Numbers | None]) -> Corrections | None:
    """What corrects a network by neighbours; None: nothing. Raises WeightsError where sums of it would not be exact."""
    said, counts = rows[rows_of(net) :], neighbours.counts()
    if not any(said):
        return None
    weights = [numbers.differences() if numbers else np.zeros(count, int) for numbers, count in zip(said, counts)]
    return neighbours.corrections(weights, net.name)


def fitted(nets: Networks, chosen: int, fit: Fit) -> tuple[Networks, AllCorrections]:
    """Networks whose set 0 of the pixels is ``chosen`` with these differences, all else as it was, and corrections.

    Raises ChecksumError where sums would not be exact: no encoder writes such numbers.
    """
    try:
        pairs = list(zip(networks_of(nets, chosen), fit))
        made, correcting = [applied(*pair) for pair in pairs], [corrections(*pair) for pair in pairs]
    except WeightsError as error:
        raise ChecksumError(f"level x is damaged: networks cannot be fitted as it says: {error}") from error
    return with_networks(nets, made), correcting


def with_networks(nets: Networks, made: Sequence[ExactNet]) -> Networks:
    """Networks of which some are replaced by others of the same name."""
    others = cast(MutableMapping[str, ExactNet], nets.weights.nets)  # which nothing writes to
    return nets.with_weights(replace(nets.weights, nets=ChainMap({net.name: net for net in made}, others)))
