"""What decoders would show of a picture, and what is missing there to the eye, before anything is coded.

A plain quantiser and the linear synthesis, without any network, come close enough to what a file will hold to say which
pictures, and which places of one, lose more than others at the same step. What is lost is told as SSIMULACRA2 does it,
by structural similarity (Wang et al. 2004, "Image quality assessment") of light as the eye has it, at several sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..coding import coefficients
from ..coding.latents import Latents
from ..coding.plan import Plan
from ..models.config import Z1_STRIDE
from ..models.exact.inference import DELTA_BITS, Networks
from ..models.exact.integers import from_ycocg
from .analysis import base_of

DEAD = 0.6  # of a step: what is smaller becomes 0
BAND, LEAST_BAND = 16, 5  # rows of blocks that are looked at together, in a cache
SMALLEST = 32  # side of a picture that has all sizes

_CODES = np.arange(256) / 255
LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)  # of sRGB's codes
# the colour space XYB of JPEG XL, which SSIMULACRA2 compares in: what cells of the eye for long, middle and short waves
# take of red, green and blue, and how much they answer to in the dark; and how much more red against green counts
CELLS, DARK, REDNESS = ((0.3, 0.622, 0.078), (0.23, 0.692, 0.078), (0.2434, 0.2048, 0.5518)), 0.0037931, 7.0
LIGHT = np.multiply.outer(CELLS, LINEAR).astype(np.float32)  # of each kind of cells, by colour and code
SIZES = 4  # the picture's own, and three halvings
FADES = 2  # of these, at which contrast is compared
RED_SIZE, BLUE_SIZE = 1, 3  # at which colours are compared
WINDOW_STRIDE = 2  # of windows of 4 x 4
CONTRAST = 9e-4  # variance below which nothing is missed, so that structural similarity does not divide by nothing
Pair = tuple[np.ndarray, np.ndarray]  # of the picture, and of what is shown of it


@dataclass(frozen=True)
class Band:
    """What is missing in some rows, from 0 for nothing: a number for each window, float32 (rows, columns)."""

    structure: list[np.ndarray]  # in brightness, of each size, fine to coarse
    contrast: list[np.ndarray]  # of the first FADES of them
    red: np.ndarray  # structure in red against green, of RED_SIZE
    blue: np.ndarray  # in blue against yellow, of BLUE_SIZE


def missing(nets: Networks, plan: Plan, latents: Latents) -> Iterator[Band]:
    """Top to bottom, of a picture with sides of SMALLEST or more. latents: by this plan."""
    return map(compared, foreseen(nets, plan, latents))


def foreseen(nets: Networks, plan: Plan, latents: Latents) -> Iterator[Pair]:
    """Bands of the picture and what would be shown of them, uint8 (3, rows, W)."""
    assert plan.config.activity_stride is not None
    field = coefficients.field(nets.weights.tables, plan.fall, latents.activity, plan.config.activity_stride)
    base = base_of(from_ycocg(latents.y[-1]) if plan.config.downscales else None, plan)
    t, height = plan.t(plan.planes - 1), plan.rows
    tops = [0, *range(BAND, height - LEAST_BAND + 1, BAND)]
    nothing = np.zeros(plan.columns, np.int8)
    for top, stop in zip(tops, [*tops[1:], height]):
        around = slice(max(top - 1, 0), min(stop + 1, height))
        region = slice(None), around, slice(plan.columns)
        z = field.in_steps(region, latents.z1[region], 2.0**DELTA_BITS / nets.delta(t))
        z += np.copysign(np.float32(1 - DEAD), z)
        symbols = z.astype(np.int16)  # towards 0
        z_hat = field.whole(region, symbols, np.broadcast_to(nothing, symbols.shape))
        shown = nets.linear_synthesis(z_hat, around.start, slice(top, stop), height, base, t)
        x = latents.x[:, Z1_STRIDE * top : Z1_STRIDE * stop]
        yield x, shown[:, : x.shape[1], : x.shape[2]]


def compared(pair: Pair) -> Band:
    """pair: of the same part, uint8 (3, rows, columns), sides of SMALLEST or more."""
    lights = [[_light(side, cells) for cells in LIGHT] for side in pair]
    structure, contrast = [], []
    for size in range(SIZES):
        if size:
            lights = [list(map(_halved, side)) for side in lights]
        seen = [[np.cbrt(light + np.float32(DARK)) for light in side] for side in lights]
        lost, variances = _compared(*((long + middle) / 2 for long, middle, _ in seen))
        structure.append(lost)
        if size < FADES:
            contrast.append(_faded(*variances))
        if size == RED_SIZE:
            red, _ = _compared(*(np.float32(REDNESS) * (long - middle) for long, middle, _ in seen))
        if size == BLUE_SIZE:
            blue, _ = _compared(*(short - (long + middle) / 2 for long, middle, short in seen))
    return Band(structure, contrast, red, blue)


def _light(x: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Linear light that a kind of cells takes, float32 (rows, columns). cells: of LIGHT."""
    red, green, blue = (np.take(codes, plane) for codes, plane in zip(cells, x))
    red += green
    red += blue
    return red


def _pooled(v: np.ndarray) -> np.ndarray:
    """Sums of 2 x 2; an odd side's last ones are left out."""
    rows = v[:-1:2] + v[1::2]
    return rows[:, :-1:2] + rows[:, 1::2]


def _halved(v: np.ndarray) -> np.ndarray:
    return _pooled(v) / 4


def _windows(v: np.ndarray) -> np.ndarray:
    """Means of windows of 4 x 4, WINDOW_STRIDE apart."""
    v = _pooled(v)
    rows = v[:-1] + v[1:]
    return (rows[:, :-1] + rows[:, 1:]) / 16


def _compared(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Of each window, how much structure of x is missing in y, and the variances of both."""
    mean, shown = _windows(x), _windows(y)
    variance, left = _windows(x * x) - mean * mean, _windows(y * y) - shown * shown
    both = _windows(x * y) - mean * shown
    apart = mean - shown
    alike = (1 - apart * apart) * (2 * both + np.float32(CONTRAST)) / (variance + left + np.float32(CONTRAST))
    return np.maximum(1 - alike, 0), (variance, left)


def _faded(variance: np.ndarray, left: np.ndarray) -> np.ndarray:
    """How much less contrast there is than there was."""
    there, shown = (np.sqrt(np.maximum(v, 0)) for v in (variance, left))
    return np.maximum(there - shown, 0)
