"""The residuals of the exact pixels: sub-lattice by sub-lattice, colour by colour, a coder settles them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..models.exact.inference import Networks
from ..models.exact.integers import space_to_depth
from ..models.walk import LATTICE, walk_pixels
from .coders import ResidualCoder
from .neighbours import Around, Corrections
from .surroundings import surroundings

PART = 1 << 20  # that are coded together: whole rows, as many as fit, to bound memory


def settle(
    nets: Networks,
    chosen: int,
    exact: tuple[np.ndarray, np.ndarray | None, np.ndarray | None],
    size: tuple[int, int],
    coder: ResidualCoder,
    *,
    grey: bool,
    corrections: Sequence[Corrections | None] = (None,) * len(LATTICE),
) -> np.ndarray:
    """Residuals to x_hat by a set of the prior, (3, H, W) int16; outside ``size`` they are 0.

    exact: of ``Walk.to_exact``. corrections: of each sub-lattice, by neighbours. Grey pictures code green alone.
    """
    x_hat, owed, actual = exact
    given = [space_to_depth(x_hat, 2)] + ([] if owed is None else [owed])
    residual = np.zeros_like(x_hat)
    around: Around | None = None

    def visit(index, colour, mean, level):
        nonlocal around
        i, j = LATTICE[index]
        inside = (slice(colour, colour + 1), slice(i, size[0], 2), slice(j, size[1], 2))
        found = residual[inside]
        _, height, width = found.shape
        wanted = None if actual is None else actual[inside]
        mean, level = mean[:, :height, :width], level[:, :height, :width]
        if grey and colour:
            green = (slice(0, 1), *inside[1:])
            found[:] = x_hat[green] + residual[green] - x_hat[inside]
        elif (correcting := corrections[index]) is None:
            _in_parts(coder, mean, level, wanted, found)
        else:
            if colour == 0:
                around = surroundings(height, width)
            around.begin()
            for quarter, (down, along) in enumerate(LATTICE):
                here = np.s_[:, down::2, along::2]
                corrected = around.corrected(correcting[quarter][colour], quarter, mean[here][0], level[here][0])
                _in_parts(coder, *(v[None] for v in corrected), None if wanted is None else wanted[here], found[here])
                around.know(quarter, mean[here][0], level[here][0], found[here][0])
        return residual[colour : colour + 1, i::2, j::2]

    walk_pixels(nets.pixels, nets.follow, given, chosen, visit, np.concatenate)
    return residual


def _in_parts(coder: ResidualCoder, mean, level, wanted, found) -> None:
    """Let a coder settle (1, h, w), into ``found``."""
    _, height, width = mean.shape
    rows = max(1, PART // max(1, width))
    for top in range(0, height, rows):
        part = np.s_[:, top : top + rows]
        found[part] = coder.pixels(mean[part], level[part], None if wanted is None else wanted[part])
