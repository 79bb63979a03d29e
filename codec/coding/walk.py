"""One walk over the levels of a picture, the same for encoding, decoding and sampling: a coder settles the symbols.

    level 1      u, y[K]        the coarsest representation, an exact 1/32 thumbnail
    ...          y[k] | y[k+1]  the other representations: an exact 1/16 thumbnail
    level K + 1  a, z[2], z[1]  activity, where there is some; the coarsest plane
    ...          z[1]           each plane a third of the step of the one before
    last         x              the exact pixels, in lossless files

The configuration names the representations; the default model has the K = 2 that are described here.
Everything that is not read is what the model expects (or a draw from it): coders.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..models import units
from ..models.config import CONTEXT_STRIDE, U_STEP, Z1_STRIDE
from ..models.exact.buffers import empty, reused
from ..models.exact.inference import DELTA_BITS, SEEN_BITS, Networks, rows_of_strip, strips
from ..models.exact.integers import from_ycocg, padded, to_ycocg
from ..models.exact.restoration import restore
from ..models.exact.system import give_back, threads
from ..models.tables import CENTROID_UNITS, MEAN_UNITS, PRECISION
from ..models.units import DEEP, FINE
from ..models.walk import CELLS, COLOURS, LATTICE, walk_lattice, walk_pixels, walk_plane
from . import coefficients, fitted, residuals, restoration
from .coders import Coder, Models, PixelCoder, PlaneCoder
from .depth import to_16
from .field import Field, Region
from .latents import Latents
from .lookup import digit_tables
from .plan import Plan
from .restoration import Restoration
from .settled import Settled, centroid

PART = 1 << 20  # symbols of a plane that are coded together: whole channels, as many as fit, to bound memory
Restorer = Callable[["Walk", int], "Restoration | None"]
Exact = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]  # what Walk.to_exact gives


class Walk:
    """One walk over the levels of one picture. A coder settles the symbols of each level."""

    def __init__(self, nets: Networks, plan: Plan, latents: Latents | None = None):
        self.nets, self.plan, self.latents = nets, plan, latents
        self.u: np.ndarray | None = None  # int32, in YCoCg
        self.y: list[np.ndarray] = []  # representations, coarse to fine, int32; downscales in YCoCg
        self.settled: Settled | None = None  # of z[1], after the last plane walked
        self.said: dict[int, int] = {}  # how many groups of channels each plane says; further symbols are 0
        self.variant = 0  # the set of the pixel prior that an encoder wants to use,
        self.fit: fitted.Fit | None = None  # and how its networks are to differ
        self.restorer: Restorer | None = None  # what an encoder asks how a plane's picture is to be restored,
        self.restoration: Restoration | None = None  # and what it said last, or a file
        self.x: np.ndarray | None = None  # the exact pixels, uint8 (3, H, W)
        self.x16: np.ndarray | None = None  # those of a deep picture, uint16 (H, W, 3)

    def level(self, index: int, coder: Coder) -> None:
        """Let a coder settle all symbols of level index + 1."""
        plane = index - self.plan.first_latent
        if plane < 0:
            if index == self.plan.config.top:
                self.top(coder)
            self.representation(index, coder)
        elif plane < self.plan.planes:
            self.plane(plane, coder)
            self._restore(plane, coder)
        else:
            self.pixels(cast(PixelCoder, coder))  # what has not been read is never settled here

    def representation(self, k: int, coder: Coder) -> None:
        """Level k + 1: a representation; u is known before the coarsest downscale."""
        config, actual = self.plan.config, self.latents.y[k] if self.latents else None
        kind, stride = config.representations[k]
        if kind == "edge":
            self.y[k:] = [self._edges(coder, actual)]
        else:
            parent: Any = self.u * U_STEP if k == config.top else self.y[k - 1]
            height, width = (side // stride for side in self.plan.padded)
            told = config.prior_name(k), parent, (height, width), coder, actual
            self.y[k:] = [self._coupled(*told) if config.y_coupled else self._lattice(*told)]

    def top(self, coder: Coder) -> None:
        """u, (3, h, w) int32: its mean over the picture, then in halvings of the size, rounded up, coarse to fine."""
        height, width = (side // (2 * self.plan.config.downscales[0]) for side in self.plan.padded)
        sizes = [(height, width)]
        while sizes[0] != (1, 1):
            sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
        scales: Any = self.latents.u if self.latents else [None] * len(sizes)
        self.u = coder.symbols(*self.nets.root(self.plan.y_step), scales[0])
        for size, actual in zip(sizes[1:], scales[1:]):
            self.u = self._lattice("u_prior", self.u, size, coder, actual)

    def thumbnail(self, k: int) -> np.ndarray:
        """A representation as a picture, (3, h, w) int32; edges are black on white."""
        if self.plan.config.representations[k][0] == "edge":
            return 255 * (1 - self.y[k]).repeat(3, axis=0)
        return (from_ycocg(self.y[k]) * self.plan.y_step).clip(0, 256)

    def _conditions(self) -> list[np.ndarray]:
        """Pixel values of what latents see of y, the base last (Config.conditions)."""

        def pixels(kind, stride):
            if kind == "flat":
                return np.full((3, *(side // stride for side in self.plan.padded)), units.Y_OFFSET, np.int32)
            return units.edge_values(self.y[0]) if kind == "edge" else self.thumbnail(len(self.y) - 1)

        return [pixels(*condition) for condition in self.plan.config.conditions]

    def _lattice(self, name: str, parent: np.ndarray, size: tuple[int, int], coder: Coder, actual) -> np.ndarray:
        """Twice as fine as the parent, (3, *size) int32."""
        height, width = size

        def visit(index, mean, level):
            i, j = LATTICE[index]
            inside = (slice(None), slice((height + 1 - i) // 2), slice((width + 1 - j) // 2))
            known = parent.copy()  # beyond an odd side
            wanted = None if actual is None else actual[:, i::2, j::2]
            known[inside] = coder.symbols(mean[inside], level[inside], wanted)
            return known

        cells = walk_lattice(self.nets.lattice_prior(name), parent, self.plan.y_step, visit)
        return self.nets.interleave(cells)[:, :height, :width]

    def _coupled(self, name: str, parent: np.ndarray, size: tuple[int, int], coder: Coder, actual) -> np.ndarray:
        """The same, in RGB and colour by colour: what is coded are residuals to the parent."""
        parent = from_ycocg(parent)[COLOURS]
        wanted = None if actual is None else from_ycocg(actual)[COLOURS]

        def visit(index, colour, mean, level):
            (i, j), here = LATTICE[index], slice(colour, colour + 1)
            residual = None if wanted is None else wanted[here, i::2, j::2] - parent[here]
            return coder.pixels(mean, level, residual)

        prior = self.nets.coupled_prior(name)
        residuals = walk_pixels(prior, self.nets.follow, [parent], self.plan.y_step, visit, np.concatenate)
        return to_ycocg(self.nets.interleave([parent + residual for residual in residuals])[COLOURS])

    def _edges(self, coder: Coder, actual: np.ndarray | None) -> np.ndarray:
        shape = (1, *(side // self.plan.config.edge_stride for side in self.plan.padded))
        edges = np.zeros(shape, np.int32)

        def visit(index, rows):
            i, j = CELLS[index]
            cells = (slice(None), slice(i, None, 4), slice(j, None, 4))
            edges[cells] = coder.edges(rows, None if actual is None else actual[cells])
            return 2 * edges[cells] - 1

        blank = np.zeros((1, shape[1] // 4, shape[2] // 4), np.int32)
        walk_lattice(self.nets.edge_prior, blank, None, visit, CELLS)
        return edges

    def plane(self, k: int, coder: PlaneCoder) -> None:
        """Level K + 1 + k: plane k of z[1], with z[2] before the first, but for how its picture is restored."""
        self.restoration = None
        if k == 0:
            self.conditions = self._conditions()
            self.field = self._field(coder)
            self._z2(coder)
            height, width = self.plan.padded
            centroids = self.nets.weights.tables["centroids"]
            self.settled = coefficients.settled(height // Z1_STRIDE, width // Z1_STRIDE, centroids)
        refines, settled = k > 0, self.settled
        _, rows, columns = self.plan.coded
        starts = self._starts
        self.said[k] = coder.groups(len(starts) - 1, None if self.latents is None else self._groups(k))

        def known(channels, rows, columns):
            return self.field.known((channels, rows, columns), settled.symbols[channels, rows, columns])

        def visit(group, sub_lattice, mean, level):
            (i, j), stride = ((0, 0), 1) if sub_lattice is None else (LATTICE[sub_lattice], 2)
            size = max(1, PART // mean[0].size)
            for first in range(0, len(mean), size):
                part = slice(first, min(first + size, len(mean)))
                channels = slice(starts[group] + part.start, starts[group] + part.stop)
                region = (channels, slice(i, rows.stop, stride), slice(j, columns.stop, stride))
                height, width = settled.symbols[region].shape[1:]
                mean_here, level_here = (v[part, :height, :width] for v in (mean, level))
                if not coder.fills(self.field, settled, region, mean_here, level_here, refines=refines):
                    self._settle(k, region, *self.field.local(region, mean_here, level_here), coder)
            give_back(settled.symbols.nbytes)
            if group + 1 < len(self.nets.config.groups):  # nobody reads the last one's
                return known(slice(starts[group], starts[group + 1]), slice(i, None, stride), slice(j, None, stride))

        def coarse(rows):
            return known(slice(None), rows, slice(None))

        walk_plane(self.nets, self.context, coarse if refines else None, self.plan.t(k), visit, self.said[k])
        settled.rest(starts[self.said[k]], refines=refines)

    def _restore(self, k: int, coder: PlaneCoder) -> None:
        """How the picture after plane k is restored; none is whose exact pixels follow."""
        if self.plan.lossless or not coder.restores:
            return
        wanted = self.restorer(self, k) if self.restorer else None
        self.restoration = restoration.settle(cast(PixelCoder, coder), wanted, self.latents is not None)

    @property
    def _starts(self) -> np.ndarray:
        """The first channel of every group, and the end of the last."""
        return np.cumsum([0, *self.nets.config.groups])

    def _groups(self, k: int) -> int:
        """How many groups of plane k an encoder says, from the first on: up to the last one with a symbol other than 0.

        Of the finest plane all: what is expected between its symbols is seen.
        """
        if k == self.plan.planes - 1:
            return len(self._starts) - 1
        _, rows, columns = self.plan.coded
        for channel in reversed(range(self._starts[-1])):
            region = slice(channel, channel + 1), rows, columns
            if np.abs(self._in_steps(k, region)).max() > 0.5:
                return int(np.searchsorted(self._starts, channel, side="right"))
        return 0

    def _in_steps(self, k: int, region: Region) -> np.ndarray:
        """What an encoder wants of plane k: latents in local steps, less what the coarser plane says of them."""
        scale = 2.0**DELTA_BITS / self.nets.delta(self.plan.t(k))
        coarser = self.settled.symbols[region] if k > 0 else None
        return self.field.in_steps(region, self.latents.z1[region], scale, coarser)

    def _field(self, coder: PlaneCoder) -> Field:
        """The step field, for which a coder settles the activity map, if there is one."""
        plan, stride = self.plan, self.plan.config.activity_stride
        if not plan.activity or stride is None:
            return coefficients.field(self.nets.weights.tables, plan.fall)
        actual = self.latents and self.latents.activity
        activity = np.zeros((1, *(side // stride for side in plan.padded)), np.int32)
        inside = activity[:, : -(-plan.height // stride), : -(-plan.width // stride)]  # a view: the rest stays 0

        def visit(index, mean, level):
            i, j = LATTICE[index]
            here = inside[:, i::2, j::2]
            _, height, width = here.shape
            wanted = None if actual is None else actual[:, i::2, j::2]
            here[:] = coder.symbols(mean[:, :height, :width], level[:, :height, :width], wanted)
            return activity[:, i::2, j::2]

        walk_lattice(self.nets.activity_prior, self.conditions[-1], plan.y_step, visit)
        return coefficients.field(self.nets.weights.tables, plan.fall, activity, stride)

    def _z2(self, coder: PlaneCoder) -> None:
        t = self.plan.t(0)
        actual = None if self.latents is None else self.nets.hyper_analysis(self.latents.z1, t)
        z2 = coder.symbols(*self.nets.z2_prior(self.conditions, t), actual)
        height, width = (slice(0, side // Z1_STRIDE, CONTEXT_STRIDE // Z1_STRIDE) for side in self.plan.padded)
        self.context = self.nets.context(z2, self.conditions, self.field.ends(height, width), t)

    def _settle(self, k: int, region: Region, mean: np.ndarray, level: np.ndarray, coder: PlaneCoder) -> None:
        """A part of plane k, with means and scale levels in local steps, int32.

        Planes nest: rounding a coarser one is rounding the rounded finer one. z_hat is E[z | what was read]: the
        prior's mean, inside the interval if one was read. Where the plane refines another, symbols are digits, and all
        is relative to the middle of the coarser interval.
        """
        refines, tables, settled = k > 0, self.nets.weights.tables, self.settled
        z = None if self.latents is None else self._in_steps(k, region)
        symbols = (coder.digits if refines else coder.symbols)(mean, level, z)
        if coder.expects is False:
            settled.settle(region, symbols, mean, level, refines=refines)
            return

        def inside(symbols):
            return symbols * CENTROID_UNITS + centroid(tables["centroids"], symbols, mean, level)

        if refines:
            chances = tables["digits"][digit_tables(mean, level)].astype(np.int64)
            expected = sum(chances[..., digit + 1] * inside(digit) for digit in (-1, 0, 1)) >> PRECISION
        else:
            expected = mean * (CENTROID_UNITS // MEAN_UNITS)
        z_hat = expected if coder.expects is True else np.where(coder.expects, expected, inside(symbols))
        settled.expect(region, symbols, z_hat, refines=refines)

    def pixels(self, coder: PixelCoder) -> None:
        """Last level: x, by the set of the prior that stands first in it, or by networks that differ from it."""
        plan, nets = self.plan, self.nets
        chosen = coder.variant(plan.config.pixel_sets, self.variant)
        corrections: fitted.AllCorrections = [None] * len(LATTICE)
        if coder.follows(self.fit is not None):
            fit = fitted.settle(coder, fitted.networks_of(nets, chosen), self.fit)
            nets, corrections = fitted.fitted(nets, chosen, fit)
            chosen = 0
        exact, size = self.to_exact(), (plan.height, plan.width)
        residual = residuals.settle(nets, chosen, exact, size, coder, grey=plan.grey, corrections=corrections)
        self.x = (exact[0] + residual).clip(0, 255).astype(np.uint8)[COLOURS]

    def to_exact(self) -> Exact:
        """x_hat, what the residuals of each cell sum to where y[1] ties them, and the residuals, where x is known.

        Colours in the order of COLOURS, whole blocks that touch the picture: (3, H, W) int16, (3, H/2, W/2) int32.
        """
        plan = self.plan
        x_hat = self.x_hat(plan.planes - 1)[COLOURS].astype(np.int16)
        owed = None
        if plan.config.tied:
            cells = x_hat.reshape(3, x_hat.shape[1] // 2, 2, x_hat.shape[2] // 2, 2).sum((2, 4), dtype=np.int32)
            owed = 4 * self.conditions[-1][COLOURS, : cells.shape[1], : cells.shape[2]] - cells
        known = None if self.latents is None else padded(self.latents.x[COLOURS], *x_hat.shape[1:])
        return x_hat, owed, None if known is None else known - x_hat

    def x_hat(self, k: int, *, scale: int = 1, wanted: slice | None = None) -> np.ndarray:
        """What latents decode to after plane k in whole blocks, or some rows of them, not restored: uint8 (3, H, W), or
        uint16, ``scale`` for a grey level, where that is not 1."""
        _, rows, columns = self.plan.coded
        size, base, bound = (self.plan.rows, self.plan.columns), self.conditions[-1], self.field.bound(rows, columns)

        def field(part):
            return self.field.ends(part, columns)

        told = self.plan.t(k), bound, field
        return self.nets.synthesis(self.latents_in, size, base, *told, scale=scale, wanted=wanted)

    def shown(self, k: int, *, deep: bool = False, wanted: slice | None = None) -> np.ndarray:
        """The picture after plane k, restored, in whole blocks or in some rows: uint8 (3, H, W), uint16 if deep."""
        if self.restoration is None:
            return self.x_hat(k, scale=DEEP if deep else 1, wanted=wanted)
        height, width = self.plan.rows, self.plan.columns
        first, end, _ = (wanted or slice(None)).indices(height)
        filters = self.restoration.filters(self.nets.delta(self.plan.t(k)))
        shape = Z1_STRIDE * (end - first), Z1_STRIDE * width, 3
        out = empty(shape, np.uint16 if deep else np.uint8).transpose(2, 0, 1)
        with reused():
            for rows in strips(first, end, max(1, rows_of_strip(width) - 2)):  # with one more on each side
                around = slice(max(rows.start - 1, 0), min(rows.stop + 1, height))
                x_hat = self.x_hat(k, scale=FINE, wanted=around)
                pixels = slice(Z1_STRIDE * (rows.start - around.start), Z1_STRIDE * (rows.stop - around.start))
                here = slice(Z1_STRIDE * (rows.start - first), Z1_STRIDE * (rows.stop - first))
                restore(x_hat, filters, pixels, out[:, here], threads())
                del x_hat  # before the next
        return out

    def latents_in(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """z_hat in some rows of blocks, in 1/CENTROID_UNITS of the step D, and as the synthesis network sees it."""
        return self.settled.z_and_rounded(self.field, rows, self.plan.coded[2], SEEN_BITS)

    def picture(self, k: int, *, deep: bool = False) -> np.ndarray:
        """The picture after plane k, or the exact one if that was walked, uint8 (H, W, 3), or uint16 if deep."""
        if deep and self.x16 is not None:
            return self.x16
        x = self.x
        if x is None:
            x = self.shown(k, deep=deep)
        x = to_16(x) if deep else x
        return np.ascontiguousarray(x.transpose(1, 2, 0)[: self.plan.height, : self.plan.width])


def models_of(nets: Networks) -> Models:
    """The tables of these networks, ready for coders."""
    return nets.once("models", lambda: Models(nets.weights.tables))
