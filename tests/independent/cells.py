"""How arrays are cut up: sub-lattices ("Order"), and cells that are folded into channels ("Networks")."""

from __future__ import annotations

import numpy as np

SUB_LATTICES = (0, 0), (1, 1), (0, 1), (1, 0)  # of 2x2 cells, as (row, column)
ARRAY_VALUES = 1 << 20  # no more of them are coded together


def into_channels(x: np.ndarray, side: int) -> np.ndarray:
    """(C, H, W) -> (C side^2, H / side, W / side): channel by channel, then row, then column of the cell."""
    C, H, W = x.shape
    cells = x.reshape(C, H // side, side, W // side, side).transpose(0, 2, 4, 1, 3)
    return cells.reshape(C * side * side, H // side, W // side)


def out_of_channels(x: np.ndarray, side: int) -> np.ndarray:
    """The other way round."""
    C, H, W = x.shape
    cells = x.reshape(C // side**2, side, side, H, W).transpose(0, 3, 1, 4, 2)
    return cells.reshape(C // side**2, H * side, W * side)


def averaged(x: np.ndarray, side: int) -> np.ndarray:
    """The mean of every cell, halves upwards."""
    C, H, W = x.shape
    total = x.reshape(C, H // side, side, W // side, side).sum((2, 4))
    return (2 * total + side * side) // (2 * side * side)
