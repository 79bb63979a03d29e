"""The order in which a picture is described: written once, for training, sampling, encoding and decoding.

``visit(index, mean, scale) -> symbols`` is what differs: it draws symbols, takes them from the encoder or reads
them from the stream. ``nets`` is a float module in training and a set of exact networks in the codec.
"""

from __future__ import annotations

from collections.abc import Callable

LATTICE = ((0, 0), (1, 1), (0, 1), (1, 0))  # sub-lattices of a 2x2 cell in coding order: diagonal first
CELLS = tuple((2 * i + a, 2 * j + b) for a, b in LATTICE for i, j in LATTICE)  # of a 4x4 cell, coarse to fine
COLOURS = [1, 0, 2]  # pixels are coded green, red, blue; the permutation is its own inverse


def walk_lattice(prior: Callable, parent, step, visit: Callable, lattice=LATTICE) -> list:
    """p(y[k] | y[k+1]) in one pass for each sub-lattice, given the parent and all earlier passes.

    prior(index, parent, known, step) -> (mean, scale), or other parameters of the distribution. Returns what ``visit``
    made known of every sub-lattice, each (.., C, h, w).
    """
    known: list = []
    for index in range(len(lattice)):
        known.append(visit(index, *prior(index, parent, known, step)))
    return known


def walk_plane(nets, context, coarse, step, visit: Callable, count: int | None = None) -> None:
    """p(plane of z[1] | coarser plane, context), channel group by channel group, low to high frequency.

    coarse: symbols of the coarser plane, or None for the first plane. There the leading groups, which hold most
    of the bits and have no coarser plane to learn their surroundings from, are walked over sub-lattices.
    ``visit(group, sub-lattice or None, mean, scale)`` returns what networks see of the symbols. count: how many groups
    are walked, all without it.
    """
    count = len(nets.config.groups) if count is None else count
    known = _walk_leads(nets, context, step, visit, min(nets.config.lead_groups, count)) if coarse is None else []
    groups = range(len(known), count)
    features = nets.features(context, coarse, step) if groups else None
    coarse = None  # arrays as large as what is walked go as soon as they were read for the last time
    for group in groups:
        prior = nets.group(group, features, known, step)
        if group == groups[-1]:
            features, known = None, []
        known.append(visit(group, None, *prior))
        del prior


def _walk_leads(nets, context, step, visit: Callable, count: int) -> list:
    known: list = []
    cells: list = []  # sub-lattices of all groups so far
    for group in range(count):
        for index in range(len(LATTICE)):
            cells.append(visit(group, index, *nets.lead(len(cells), context, cells, step)))
        known.append(nets.interleave(cells[-len(LATTICE) :]))
    return known


def walk_pixels(prior: Callable, follow: Callable, given: list, step, visit: Callable, concatenate: Callable) -> list:
    """p(x | x_hat, y): residuals x - x_hat, sub-lattice by sub-lattice, colour by colour.

    prior(index, given, known, step) -> (mean, scale, coupling). given: x_hat cut into 2x2 cells, and where y ties them
    (Config.tied) what the residuals of each cell sum to; of downscales, their parent. Colours are in the order of
    COLOURS. ``visit(sub-lattice, colour, mean, scale)`` returns residuals of that colour. Axis -3 counts colours;
    arrays keep it. Returns the residuals of every sub-lattice.
    """
    known: list = []
    for index in range(len(LATTICE)):
        mean, scale, coupling = prior(index, given, known, step)
        green = visit(index, 0, mean[..., 0:1, :, :], scale[..., 0:1, :, :])
        expected = follow(mean[..., 1:2, :, :], coupling[..., 0:1, :, :], green)
        red = visit(index, 1, expected, scale[..., 1:2, :, :])
        expected = follow(mean[..., 2:3, :, :], coupling[..., 1:2, :, :], green)
        expected = follow(expected, coupling[..., 2:3, :, :], red)
        blue = visit(index, 2, expected, scale[..., 2:3, :, :])
        known.append(concatenate([green, red, blue], -3))
    return known
