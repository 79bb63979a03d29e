"""Section "Fitted networks": what a file changes of the networks of its pixels."""

from __future__ import annotations

import numpy as np

from . import corrections
from .networks import Network, Scaled
from .symbols import Reader


def read(reader: Reader, net: Network) -> corrections.Corrections | None:
    """Fits one network to the picture; and the corrections of its sub-lattice, if any."""
    outputs = [read_row(reader, net.head.weight.shape[1] + 1) for _ in net.head.weight]
    for output, row in enumerate(outputs):
        if row is not None:
            _fit(net.head, output, *row)
    for block in net.blocks:
        row = read_row(reader, 2 * len(block.gains.weight))
        if row is not None:
            _fit(block.gains, slice(None), *row)
    return corrections.read(reader)


def read_row(reader: Reader, count: int) -> tuple[np.ndarray, int] | None:
    """2^s q and n; None where the row is as in the set."""
    if not reader.number(1):
        return None
    s, n, level = reader.number(4), reader.number(2), reader.number(6)
    return reader.around_zero(np.full(count, level)) << s, n


def _fit(scaled: Scaled, row: int | slice, added: np.ndarray, n: int) -> None:
    """An output's weights and its one bias, or a block's gains and as many biases."""
    half = (1 << n) >> 1
    weights = scaled.weight[row].size
    biases = added[weights:] if isinstance(row, slice) else added[weights]
    scaled.weight[row] = (scaled.weight[row] + added[:weights] + half) >> n
    scaled.bias[row] = (scaled.bias[row] + 256 * biases + half) >> n
    scaled.shift[row] -= n
