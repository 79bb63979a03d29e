"""Integer tables that turn means and scale levels into probabilities and reconstructions.

Built once, when weights are exported, and shipped with them: a decoder only looks numbers up. Frequencies are
integers that sum to 2^24 in every row, each at least 1.
"""

from __future__ import annotations

import math

import numpy as np

from .config import FALL_STEP, FALLS, Z1_STRIDE
from .lapped import by_frequency

SCALE_LEVELS = 64
LOG2_SCALE_MIN = math.log2(0.05)
LOG2_SCALE_STEP = 0.15
LOG2_SCALE_MAX = LOG2_SCALE_MIN + LOG2_SCALE_STEP * (SCALE_LEVELS - 1)
MEAN_UNITS = 64  # a mean is a multiple of 1/64 of the step
OFFSET_LIMIT = 4  # tables by offset of the mean from a bin's centre are clamped here
PRECISION = 24  # bits of a frequency table, what constriction's ANS coder uses
TAIL = 127  # symbols further than this from the rounded mean are escaped
ESCAPE = 2 * TAIL + 1
FRACTIONS = 16  # fractional means of the first plane's tables
OFFSETS = 2 * OFFSET_LIMIT * MEAN_UNITS + 1  # offsets of the mean from a bin's centre, in 1/MEAN_UNITS
CENTROID_UNITS = 256  # reconstructions are in 1/256 of a step
EDGE_UNITS = 8  # the logit of an edge is a multiple of 1/8,
EDGE_LOGIT_MAX = 8  # of at most this
SLIGHT_FALLS = 2  # rows of F up to this one are for the squared error
FINER_LOW = (2.5, 1.25)  # frequencies by which steps of coefficients of order 0 and 1 are finer than others, for an eye
AXIAL = 0.3  # frequencies by which steps are coarser for each by which rows and columns differ, for an eye
LEVELLED = 0.5  # frequencies by which all steps are finer, so that they are on average what they are without these
UNSEEN = (0.0, 2.5, 1.0)  # frequencies by which steps of luma, red to blue, green to magenta are coarser, for an eye
FIELD_LIMIT = 24  # |log2 g| of the step field is at most this many LOG2_SCALE_STEPs
GAIN_BITS = 12  # fraction bits of g in tables; products of means and gains stay below 2^31


def scale_values() -> np.ndarray:
    """The SCALE_LEVELS logistic scales, in quantisation steps, float64."""
    return 2.0 ** (LOG2_SCALE_MIN + LOG2_SCALE_STEP * np.arange(SCALE_LEVELS))


def _sigmoid(v: np.ndarray) -> np.ndarray:
    return np.where(v >= 0, 1 / (1 + np.exp(-np.abs(v))), np.exp(-np.abs(v)) / (1 + np.exp(-np.abs(v))))


