"""Parts of a picture as the networks of its exact pixels see them: what these are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..coding.plan import Plan
from ..coding.walk import Exact
from ..models import units
from ..models.exact.integers import space_to_depth
from ..models.walk import LATTICE

WINDOW = 128  # side of the parts of a large picture, pixels,
WINDOWS = 4  # down and along


@dataclass(frozen=True)
class View:
    """A part of a sub-lattice: what a network reads of it, and what it should say.

    inputs: (C, h, w) each. residual: (3, h, w). owed: (3, h, w), what is added to the means. asked: (h, w), what is
    coded and seen as in the whole picture.
    """

    inputs: list[np.ndarray]
    residual: np.ndarray
    owed: np.ndarray
    asked: np.ndarray

    def part(self, top: int, left: int, side: int, margin: int) -> View:
        """A square of it, of which ``margin`` positions on each side are only seen."""
        where = np.s_[..., top : top + side, left : left + side]
        asked = self.asked[where].copy()
        for edge in (asked, asked.T):
            edge[:margin] = edge[len(edge) - margin :] = False
        return View([v[where] for v in self.inputs], self.residual[where], self.owed[where], asked)


def views(exact: Exact, plan: Plan, radius: int) -> list[list[View]]:
    """For each sub-lattice, parts that are spread over the picture, or all of it where it is small.

    exact: of ``Walk.to_exact``, of a picture that is known. radius: how many positions away networks see.
    """
    margin = 4 * (radius // 2 + 1)  # windows begin where quarters do (coding/neighbours.py)
    down, along = (_windows(side, 8 * -(-side // 8), margin) for side in (plan.height, plan.width))
    parts = [_of_window(exact, plan, rows, columns) for rows in down for columns in along]
    return [list(part) for part in zip(*parts)]


@dataclass(frozen=True)
class _Window:
    """A part of a side: ``all`` that networks see of it, and which of that is seen as in the whole picture."""

    all: slice
    inside: slice


def _windows(length: int, padded: int, margin: int) -> list[_Window]:
    """Parts that are spread over a side of ``length`` pixels, ``padded`` with its padding; or one, the whole side."""
    if length <= WINDOW * WINDOWS * 3 // 2:
        return [_Window(slice(0, padded), slice(0, padded))]
    out = []
    for start in map(int, np.linspace(0, length - WINDOW, WINDOWS) // 4 * 4):
        low, high = max(0, start - margin), min(padded, start + WINDOW + margin)
        out.append(_Window(slice(low, high), slice(start - low, start - low + WINDOW)))
    return out


def _of_window(exact: Exact, plan: Plan, rows: _Window, columns: _Window) -> list[View]:
    x_hat, owed, actual = exact
    assert actual is not None  # an encoder knows the picture
    coded = np.zeros((rows.all.stop - rows.all.start, columns.all.stop - columns.all.start), bool)
    coded[: plan.height - rows.all.start, : plan.width - columns.all.start] = True
    residual = actual[:, rows.all, columns.all] * coded  # as a decoder has it, 0 in the padding
    asked = np.zeros_like(coded)
    asked[rows.inside, columns.inside] = True
    asked &= coded
    cells = space_to_depth(x_hat[:, rows.all, columns.all], 2) - units.PIXEL_OFFSET
    given = [] if owed is None else [owed[:, _half(rows.all), _half(columns.all)]]
    known: list[np.ndarray] = []
    out = []
    for index, (i, j) in enumerate(LATTICE):
        mine = residual[:, i::2, j::2]
        left = (given[0] - sum(known)) / (len(LATTICE) - index) if given else np.zeros(mine.shape, np.float32)
        out.append(View([cells, *given, *known], mine, left, asked[i::2, j::2]))
        known.append(mine)
    return out


def _half(part: slice) -> slice:
    return slice(part.start // 2, part.stop // 2)
