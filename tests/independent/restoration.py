"""Section "Restoration": what is shown of lossy files' planes, moved towards what was encoded."""

from __future__ import annotations

import numpy as np

from .picture import Synthesis
from .step_field import rounded
from .symbols import Reader
from .weights import restoration_tables

NEAR = [(0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)]
AROUND = NEAR + [(1, 2), (2, 1), (1, -2), (2, -1), (2, 2), (2, -2), (0, 3), (3, 0)]
AROUND += [(1, 3), (3, 1), (1, -3), (3, -1), (0, 4), (4, 0)]
FAR = 4  # the most that a place is away
SIXTEENTHS, UNLIMITED = 16, None

# Of each plane of colour, in order: of which plane its differences are, by which places, and the limit's n.
DIFFERENCES = [[(0, AROUND, 46), (0, AROUND, 154), (0, NEAR, 461), (0, NEAR, UNLIMITED)]]
for own, limit in ((1, 63), (2, 109)):
    DIFFERENCES.append([(own, NEAR, limit), (own, NEAR, UNLIMITED), (0, NEAR, 77), (0, NEAR, UNLIMITED)])

Restoration = list[np.ndarray | None]  # weights of the differences of P0, P1 and P2, None where one stays


def read(reader: Reader) -> Restoration | None:
    return [_weights(reader, plane) for plane in range(3)] if reader.number(1) else None


def _weights(reader: Reader, plane: int) -> np.ndarray | None:
    if not reader.number(1):
        return None
    s, level = reader.number(4), reader.number(6)
    levels, directions, shifts = (
        restoration_tables()[f"P{plane}.{name}"] for name in ("levels", "directions", "shifts")
    )
    q = reader.around_zero((level + levels).clip(0, 63))
    return rounded(directions @ (q << (shifts + s)), 7)


def restored(synthesis: Synthesis, restoration: Restoration) -> np.ndarray:
    """(3, H, W), in sixteenths of a grey level."""
    red, green, blue = synthesis.at(SIXTEENTHS)
    planes = [red + green + blue, red - blue, red - 2 * green + blue]
    m0, m1, m2 = (
        0 if weights is None else _movement(planes, DIFFERENCES[plane], weights, synthesis.step)
        for plane, weights in enumerate(restoration)
    )
    moves = [2 * m0 + 3 * m1 + m2, 2 * m0 - 2 * m2, 2 * m0 - 3 * m1 + m2]
    moved = [colour + rounded(10923 * move, 16) for colour, move in zip((red, green, blue), moves)]
    return np.stack(moved).clip(0, 255 * SIXTEENTHS)


def _movement(planes: list[np.ndarray], differences: list, weights: np.ndarray, step: int) -> np.ndarray:
    H, W = planes[0].shape
    movement, weight = np.zeros((H, W), np.int64), iter(weights)
    for plane, places, n in differences:
        most = 4095 if n is UNLIMITED else min(max(16 * n * step >> 24, 1), 8191)
        whole = np.pad(planes[plane], FAR, mode="edge")
        for i, j in places:
            ahead, behind = (
                whole[FAR + row : FAR + row + H, FAR + column : FAR + column + W] - planes[plane]
                for row, column in ((i, j), (-i, -j))
            )
            movement += rounded(next(weight) * (ahead.clip(-most, most) + behind.clip(-most, most)), 15)
    return movement
