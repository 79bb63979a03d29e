"""A picture <-> the levels of a file. The walk over levels is here once, for encoding, decoding and sampling.

    level 1   u, y[2]        exact 1/32 thumbnail
    level 2   y[1] | y[2]    exact 1/16 thumbnail
    level 3   z[2], z[1]     coarsest plane
    level 4.. z[1]           each plane a third of the step of the one before
    last      x              the exact pixels, in lossless files

Everything that is not read is what the model expects (or a draw from it): coders.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import raw
from .coders import Coder, Expect, Models, Reader, Sample, Writer
from .container import Header, level_names
from .errors import CodecError
from .lookup import offset_index
from .models.backends import networks
from .models.config import PAD, T_LOSSLESS, U_STEP, Y1_STRIDE, Z1_STRIDE, planes_for, y_step_for
from .models.exact import T_UNITS
from .models.inference import DELTA_BITS, UPSAMPLE_BITS, Networks
from .models.integers import from_ycocg, mean_of, space_to_depth, to_ycocg, upsample
from .models.tables import CENTROID_UNITS, MEAN_UNITS
from .models.walk import COLOURS, LATTICE, walk_lattice, walk_pixels, walk_plane

T_WORST, T_BEST = 5.2, 1.25  # log3 of the finest step at quality 0 and 100
SYMBOL_RANGE = 32000  # of z[1]; far beyond what 8-bit pictures reach
DAMAGE_LIMIT = 0.01  # squared error of skipped symbols, mean per coefficient, in steps; 1/12 is the quantiser's own
PART = 1 << 20  # symbols of a plane that are coded together: whole channels, as many as fit, to bound memory
FIRST_LATENT = 2  # index of the first level that holds latents


@dataclass(frozen=True)
class Plan:
    """What a decoder knows before the first level."""

    height: int
    width: int
    step: int  # log3 of the finest step, in 1/256
    planes: int
    y_step: int
    grey: bool = False
    lossless: bool = False

    @property
    def count(self) -> int:
        """Levels of the full stream."""
        return len(level_names(self.planes, self.lossless))

    @property
    def padded(self) -> tuple[int, int]:
        return -(-self.height // PAD) * PAD, -(-self.width // PAD) * PAD

    def t(self, plane: int) -> int:
        """log3 of the step of a plane, in 1/256; plane 0 is the coarsest."""
        return self.step + T_UNITS * (self.planes - 1 - plane)

    @property
    def rows(self) -> int:
        """Rows of 8x8 blocks that touch the picture; those in the padding alone are neither coded nor synthesised."""
        return -(-self.height // Z1_STRIDE)

    @property
    def columns(self) -> int:
        return -(-self.width // Z1_STRIDE)

    @property
    def coded(self) -> tuple[slice, slice, slice]:
        """The part of z[1] that touches the picture."""
        return slice(None), slice(self.rows), slice(self.columns)


def plan_for(height: int, width: int, quality: float, *, grey: bool = False, lossless: bool = False) -> Plan:
    """Lossless files have latents of one step, whatever the quality: the one that makes them smallest."""
    t = T_LOSSLESS if lossless else T_WORST + (T_BEST - T_WORST) * quality / 100
    planes = planes_for(round(T_UNITS * t) / T_UNITS)
    return Plan(height, width, round(T_UNITS * t), planes, y_step_for(t + planes - 1), grey, lossless)


@dataclass(frozen=True)
class Latents:
    """What the encoder knows of a picture: y and u are int32 in YCoCg."""

    u: np.ndarray  # (3, H/64, W/64)
    y2: np.ndarray  # (3, H/32, W/32)
    y1: np.ndarray  # (3, H/16, W/16)
    z1: np.ndarray  # (192, H/8, W/8) float32, before quantisation
    x: np.ndarray  # (3, H, W) uint8, padded


class Walk:
    """One walk over the levels of one picture. ``coders[i]`` settles the symbols of level i + 1."""

    def __init__(self, nets: Networks, plan: Plan, latents: Latents | None = None):
        self.nets, self.plan, self.latents = nets, plan, latents
        self.symbols: np.ndarray | None = None  # of the last plane walked, (192, H/8, W/8) int32
        self.x: np.ndarray | None = None  # the exact pixels, uint8 (3, H, W)

    def thumbnail(self, ycocg: np.ndarray) -> np.ndarray:
        """Pixel values of a representation, (3, h, w) int32."""
        return (from_ycocg(ycocg) * self.plan.y_step).clip(0, 256)

    def first(self, coder: Coder) -> None:
        """Level 1: u and y[2]."""
        H, W = self.plan.padded
        y_row = 3 * (self.plan.y_step.bit_length() - 1)
        rows = np.broadcast_to((y_row + np.arange(3))[:, None, None], (3, H // 64, W // 64))
        u = coder.u(rows, self.latents and self.latents.u)
        self.y2 = self._lattice("y2_prior", u * U_STEP, coder, self.latents and self.latents.y2)

    def second(self, coder: Coder) -> None:
        """Level 2: y[1]."""
        self.y1 = self._lattice("y1_prior", self.y2, coder, self.latents and self.latents.y1)
        self.y_pixels = self.thumbnail(self.y1)

    def _lattice(self, name: str, parent: np.ndarray, coder: Coder, actual: np.ndarray | None) -> np.ndarray:
        def visit(index, mean, level):
            i, j = LATTICE[index]
            return coder.symbols(mean, level, None if actual is None else actual[:, i::2, j::2])

        return self.nets.interleave(walk_lattice(self.nets.lattice_prior(name), parent, self.plan.y_step, visit))

    def plane(self, k: int, coder: Coder) -> None:
        """Level 3 + k: plane k of z[1], with z[2] before the first."""
        t = self.plan.t(k)
        if k == 0:
            self._z2(coder)
        coarse = self.symbols
        wanted = None if self.latents is None else self._in_steps(t)
        _, rows, columns = self.plan.coded
        shape = (192, *(2 * n for n in self.y_pixels.shape[1:]))
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
        z2 = coder.symbols(*self.nets.z2_prior(self.y_pixels, t), actual)
        self.context = self.nets.context(z2, self.y_pixels, t)

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
        x_hat = self.nets.synthesis(self.z[plan.coded], self.y_pixels, t)[COLOURS].astype(np.int16)
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
            x = self.nets.synthesis(self.z[self.plan.coded], self.y_pixels, self.plan.t(k))
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
    backend: str = "auto",
) -> EncodedLevels:
    """The levels of a picture.

    x: uint8 (H, W, 3), three equal channels if ``grey``; quality: 0 to 100; levels: how many to write, 1 or more, all
    without it; lossless: whether the exact pixels are the last of them. Raises CodecError for ``levels`` beyond what
    there is.
    """
    nets = networks(None, backend)
    plan = plan_for(*x.shape[:2], quality, grey=grey, lossless=lossless)
    if levels is not None and not 1 <= levels <= plan.count:
        kind = "a lossless file has" if lossless else f"at quality {quality:g} a file has"
        raise CodecError(f"levels={levels} is out of range: {kind} 1 to {plan.count} levels")
    plan, written = _smallest(nets, plan, x, levels or plan.count)
    payloads, checks = zip(*written)
    return EncodedLevels(list(payloads), list(checks), plan.step, plan.planes, plan.y_step, nets.weights.model_id)


def likelihoods(x: np.ndarray, *, quality: float, lossless: bool = False, backend: str = "auto") -> np.ndarray:
    """Probability of every symbol that ``encode_levels`` codes, (N,) float64: the model's own count of bits."""
    nets = networks(None, backend)
    plan = plan_for(*x.shape[:2], quality, lossless=lossless)
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
        coarse = replace(plan_for(plan.height, plan.width, 0), grey=plan.grey, lossless=True)
        plans.append((coarse, written(coarse, coarse.count)))
    return min(plans, key=_size)


