"""Float runtimes as the codec uses all runtimes: any integers in, int16 out, tile by tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .layers import ExactNet

TILE = 128  # positions on a side that stay inside caches


class Tiled:
    """A network on a runtime that takes and gives float32.

    run(inputs, t): float32 integers (C_i, H, W), none beyond its limit -> float32 integers (O, H', W').
    """

    def __init__(self, net: ExactNet, run: Callable):
        self.net, self._run = net, run

    def __call__(self, inputs: list[np.ndarray], t: int, tile: int | None = None) -> np.ndarray:
        """inputs: integers (C_i, H, W), clamped here to the network's limits; t: step in 1/256; tile: a tile's side.

        Tiles have a halo as wide as the network can see, so that all give the same result: int16 (O, H', W').
        """
        parts = np.cumsum([len(i) for i in inputs])[:-1]
        limits = np.split(self.net.input_limits.astype(np.float32)[:, None, None], parts)
        (H, W), tile, radius = inputs[0].shape[1:], tile or TILE, self.net.radius
        grow = 2 if self.net.upsample else 1
        out = np.empty((len(self.net.head.bias) // grow**2, H * grow, W * grow), np.int16)
        for top in range(0, H, tile):
            for left in range(0, W, tile):
                bottom, right = min(top + tile, H), min(left + tile, W)
                y0, x0 = max(top - radius, 0), max(left - radius, 0)
                seen = np.s_[:, y0 : bottom + radius, x0 : right + radius]
                part = self._run([np.asarray(i[seen], np.float32).clip(-m, m) for i, m in zip(inputs, limits)], t)
                inside = np.s_[:, (top - y0) * grow :, (left - x0) * grow :]
                rows, columns = slice(top * grow, bottom * grow), slice(left * grow, right * grow)
                out[:, rows, columns] = part[inside][:, : (bottom - top) * grow, : (right - left) * grow]
        return out
