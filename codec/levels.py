"""A picture <-> the levels of a file. The walk over levels is here once, for encoding, decoding and sampling.

    level 1      u, y[K]        the coarsest representation, an exact 1/32 thumbnail
    ...          y[k] | y[k+1]  the other representations: an exact 1/16 thumbnail
    level K + 1  z[2], z[1]     coarsest plane
    ...          z[1]           each plane a third of the step of the one before
    last         x              the exact pixels, in lossless files

The configuration names the representations; the default model has the K = 2 that are described here.
Everything that is not read is what the model expects (or a draw from it): coders.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import raw
from .analysis import Latents, analyse
from .coders import Coder, Expect, Models, Reader, Sample, Writer
from .container import Header
from .entropy import Encoder
from .errors import CodecError
from .lookup import offset_index
from .models import units
from .models.backends import networks
from .models.config import U_STEP, Z1_STRIDE
from .models.inference import DELTA_BITS, Networks
from .models.integers import from_ycocg, space_to_depth
from .models.tables import CENTROID_UNITS, MEAN_UNITS
from .models.walk import CELLS, COLOURS, LATTICE, walk_lattice, walk_pixels, walk_plane
from .plan import Plan, plan_for

SYMBOL_RANGE = 32000  # of z[1]; far beyond what 8-bit pictures reach
DAMAGE_LIMIT = 0.01  # squared error of skipped symbols, mean per coefficient, in steps; 1/12 is the quantiser's own
PART = 1 << 20  # symbols of a plane that are coded together: whole channels, as many as fit, to bound memory


class Walk:
    """One walk over the levels of one picture. A coder settles the symbols of each level."""

    def __init__(self, nets: Networks, plan: Plan, latents: Latents | None = None):
        self.nets, self.plan, self.latents = nets, plan, latents
        self.y: list[np.ndarray] = []  # representations, coarse to fine, int32; downscales in YCoCg
        self.symbols: np.ndarray | None = None  # of the last plane walked, (192, H/8, W/8) int32
        self.x: np.ndarray | None = None  # the exact pixels, uint8 (3, H, W)

    def representation(self, k: int, coder: Coder) -> None:
        """Level k + 1: a representation, with u before the coarsest downscale."""
        config, actual = self.plan.config, self.latents and self.latents.y[k]
        if config.representations[k][0] == "edge":
            self.y[k:] = [self._edges(coder, actual)]
        else:
            parent = self._u(coder) * U_STEP if k == config.top else self.y[k - 1]
            self.y[k:] = [self._lattice(config.prior_name(k), parent, coder, actual)]

    def _u(self, coder: Coder) -> np.ndarray:
        first_row = 3 * (self.plan.y_step.bit_length() - 1)
        rows = (first_row + np.arange(3))[:, None, None]
        height, width = (side // (2 * self.plan.config.downscales[0]) for side in self.plan.padded)
        return coder.u(np.broadcast_to(rows, (3, height, width)), self.latents and self.latents.u)

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

    def _lattice(self, name: str, parent: np.ndarray, coder: Coder, actual: np.ndarray | None) -> np.ndarray:
        def visit(index, mean, level):
            i, j = LATTICE[index]
            return coder.symbols(mean, level, None if actual is None else actual[:, i::2, j::2])

        return self.nets.interleave(walk_lattice(self.nets.lattice_prior(name), parent, self.plan.y_step, visit))

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

    def plane(self, k: int, coder: Coder) -> None:
        """Level 3 + k: plane k of z[1], with z[2] before the first."""
        t = self.plan.t(k)
        if k == 0:
            self.conditions = self._conditions()
            self._z2(coder)
        coarse = self.symbols
        wanted = None if self.latents is None else self._in_steps(t)
        _, rows, columns = self.plan.coded
        shape = (192, *(side // Z1_STRIDE for side in self.plan.padded))
        self.symbols = np.zeros(shape, np.int32)
        self.z = np.zeros(shape, np.int32)  # E[z | all that was settled], in 1/CENTROID_UNITS of the step
        starts = np.cumsum([0, *self.nets.config.groups])

        def settle(region, mean, level):
            height, width = self.symbols[region].shape[1:]
            mean, level = mean[:, :height, :width], level[:, :height, :width]
            z = None if wanted is None else wanted[region]
            if coarse is None:
                symbols = coder.symbols(mean, level, z)
            else:
                centre = 3 * coarse[region]
                symbols = centre + coder.digits(mean, level, None if z is None else z - centre)
                mean = mean + MEAN_UNITS * centre
            self.symbols[region] = symbols
            self.z[region] = self._expectation(coder, symbols, mean, level)

        def visit(group, sub_lattice, mean, level):
            (i, j), stride = ((0, 0), 1) if sub_lattice is None else (LATTICE[sub_lattice], 2)
            size = max(1, PART // mean[0].size)
            for first in range(0, len(mean), size):
                part = slice(first, min(first + size, len(mean)))
                channels = slice(starts[group] + part.start, starts[group] + part.stop)
                region = (channels, slice(i, rows.stop, stride), slice(j, columns.stop, stride))
                settle(region, mean[part], level[part])
            return self.symbols[starts[group] : starts[group + 1], i::stride, j::stride]

        walk_plane(self.nets, self.context, coarse, t, visit)

    def _z2(self, coder: Coder) -> None:
        t = self.plan.t(0)
        actual = None if self.latents is None else self.nets.hyper_analysis(self.latents.z1, t)
        z2 = coder.symbols(*self.nets.z2_prior(self.conditions, t), actual)
        self.context = self.nets.context(z2, self.conditions, t)

    def _in_steps(self, t: int) -> np.ndarray:
        """z[1] in the steps of a plane. Planes nest: rounding a coarser one is rounding the rounded finer one."""
        return (self.latents.z1 * (2.0**DELTA_BITS / self.nets.delta(t))).clip(-SYMBOL_RANGE, SYMBOL_RANGE)

    def _expectation(self, coder: Coder, symbols: np.ndarray, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
        """z_hat = E[z | what was read], in 1/CENTROID_UNITS: the prior's mean, inside the interval if one was read."""
        if isinstance(coder, Expect):
            return mean * (CENTROID_UNITS // MEAN_UNITS)
        table = self.nets.weights.tables["centroids"]
        return symbols * CENTROID_UNITS + table[level, offset_index(symbols * MEAN_UNITS - mean)]

    def pixels(self, coder: Coder) -> None:
        """Last level: x, as residuals to x_hat; outside the picture they are 0. Grey pictures code green alone."""
        plan, t = self.plan, self.plan.t(self.plan.planes - 1)
        x_hat = self.nets.synthesis(self.z[plan.coded], self.conditions[-1], t)[COLOURS].astype(np.int16)
        actual = None if self.latents is None else self.latents.x[COLOURS, : x_hat.shape[1], : x_hat.shape[2]] - x_hat
        residual = np.zeros_like(x_hat)

        def visit(index, colour, mean, level):
            i, j = LATTICE[index]
            inside = (slice(colour, colour + 1), slice(i, plan.height, 2), slice(j, plan.width, 2))
            height, width = residual[inside].shape[1:]
            if plan.grey and colour:
                green = (slice(0, 1), *inside[1:])
                residual[inside] = x_hat[green] + residual[green] - x_hat[inside]
            else:
                rows = max(1, PART // max(1, width))
                for top in range(0, height, rows):
                    part = (slice(None), slice(top, min(top + rows, height)), slice(width))
                    wanted = None if actual is None else actual[inside][part]
                    residual[inside][part] = coder.pixels(mean[part], level[part], wanted)
            return residual[colour : colour + 1, i::2, j::2]

        walk_pixels(self.nets, space_to_depth(x_hat, 2), t, visit, np.concatenate)
        self.x = (x_hat + residual).clip(0, 255).astype(np.uint8)[COLOURS]

    def picture(self, k: int) -> np.ndarray:
        """The picture after plane k, or the exact one if that was walked, uint8 (H, W, 3)."""
        x = self.x
        if x is None:
            x = self.nets.synthesis(self.z[self.plan.coded], self.conditions[-1], self.plan.t(k))
        return np.ascontiguousarray(x.transpose(1, 2, 0)[: self.plan.height, : self.plan.width])


@dataclass(frozen=True)
class EncodedLevels:
    payloads: list[bytes]
    symbol_checks: list[int]
    step: int
    planes: int
    y_step: int
    model_id: bytes


def encode_levels(
    x: np.ndarray,
    *,
    quality: float,
    levels: int | None = None,
    grey: bool = False,
    lossless: bool = False,
    model: str | None = None,
    backend: str = "auto",
) -> EncodedLevels:
    """The levels of a picture.

    x: uint8 (H, W, 3), three equal channels if ``grey``; quality: 0 to 100; levels: how many to write, 1 or more, all
    without it; lossless: whether the exact pixels are the last of them; model: its name, the default one without it.
    Raises CodecError for ``levels`` beyond what there is, WeightsError for a model that is not installed.
    """
    nets = networks(model, backend)
    plan = plan_for(*x.shape[:2], quality, grey=grey, lossless=lossless, config=nets.config)
    if levels is not None and not 1 <= levels <= plan.count:
        kind = "a lossless file has" if lossless else f"at quality {quality:g} a file has"
        raise CodecError(f"levels={levels} is out of range: {kind} 1 to {plan.count} levels")
    plan, written = _smallest(nets, plan, x, levels or plan.count)
    payloads, checks = zip(*written)
    return EncodedLevels(list(payloads), list(checks), plan.step, plan.planes, plan.y_step, nets.weights.model_id)


def likelihoods(x: np.ndarray, *, quality: float, lossless: bool = False, backend: str = "auto") -> np.ndarray:
    """Probability of every symbol that ``encode_levels`` codes, (N,) float64: the model's own count of bits."""
    nets = networks(None, backend)
    plan = plan_for(*x.shape[:2], quality, lossless=lossless, config=nets.config)
    return np.concatenate([w.likelihoods() for w in _write(nets, plan, x, plan.count)])


def _smallest(nets: Networks, plan: Plan, x: np.ndarray, count: int) -> tuple[Plan, list[tuple[bytes, int]]]:
    """The plan, and payload and check of each of the first ``count`` levels.

    Of noise, latents are dear and make no pixel cheaper: a whole lossless file that would be larger than the pixels
    themselves has latents of the coarsest step instead.
    """
    whole = plan.lossless and count == plan.count
    pixels = raw.pack(x, plan.grey) if whole else b""

    def written(plan: Plan, count: int) -> list[tuple[bytes, int]]:
        levels = [(writer.finish(), writer.check) for writer in _write(nets, plan, x, count)]
        if whole and len(levels[-1][0]) > len(pixels):
            levels[-1] = (pixels, raw.check(pixels))
        return levels

    plans = [(plan, written(plan, count))]
    if whole and _size(plans[0]) > len(pixels):
        coarse = replace(plan_for(plan.height, plan.width, 0, config=plan.config), grey=plan.grey, lossless=True)
        plans.append((coarse, written(coarse, coarse.count)))
    return min(plans, key=_size)


def _size(planned: tuple[Plan, list[tuple[bytes, int]]]) -> int:
    return sum(len(payload) for payload, _ in planned[1])


def _write(nets: Networks, plan: Plan, x: np.ndarray, count: int) -> list[Writer]:
    """Walk the first ``count`` levels, writing each."""
    walk = Walk(nets, plan, analyse(nets, plan, x, latents=count > plan.first_latent))
    models = models_of(nets)
    return [write_level(walk, models, index) for index in range(count)]


def walk_level(walk: Walk, index: int, coder: Coder) -> None:
    """Let a coder settle all symbols of level index + 1."""
    plane = index - walk.plan.first_latent
    if plane < 0:
        walk.representation(index, coder)
    elif plane < walk.plan.planes:
        walk.plane(plane, coder)
    else:
        walk.pixels(coder)


def write_level(walk: Walk, models: Models, index: int) -> Writer:
    """Walk one level. Near-certain symbols are skipped unless the picture defies the model (text, noise)."""
    before = walk.symbols
    plane = index - walk.plan.first_latent
    latents = 0 <= plane < walk.plan.planes
    finer = walk.plan.planes - 1 - plane if latents else None
    writer = Writer(models, skip=latents, finer=finer)
    walk_level(walk, index, writer)
    if writer.skip and writer.damage > DAMAGE_LIMIT * walk.symbols[walk.plan.coded].size:
        walk.symbols = before
        writer = Writer(models, skip=False, finer=finer)
        walk_level(walk, index, writer)
    return writer


def write_plainly(walk: Walk, models: Models, index: int, encoder: Encoder | None = None) -> Writer:
    """Walk one level, its latents rounded and nothing left out, into a stream of its own or one that goes on."""
    writer = Writer(models, skip=False, finer=None, encoder=encoder)
    walk_level(walk, index, writer)
    return writer


def decode_levels(
    header: Header, payloads: list[bytes], *, sample: int | None = None, backend: str = "auto"
) -> np.ndarray:
    """The picture, uint8 (H, W, 3), from the levels given: all, or the first few.

    sample: seed to draw what was not read, in place of expecting it. Raises MismatchError when a level decodes
    to other symbols than were encoded, UnknownModelError for a model that is not installed.
    """
    walk, models = _read(header, payloads, backend)
    missing: Coder = Expect(models) if sample is None else Sample(models, sample)
    first = walk.plan.first_latent
    read = min(len(payloads), first + walk.plan.planes)
    last = walk.plan.planes - 1 if sample is not None else max(0, read - first - 1)
    for index in range(len(payloads), first + last + 1):
        walk_level(walk, index, missing)
    return walk.picture(last)


def representation(header: Header, payloads: list[bytes], backend: str = "auto") -> np.ndarray:
    """The last representation among the payloads as an exact picture, uint8 (h, w, 3)."""
    config = networks(header.model_id, backend).config
    walk, _ = _read(header, payloads[: len(config.representations)], backend)
    _, stride = config.representations[len(walk.y) - 1]
    height, width = -(-header.height // stride), -(-header.width // stride)
    return walk.thumbnail(len(walk.y) - 1).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)[:height, :width]


def _read(header: Header, payloads: list[bytes], backend: str) -> tuple[Walk, Models]:
    """Walk the levels that are there."""
    nets = networks(header.model_id, backend)
    fields = (header.height, header.width, header.step, header.planes, header.y_step, header.grey, header.lossless)
    walk = Walk(nets, Plan(*fields, nets.config))
    for index, (payload, level) in enumerate(zip(payloads, header.levels)):
        read_level(walk, index, payload, level.symbol_check, f"{level.index} ({level.name})")
    return walk, models_of(nets)


def read_level(walk: Walk, index: int, payload: bytes, check: int, name: str) -> None:
    """Walk one level of a stream. Raises ChecksumError, MismatchError for a payload that is not this level's."""
    plan = walk.plan
    if index == plan.first_latent + plan.planes and raw.is_raw(payload):
        walk.x = raw.unpack(payload, plan.height, plan.width, plan.grey).transpose(2, 0, 1)
        return
    reader = Reader(models_of(walk.nets), payload, check, name)
    walk_level(walk, index, reader)
    reader.finish()


def models_of(nets: Networks) -> Models:
    """The tables of these networks, ready for coders; made once."""
    if not hasattr(nets, "models"):
        nets.models = Models(nets.weights.tables)
    return nets.models