def _size(planned: tuple[Plan, list[tuple[bytes, int]]]) -> int:
    return sum(len(payload) for payload, _ in planned[1])


def _write(nets: Networks, plan: Plan, x: np.ndarray, count: int) -> list[Writer]:
    """Walk the first ``count`` levels, writing each."""
    walk = Walk(nets, plan, analyse(nets, plan, x, latents=count > FIRST_LATENT))
    models = _models(nets)
    return [_write_level(walk, models, index) for index in range(count)]


def analyse(nets: Networks, plan: Plan, x: np.ndarray, *, latents: bool = True) -> Latents:
    """Everything that the encoder may code. Without ``latents``, z[1] stays empty."""
    H, W = plan.padded
    x = np.pad(x, ((0, H - plan.height), (0, W - plan.width), (0, 0)), mode="edge").transpose(2, 0, 1)
    y1 = mean_of(x, Y1_STRIDE, plan.y_step)
    y2 = to_ycocg(mean_of(y1, 2, 1))
    z1 = np.zeros((192, H // Z1_STRIDE, W // Z1_STRIDE) if latents else 0, np.float32)
    if latents:
        residual = x.astype(np.float32) * 2**UPSAMPLE_BITS - upsample((y1 * plan.y_step).clip(0, 256))
        z1[plan.coded] = nets.analysis(residual[:, : plan.rows * Z1_STRIDE, : plan.columns * Z1_STRIDE])
    return Latents(mean_of(y2, 2, U_STEP), y2, to_ycocg(y1), z1, x)


def _walk_level(walk: Walk, index: int, coder: Coder) -> None:
    if index == 0:
        walk.first(coder)
    elif index == 1:
        walk.second(coder)
    elif index < FIRST_LATENT + walk.plan.planes:
        walk.plane(index - FIRST_LATENT, coder)
    else:
        walk.pixels(coder)


def _write_level(walk: Walk, models: Models, index: int) -> Writer:
    """Walk one level. Near-certain symbols are skipped unless the picture defies the model (text, noise)."""
    before = walk.symbols
    plane = index - FIRST_LATENT
    latents = 0 <= plane < walk.plan.planes
    finer = walk.plan.planes - 1 - plane if latents else None
    writer = Writer(models, skip=latents, finer=finer)
    _walk_level(walk, index, writer)
    if writer.skip and writer.damage > DAMAGE_LIMIT * walk.symbols[walk.plan.coded].size:
        walk.symbols = before
        writer = Writer(models, skip=False, finer=finer)
        _walk_level(walk, index, writer)
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
    read = min(len(payloads), FIRST_LATENT + walk.plan.planes)
    last = walk.plan.planes - 1 if sample is not None else max(0, read - FIRST_LATENT - 1)
    for index in range(len(payloads), FIRST_LATENT + last + 1):
        _walk_level(walk, index, missing)
    return walk.picture(last)


def representation(header: Header, payloads: list[bytes], backend: str = "auto") -> np.ndarray:
    """The exact thumbnail that the last representation among the payloads holds, uint8 (h, w, 3)."""
    walk, _ = _read(header, payloads[:FIRST_LATENT], backend)
    y, stride = (walk.y1, Y1_STRIDE) if len(payloads) > 1 else (walk.y2, 2 * Y1_STRIDE)
    height, width = -(-header.height // stride), -(-header.width // stride)
    return walk.thumbnail(y).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)[:height, :width]


def _read(header: Header, payloads: list[bytes], backend: str) -> tuple[Walk, Models]:
    """Walk the levels that are there."""
    nets = networks(header.model_id, backend)
    models = _models(nets)
    plan = Plan(header.height, header.width, header.step, header.planes, header.y_step, header.grey, header.lossless)
    walk = Walk(nets, plan)
    for index, (payload, level) in enumerate(zip(payloads, header.levels)):
        if index == FIRST_LATENT + plan.planes and raw.is_raw(payload):
            walk.x = raw.unpack(payload, plan.height, plan.width, plan.grey).transpose(2, 0, 1)
            continue
        reader = Reader(models, payload, level.symbol_check, f"{level.index} ({level.name})")
        _walk_level(walk, index, reader)
        reader.finish()
    return walk, models


def _models(nets: Networks) -> Models:
    if not hasattr(nets, "models"):
        nets.models = Models(nets.weights.tables)
    return nets.models
