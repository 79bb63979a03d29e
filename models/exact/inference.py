"""The networks as the codec sees them: integer arrays in, integer arrays out, on any runtime.

Implements the interface that walk.py walks. Nothing here rounds differently on different machines: networks are
exact (layers.py), transforms are integer matrices multiplied in float64 below 2^53, everything else is integer.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref
from typing import Any

import numpy as np

from .. import units
from ..config import CONTEXT_STRIDE, T_FIRST, Y_STEP_PACE, Z1_STRIDE, Config
from ..tables import CENTROID_UNITS, EDGE_LOGIT_MAX, EDGE_UNITS, MEAN_UNITS
from ..walk import LATTICE
from . import clibrary
from .buffers import empty, reused
from .clibrary import Source, pointers
from .integers import mean_of, space_to_depth
from .layers import T_UNITS, ExactNet
from .system import loading, threads
from .transform import DELTA_BITS as DELTA_BITS
from .transform import LappedTransform
from .weights import Weights

STRIP = 96  # rows of 8x8 blocks whose linear transform is computed at once,
POSITIONS = 1 << 14  # or more, up to this many blocks
SEEN_BITS = (CENTROID_UNITS // units.SYNTHESIS_UNITS).bit_length() - 1  # of latents, unseen by the synthesis net
HYPER_LIMIT = 1023
FOLLOW_BITS = (units.COUPLING_UNITS // MEAN_UNITS).bit_length() - 1

Run = Callable[[str, list[np.ndarray], int], np.ndarray]


class Networks:
    """All networks of one weights file on one runtime.

    Shapes are without a batch axis. Means come in 1/MEAN_UNITS of a step, scales as table levels; both int32,
    and of z[1] int16.
    ``t`` is log3 of a step in 1/256.
    """

    def __init__(self, weights: Weights, make_runner: Callable[[ExactNet], Callable]):
        """make_runner: from a network to what runs it, called as ``tiles.Tiled`` is."""
        self.weights = weights
        self.tile: int | None = None  # positions on a side that networks run over at once; None: what suits the runtime
        self.config: Config = weights.config
        self._make_runner = make_runner
        self._runners: dict[str, Callable] = {}
        self._lapped = LappedTransform(weights.transforms, weights.config.base_stride)
        self._made: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What those who use these networks make of their tables, made when it is first asked for."""
        made = self._made.get(name)
        return self._made.setdefault(name, make()) if made is None else made  # of threads that make it, one wins

    def with_weights(self, weights: Weights) -> Networks:
        """The same on other weights of the same configuration."""
        other = Networks(weights, self._make_runner)
        other.tile = self.tile
        return other

    def run(self, name: str, inputs: list[np.ndarray], t: int) -> np.ndarray:
        """Outputs of a network, int16, for integers, which are clamped to what its bound was proven for."""
        net = self.weights.net(name, t)
        runner = self._runners.get(net.name)
        if runner is None:
            with loading:  # many threads may ask at once
                runner = self._runners.get(net.name) or self._make_runner(net)
                self._runners[net.name] = runner
        return runner(inputs, t, self.tile)

    def _narrow_prior(self, name: str, inputs: list[np.ndarray], t: int) -> tuple[np.ndarray, np.ndarray]:
        """Means and scale levels in int16, for arrays that are large."""
        out = self.run(name, inputs, t)
        return out[: len(out) // 2], out[len(out) // 2 :]

    def _prior(self, name: str, inputs: list[np.ndarray], t: int) -> tuple[np.ndarray, np.ndarray]:
        mean, level = self._narrow_prior(name, inputs, t)
        return mean.astype(np.int32), level.astype(np.int32)

    def delta(self, t: int) -> int:
        """The quantisation step 3^(t/256) as an integer in 1/2^DELTA_BITS."""
        return int(self.weights.tables["log3"][t % T_UNITS]) * 3 ** (t // T_UNITS)

    # ---- representations -----------------------------------------------------------------------------

    def lattice_prior(self, name: str) -> Callable:
        """p(y[k] | parent) for walk_lattice; parent and known are YCoCg integers (3, h, w), step is y_step."""

        def prior(index: int, parent: np.ndarray, known: list[np.ndarray], y_step: int):
            inputs = [parent, *(k - parent for k in known)]
            mean, level = self._prior(f"{name}.{index}", inputs, _y_t(y_step))
            return mean + MEAN_UNITS * (4 * parent - sum(known)) // (4 - index), level

        return prior

    def coupled_prior(self, name: str) -> Callable:
        """p(y[k] | parent) for walk_pixels; given is the parent alone, RGB integers (3, h, w), step is y_step."""

        def prior(index: int, given: list[np.ndarray], known: list[np.ndarray], y_step: int):
            out = self.run(f"{name}.{index}", [*given, *known], _y_t(y_step)).astype(np.int32)
            mean, level, coupling = np.split(out, 3)
            return mean - MEAN_UNITS * sum(known) // (len(LATTICE) - index), level, coupling

        return prior

    def root(self, y_step: int) -> tuple[np.ndarray, np.ndarray]:
        """p(u's mean over the picture), (3, 1, 1) each."""
        mean, level = self.weights.tables["u"][y_step.bit_length() - 1][:, :, None, None]
        return mean, level

    def edge_prior(self, index: int, blank: np.ndarray, known: list[np.ndarray], step: None) -> tuple[np.ndarray]:
        """p(one sub-lattice of the edge map | earlier ones) for walk_lattice: rows of the table of edges, int32.

        blank: zeros; known: -1 and 1; each (1, h, w).
        """
        logit = self.run(f"edge_prior.{index}", [blank, *known], 0)
        return (logit.astype(np.int32) + EDGE_LOGIT_MAX * EDGE_UNITS,)

    def activity_prior(self, index: int, base: np.ndarray, known: list[np.ndarray], y_step: int):
        """p(one sub-lattice of the activity map | base, earlier ones) for walk_lattice: (1, h, w) each.

        base: the last of the conditions, pixel values.
        """
        pool, fold = self.config.seen(2 * self.config.activity_stride)[-1]
        return self._prior(f"activity_prior.{index}", [_folded(base, pool, fold), *known], _y_t(y_step))

    # ---- latents -------------------------------------------------------------------------------------

    def z2_prior(self, y: list[np.ndarray], t: int) -> tuple[np.ndarray, np.ndarray]:
        """p(z[2] | y). y: the conditions (Config.conditions), (C, h, w) integers each, pixel values."""
        return self._prior("z2_prior", self._seen(y, self.config.hyper_stride), t)

    def context(self, z2: np.ndarray, y: list[np.ndarray], field: np.ndarray, t: int) -> np.ndarray:
        """What y, the step field and z[2] say about z[1]: integers (context_channels, H/16, W/16).

        field: log2 g of both ends (config.FIELD_ENDS) at 1/16, for networks that see it.
        """
        h = z2
        for stride in self.config.context_strides:
            seen = self._seen(y, stride)
            told = [field] if self.config.told_field and stride == CONTEXT_STRIDE else []
            h = self.run(f"context.at{stride}", [h, *told, *seen], t)
        joining = [v for v, joins in zip(seen, self.config.joining) if joins]
        return np.concatenate([h, *joining]) if joining else h

    def _seen(self, y: list[np.ndarray], stride: int) -> list[np.ndarray]:
        """What a scale of the context sees of every condition, (C, H/stride, W/stride) integers each."""
        return [_folded(v, *cells) for v, cells in zip(y, self.config.seen(stride))]

    def lead(self, index: int, context: np.ndarray, known: list[np.ndarray], t: int):
        return self._narrow_prior(f"lead_prior.{index}", [context, *known], t)

    @staticmethod
    def interleave(parts: list[np.ndarray]) -> np.ndarray:
        """Four sub-lattices (C, h, w) in the order of LATTICE -> (C, 2h, 2w)."""
        C, h, w = parts[0].shape
        out = np.empty((C, 2 * h, 2 * w), parts[0].dtype)
        for (i, j), part in zip(LATTICE, parts):
            out[:, i::2, j::2] = part
        return out

    def features(self, context: np.ndarray, coarse: Callable[[slice], np.ndarray] | None, t: int) -> np.ndarray:
        """coarse: from rows of blocks to the coarser plane's symbols, int16 (192, rows, W/8)."""
        features = self.run("context_at8", [context], t)
        if coarse is None:
            return features
        return self._in_strips("coarse", lambda rows: [features[:, rows], coarse(rows)], features.shape[1:], t)

    def _in_strips(self, name: str, seen: Callable[[slice], list], size: tuple[int, int], t: int) -> np.ndarray:
        """``run`` where inputs are made for some rows at a time: those of a whole large picture take gigabytes."""
        (height, width), net = size, self.weights.net(name, t)
        out = np.empty((*size, len(net.head.bias)), np.int16).transpose(2, 0, 1)  # as other networks read it best
        for rows in strips(0, height, rows_of_strip(width)):
            top, bottom = max(rows.start - net.radius, 0), min(rows.stop + net.radius, height)
            out[:, rows] = self.run(name, seen(slice(top, bottom)), t)[:, rows.start - top : rows.stop - top]
        return out

    def group(self, index: int, features: np.ndarray, known: list[np.ndarray], t: int):
        return self._narrow_prior(f"groups.{index}", [features, *known], t)

    # ---- analysis, encoder only ----------------------------------------------------------------------

    def analysis(self, x: np.ndarray, base: np.ndarray, out: np.ndarray) -> None:
        """As LappedTransform.analysis."""
        self._lapped.analysis(x, base, out, threads())

    def pull(self, error: np.ndarray) -> np.ndarray:
        """As LappedTransform.pull."""
        return self._lapped.pull(error, threads())

    def hyper_analysis(self, z1: np.ndarray, t: int) -> np.ndarray:
        """z[2], rounded, int32 (z2_channels, H/hyper_stride, W/hyper_stride)."""
        h = self._in_strips("hyper_analysis.0", lambda rows: [_logarithms(z1[:, rows])], z1.shape[1:], t)
        for i in range(1, (self.config.hyper_stride // Z1_STRIDE).bit_length()):
            h = self.run(f"hyper_analysis.{i}", [space_to_depth(h, 2)], t)
        limit = units.SYMBOL_LIMIT
        return np.floor(h / units.Z2_UNITS + 0.5).clip(-limit, limit).astype(np.int32)

    # ---- synthesis -----------------------------------------------------------------------------------

    def synthesis(
        self,
        z: Callable[[slice], tuple[np.ndarray, np.ndarray]],
        size: tuple[int, int],
        y: np.ndarray,
        t: int,
        bound: np.ndarray | None,
        field: Callable[[slice], np.ndarray],
        *,
        scale: int = 1,
        wanted: slice | None = None,
    ) -> np.ndarray:
        """x_hat, uint8 (3, H, W), or of the ``wanted`` rows of blocks alone.

        z: from rows of blocks to their latents, int32 (192, rows, W/8) in 1/CENTROID_UNITS of the step, and the same
        rounded to SEEN_BITS less, int16; size: rows and columns of blocks. y: the base, the last of the conditions;
        it may reach beyond. bound: how far the network may move the pixels of each block (H/8, W/8), in
        1/RESIDUAL_UNITS of the step; None: as far as it can. field: from rows of blocks to log2 g of both ends
        (config.FIELD_ENDS), for a network that sees it. scale: uint16, so much a grey level, where it is not 1; what
        rounds to it is the same picture. Colours lie side by side; those of FINE, which is restored, in planes.
        """
        radius, (height, width) = self.weights.net("synthesis", t).radius, size
        first, end, _ = (wanted or slice(None)).indices(height)
        shape = Z1_STRIDE * (end - first), Z1_STRIDE * width
        kind = np.uint8 if scale == 1 else np.uint16
        x_hat = empty((3, *shape), kind) if scale == units.FINE else empty((*shape, 3), kind).transpose(2, 0, 1)
        with reused():
            for rows in strips(first, end, rows_of_strip(width)):
                # one row of blocks more on each side for the post-filter, and what the network sees around them
                start, stop = max(rows.start - 1, 0), min(rows.stop + 1, height)
                top = max(start - radius, 0)
                around = slice(top, min(stop + radius, height))
                latents, seen = z(around)
                told = [field(around)] if self.config.told_field else []
                learned = self.run("synthesis", [seen, *told], t)
                here = np.s_[:, start - top : stop - top]
                pixels = slice(Z1_STRIDE * (rows.start - first), Z1_STRIDE * (rows.stop - first))
                about = start, height, bound, y, self.delta(t), rows
                self._lapped.pixels(latents[here], learned[here], *about, x_hat[:, pixels], threads(), scale)
                del latents, seen, learned
        return x_hat

    def linear_synthesis(
        self, z: np.ndarray, first: int, rows: slice, height: int, y: np.ndarray, t: int
    ) -> np.ndarray:
        """Some rows of blocks of x_hat as they were without the network, uint8 (3, 8 rows, W).

        z: int32 (192, .., W/8) in 1/CENTROID_UNITS of the step, from the row ``first`` of the picture's ``height`` on,
        with one row more than wanted on each side where there is one. y: as of ``synthesis``.
        """
        x_hat = empty((Z1_STRIDE * (rows.stop - rows.start), Z1_STRIDE * z.shape[2], 3), np.uint8).transpose(2, 0, 1)
        unmoved = np.broadcast_to(np.zeros(z.shape[2], np.int16), z.shape)  # columns side by side
        self._lapped.pixels(z, unmoved, first, height, None, y, self.delta(t), rows, x_hat, threads())
        return x_hat

    # ---- pixels --------------------------------------------------------------------------------------

    def pixels(
        self, index: int, given: list[np.ndarray], known: list[np.ndarray], chosen: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p(one sub-lattice of x | x_hat, y, earlier ones), for walk_pixels.

        given: x_hat in 2x2 cells, (12, H/2, W/2), and if tied what the residuals of each cell sum to, (3, H/2, W/2).
        chosen: which set of gains and biases, below Config.pixel_sets.
        Returns means, scale levels and couplings in 1/COUPLING_UNITS, int32 (3, H/2, W/2) each.
        """
        cells, *owed = given
        out = self.run(f"pixels.{index}", [cells - units.PIXEL_OFFSET, *owed, *known], chosen)
        mean, level, coupling = np.split(out.astype(np.int32), 3)
        if owed:
            mean = mean + MEAN_UNITS * (owed[0] - sum(known)) // (len(LATTICE) - index)
        return mean, level, coupling

    @staticmethod
    def follow(mean: np.ndarray, coupling: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """A colour's mean, given the residual of another colour."""
        return mean + (coupling * residual >> FOLLOW_BITS)


def _y_t(y_step: int) -> int:
    """The step that networks of representations are run for."""
    return round((T_FIRST + Y_STEP_PACE * (y_step.bit_length() - 1)) * T_UNITS)


def _folded(v: np.ndarray, pool: int, fold: int) -> np.ndarray:
    """Pixel values, averaged over pool x pool and with fold x fold of these as channels."""
    return space_to_depth(mean_of(v, pool, 1) - units.Y_OFFSET, fold)


def _logarithms(z1: np.ndarray) -> np.ndarray:
    """round(log(1 + |z[1]| / 8)) in 1/HYPER_UNITS, as far as HYPER_LIMIT, int16. z1: float32, columns side by side."""
    if library := clibrary.library():
        h = empty(z1.shape, np.int16)
        told = byref(Source.of(z1)), units.HYPER_UNITS, HYPER_LIMIT, *z1.shape[1:]
        library.selfvae_logarithms(*told, *pointers(h), threads())
        return h
    v = np.abs(z1)
    v /= 8
    np.log1p(v, out=v)
    v *= units.HYPER_UNITS
    v += 0.5
    return np.minimum(v, HYPER_LIMIT, out=v).astype(np.int16)  # rounded down


def rows_of_strip(width: int) -> int:
    """Of blocks, where a row has so many."""
    return max(STRIP, POSITIONS // width)


def strips(first: int, end: int, rows: int = STRIP) -> list[slice]:
    """Rows of blocks, a few at a time: copies of a whole large picture would take gigabytes."""
    return [slice(top, min(top + rows, end)) for top in range(first, end, rows)]