def _bin_mass(low: np.ndarray, high: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Mass of a logistic of mean 0 between low and high, accurate in both tails."""
    flip = low + high > 0  # use the side where the distribution function is small
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    return _sigmoid(b / scale) - _sigmoid(a / scale)


def to_frequencies(mass: np.ndarray) -> np.ndarray:
    """Round rows of masses (N, A) to integers of at least 1 that sum to 2^PRECISION, uint32."""
    total = 1 << PRECISION
    mass = mass / mass.sum(1, keepdims=True)
    frequencies = np.maximum(1, np.floor(mass * (total - mass.shape[1]))).astype(np.int64)
    frequencies[np.arange(len(mass)), mass.argmax(1)] += total - frequencies.sum(1)
    return frequencies.astype(np.uint32)


def fraction_means() -> np.ndarray:
    """The mean that each fraction stands for, relative to the nearest integer, (FRACTIONS,): that of its multiples."""
    together = MEAN_UNITS // FRACTIONS
    return (together * np.arange(FRACTIONS) + (together - 1) / 2) / MEAN_UNITS - 0.5


def symbol_frequencies(weights=(1.0,), ratios=(1.0,)) -> np.ndarray:
    """First planes, y and z[2]: (SCALE_LEVELS * FRACTIONS, 2 TAIL + 2), the last symbol is the escape.

    Symbol n stands for round(mean) + n - TAIL; fraction f for a mean in the middle of the f-th of FRACTIONS equal parts
    of [round(mean) - 1/2, round(mean) + 1/2).
    weights, ratios: of a mixture of logistics, the latter relative to the scale; one logistic by default.
    """
    mean = np.tile(fraction_means(), SCALE_LEVELS)[:, None]
    edges = np.arange(-TAIL, TAIL + 1) - mean
    mixed = np.zeros((len(mean), 2 * TAIL + 2))
    for weight, ratio in zip(weights, ratios):
        scale = ratio * np.repeat(scale_values(), FRACTIONS)[:, None]
        mixed[:, :-1] += weight * _bin_mass(edges - 0.5, edges + 0.5, scale)
        outside = _sigmoid((-TAIL - 0.5 - mean) / scale) + _sigmoid(-(TAIL + 0.5 - mean) / scale)
        mixed[:, -1:] += weight * outside
    return to_frequencies(mixed)


def digit_frequencies() -> np.ndarray:
    """Ternary digits -1, 0, 1 given the coarser bin: (SCALE_LEVELS * OFFSETS, 3).

    Offset o stands for a mean at (o - OFFSET_LIMIT * MEAN_UNITS) / MEAN_UNITS from the coarser bin's centre.
    """
    scale = np.repeat(scale_values(), OFFSETS)[:, None]
    mean = np.tile((np.arange(OFFSETS) - OFFSET_LIMIT * MEAN_UNITS) / MEAN_UNITS, SCALE_LEVELS)[:, None]
    digits = np.arange(-1, 2) - mean
    mass = _bin_mass(digits - 0.5, digits + 0.5, scale)
    return to_frequencies(np.maximum(mass, 1e-300))


def edge_frequencies() -> np.ndarray:
    """No edge or an edge: (2 * EDGE_LOGIT_MAX * EDGE_UNITS + 1, 2), a row for each logit, in ascending order."""
    limit = EDGE_LOGIT_MAX * EDGE_UNITS
    edge = _sigmoid(np.arange(-limit, limit + 1) / EDGE_UNITS)
    return to_frequencies(np.stack([1 - edge, edge], axis=1))


def truncated_mean(centre: np.ndarray, scale: np.ndarray, half_width: float) -> np.ndarray:
    """E[z | |z - centre| < half_width] - centre for a logistic of mean 0, float64.

    Integrates the density on a fine grid: slow, exact enough for tables (1e-6), with no special cases.
    """
    grid = (np.arange(512) + 0.5) / 512 * 2 * half_width - half_width
    z = np.abs((centre[..., None] + grid) / scale[..., None])
    log_density = -z - 2 * np.log1p(np.exp(-z))
    density = np.exp(log_density - log_density.max(axis=-1, keepdims=True))
    return (density * grid).sum(-1) / density.sum(-1)


def centroid_table() -> np.ndarray:
    """E[z | bin] - centre by (scale level, clamped offset centre - mean in 1/MEAN_UNITS), float64.

    Shape (SCALE_LEVELS, 2 * OFFSET_LIMIT * MEAN_UNITS + 1), for bins of width one.
    """
    offsets = np.arange(-OFFSET_LIMIT * MEAN_UNITS, OFFSET_LIMIT * MEAN_UNITS + 1) / MEAN_UNITS
    rows = [truncated_mean(offsets, np.full_like(offsets, s), 0.5) for s in scale_values()]
    return np.stack(rows)


def field_table(flat: bool) -> np.ndarray:
    """log2 of F, by which steps differ by channel, in LOG2_SCALE_STEP: (FALLS, 192) int8, zeros if ``flat``.

    By the sum of both frequencies. Slight falls treat all colours alike, which serves the squared error. Steeper ones
    are for an eye: finer at the lowest frequencies, coarser along the axes and in what it sees less than luma.
    """
    colour, place = np.divmod(np.array(by_frequency()), Z1_STRIDE**2)
    rows, columns = np.divmod(place, Z1_STRIDE)
    order = rows + columns
    seen = order + AXIAL * np.abs(rows - columns) - LEVELLED + np.array(UNSEEN)[colour]
    for low, finer in enumerate(FINER_LOW):
        seen = seen - finer * (order == low)
    fall = (0.0 if flat else FALL_STEP) * np.arange(FALLS)[:, None]
    by_order = np.where(np.arange(FALLS)[:, None] > SLIGHT_FALLS, seen, order)
    return np.rint(-fall * by_order / LOG2_SCALE_STEP).astype(np.int8)


def gain_table() -> np.ndarray:
    """2^(k LOG2_SCALE_STEP) for k in -FIELD_LIMIT..FIELD_LIMIT, in 1/2^GAIN_BITS, int32."""
    k = np.arange(-FIELD_LIMIT, FIELD_LIMIT + 1)
    return np.rint(2.0 ** (LOG2_SCALE_STEP * k + GAIN_BITS)).astype(np.int32)


def build_tables(weights, ratios, flat: bool = False) -> dict[str, np.ndarray]:
    """All tables by name, as they stand in the weights file.

    weights, ratios: the mixture of pixels. flat: steps are the same for all channels.
    """
    return {
        "symbols": symbol_frequencies(),
        "pixels": symbol_frequencies(weights, ratios),
        "digits": digit_frequencies(),
        "edges": edge_frequencies(),
        "centroids": np.rint(centroid_table() * CENTROID_UNITS).astype(np.int16),
        "fields": field_table(flat),
        "gains": gain_table(),
        "log3": np.rint(3.0 ** (np.arange(256) / 256) * 2**16).astype(np.int32),
    }
