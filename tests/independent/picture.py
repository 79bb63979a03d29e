"""Section "Synthesis": latents -> a picture."""

from __future__ import annotations

import numpy as np

from .cells import out_of_channels
from .latents import Latents
from .networks import network
from .step_field import rounded


class Synthesis:
    def __init__(self, latents: Latents, plane: int):
        file, weights, field = latents.file, latents.weights, latents.field
        touched = np.s_[:, : file.blocks[0], : file.blocks[1]]
        t = file.step_of(plane)
        self.step = int(weights.table("log3")[t % 256]) * 3 ** (t // 256)  # D, in 1/2^16

        z = field.in_steps(latents.z)[touched]
        blocks = weights.array("transform.inverse_block") @ z.reshape(len(z), -1) >> 14
        told = [field.ends()[touched]] if weights.config["told_field"] else []
        added = network(weights, "synthesis", t)(rounded(z, 2), *told)
        if field.has_map:
            most = field.half_step()[touched]
            added = added.clip(-most, most)
        x = out_of_channels(blocks.reshape(z.shape) + added, 8)
        post_filter = weights.array("transform.post_filter")
        down = _across_borders(x, post_filter)
        self.x = _across_borders(down.swapaxes(1, 2), post_filter).swapaxes(1, 2)

        cell = latents.base_stride
        wide = _upsampled(latents.base, cell)
        whole = _upsampled(wide.swapaxes(1, 2), cell).swapaxes(1, 2)
        self.base = whole[:, : self.x.shape[1], : self.x.shape[2]]  # the page's U, in 1/1024

    def at(self, scale: int) -> np.ndarray:
        """(3, H, W), whole blocks, in 1/scale of a grey level."""
        exact = self.x * self.step + (self.base << 14)  # in 1/2^24
        return rounded(scale * exact, 24).clip(0, 255 * scale)


def _across_borders(x: np.ndarray, post_filter: np.ndarray) -> np.ndarray:
    """The 8 rows around every border between blocks; the outer 4 of the picture stay."""
    C, H, W = x.shape
    between = x[:, 4:-4].reshape(C, H // 8 - 1, 8, W)
    return np.concatenate([x[:, :4], rounded(post_filter @ between, 14).reshape(C, H - 8, W), x[:, -4:]], 1)


def _upsampled(v: np.ndarray, n: int) -> np.ndarray:
    """Bilinearly along the last axis, every cell to n pixels, times 2 n."""
    i = np.arange(n)
    before, after = np.maximum(n - 1 - 2 * i, 0), np.maximum(2 * i + 1 - n, 0)
    own = 2 * n - before - after
    cells = np.pad(v, ((0, 0), (0, 0), (1, 1)), mode="edge")[..., None]
    fine = before * cells[:, :, :-2] + own * cells[:, :, 1:-1] + after * cells[:, :, 2:]
    return fine.reshape(*v.shape[:2], -1)
