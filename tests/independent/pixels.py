"""Section "Pixels": the exact pixels, as residuals from the picture that the latents give, or raw."""

from __future__ import annotations

import copy
import zlib

import numpy as np

from . import fitted
from .cells import ARRAY_VALUES, SUB_LATTICES, into_channels
from .container import File, Level
from .corrections import Corrections, Neighbours
from .networks import network
from .symbols import Reader
from .weights import Weights

CODED = [1, 0, 2]  # green, red, blue; and from these back to red, green, blue


def is_raw(file: File, level: Level) -> bool:
    return len(level.payload) == file.height * file.width * (1 if file.grey else 3)


def raw(file: File, level: Level) -> np.ndarray:
    """(3, H, W), red, green, blue."""
    assert zlib.crc32(level.payload) & 0xFFFF == level.symbol_check
    coded = np.frombuffer(level.payload, np.uint8).astype(np.int64).reshape(-1, file.height, file.width)
    return np.broadcast_to(coded, (3, file.height, file.width))[CODED]


def read(file: File, weights: Weights, reader: Reader, expected: np.ndarray) -> np.ndarray:
    """expected: x_hat, (3, H, W), red, green, blue, whole blocks. Returns the picture, without padding."""
    sets = weights.config["pixel_sets"]
    which = reader.number((sets - 1).bit_length())
    assert which < sets
    nets = [copy.deepcopy(network(weights, f"pixels.{i}", which)) for i in range(4)]
    corrections: list[Corrections | None] = [None] * 4
    if reader.number(1):
        corrections = [fitted.read(reader, net) for net in nets]

    expected = expected[CODED]
    residuals = np.zeros_like(expected)
    before = [into_channels(expected - 128, 2)]
    for (row, column), net, weighted in zip(SUB_LATTICES, nets, corrections):
        here = residuals[:, row::2, column::2]
        inside = np.s_[:, row : file.height : 2, column : file.width : 2]
        _sub_lattice(reader, net(*before), residuals[inside], expected[inside], weighted, grey=file.grey)
        before.append(here.copy())
    return (expected + residuals).clip(0, 255)[CODED, : file.height, : file.width]


def _sub_lattice(reader, answer, residuals, expected, corrections: Corrections | None, *, grey: bool) -> None:
    """Fills in residuals, green, red and blue of one sub-lattice, without padding."""
    answer = answer[:, : residuals.shape[1], : residuals.shape[2]]
    means, levels, (c, c_blue, c_red) = answer[:3], answer[3:6], answer[6:]
    neighbours = Neighbours.none(residuals.shape)
    for colour in range(3):
        green, red, _ = residuals  # what of them is settled
        if grey and colour:
            residuals[colour] = expected[0] + green - expected[colour]
            continue
        shift = (0, c * green, c_blue * green + c_red * red)[colour]
        mean, level = means[colour] + shift, levels[colour]
        if corrections is None:
            residuals[colour] = _array(reader, mean, level)
            continue
        for quarter, (row, column) in enumerate(SUB_LATTICES):
            cell = np.s_[row::2, column::2]
            plain = mean[cell], level[cell]
            corrected = neighbours.corrected(corrections[quarter, colour], quarter, colour, *plain)
            residuals[colour][cell] = _array(reader, *corrected)
            neighbours.learn(quarter, colour, residuals[colour][cell], *plain)


def _array(reader: Reader, mean: np.ndarray, level: np.ndarray) -> np.ndarray:
    """As many rows together as hold no more than 2^20 values."""
    residuals = np.empty_like(mean)
    rows = max(1, ARRAY_VALUES // max(1, mean.shape[1]))
    for top in range(0, len(mean), rows):
        some = slice(top, top + rows)
        residuals[some] = reader.around(mean[some], level[some], "pixels")
    return residuals
