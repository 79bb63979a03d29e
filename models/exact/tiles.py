"""Float runtimes as the codec uses all runtimes: any integers in, int16 out, tile by tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import system
from .layers import ExactNet

TILE = 128  # positions on a side that stay inside caches
LEAST_ROWS = 8  # of a tile that only keeps a thread busy: its halo takes work, too


class Tiled:
    """A network on a runtime that takes and gives float32.

    run(inputs, t): float32 integers (C_i, H, W), none beyond its limit -> float32 integers (O, H', W').
    side_by_side: the runtime has no threads of its own, so that each thread there may be has tiles to run.
    """

    def __init__(self, net: ExactNet, run: Callable, *, side_by_side: bool = False):
        self.net, self._run, self._side_by_side = net, run, side_by_side

    def __call__(self, inputs: list[np.ndarray], t: int, tile: int | None = None) -> np.ndarray:
        """inputs: integers (C_i, H, W), clamped here to the network's limits; t: step in 1/256; tile: a tile's side.

        Tiles have a halo as wide as the network can see, so that all give the same result: int16 (O, H', W').
        """
        parts = np.cumsum([len(i) for i in inputs])[:-1]
        limits = np.split(self.net.input_limits.astype(np.float32)[:, None, None], parts)
        (H, W), radius = inputs[0].shape[1:], self.net.radius
        height = width = tile or TILE
        if self._side_by_side:
            bands = -(-system.threads() * min(width, W) // W)
            height = min(height, max(LEAST_ROWS, -(-H // bands)))
        grow = 2 if self.net.upsample else 1
        out = np.empty((len(self.net.head.bias) // grow**2, H * grow, W * grow), np.int16)

        def one(corner: tuple[int, int]) -> None:
            top, left = corner
            bottom, right = min(top + height, H), min(left + width, W)
            y0, x0 = max(top - radius, 0), max(left - radius, 0)
            seen = np.s_[:, y0 : bottom + radius, x0 : right + radius]
            part = self._run([np.asarray(i[seen], np.float32).clip(-m, m) for i, m in zip(inputs, limits)], t)
            inside = np.s_[:, (top - y0) * grow :, (left - x0) * grow :]
            rows, columns = slice(top * grow, bottom * grow), slice(left * grow, right * grow)
            out[:, rows, columns] = part[inside][:, : (bottom - top) * grow, : (right - left) * grow]

        corners = [(top, left) for top in range(0, H, height) for left in range(0, W, width)]
        if self._side_by_side:
            system.share(one, corners)
        else:
            for corner in corners:
                one(corner)
        return out
