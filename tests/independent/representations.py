"""Levels 1 and 2: u, y[2] and y[1] in YCoCg-R, or an edge map ("Order", "u", "Edges")."""

from __future__ import annotations

import numpy as np

from .cells import SUB_LATTICES
from .container import File
from .networks import network
from .symbols import Expectation, Reader
from .weights import Weights

EDGE_CELLS = [(2 * i + a, 2 * j + b) for a, b in SUB_LATTICES for i, j in SUB_LATTICES]  # of 4x4 cells


class Representations:
    def __init__(self, file: File, weights: Weights):
        assert not weights.config.get("y_coupled"), "no model that ships couples its downscales"
        self.file, self.weights = file, weights
        self.strides = [stride for kind, stride in weights.config["representations"] if kind != "activity"]
        self.has_edges = weights.config["representations"][0][0] == "edge"
        self.log2_y_step = file.y_step.bit_length() - 1
        self.t = 688 + 180 * self.log2_y_step
        self.edges: np.ndarray | None = None  # (1, H, W)
        self.y: np.ndarray | None = None  # the last one settled, (3, H, W)

    def settle(self, index: int, coder: Reader | Expectation) -> None:
        """index: 0 and 1, for levels 1 and 2."""
        height, width = (side // self.strides[index] for side in self.file.padded)
        if self.has_edges and index == 0:
            self.edges = self._edges(coder, height, width)
            return
        parent = 8 * self._u(coder, height // 2, width // 2) if self.y is None else self.y
        self.y = self._in_sub_lattices(coder, f"y{2 - index}_prior", parent, height, width)

    def rgb(self) -> np.ndarray:
        """y as pixel values, (3, H, W): YCoCg-R backwards."""
        luma, orange, green = self.y
        rest = luma - (green >> 1)
        blue = rest - (orange >> 1)
        return self.file.y_step * np.stack([blue + orange, green + rest, blue])

    def _u(self, coder: Reader | Expectation, height: int, width: int) -> np.ndarray:
        scales = [(height, width)]
        while scales[-1] != (1, 1):
            scales.append(tuple(-(-side // 2) for side in scales[-1]))
        mean, level = self.weights.table("u")[self.log2_y_step][..., None, None]
        u = coder.around(mean, level)
        for height, width in reversed(scales[:-1]):
            u = self._in_sub_lattices(coder, "u_prior", u, height, width)
        return u

    def _in_sub_lattices(self, coder, name: str, parent: np.ndarray, height: int, width: int) -> np.ndarray:
        """An array of twice the parent's sides, less one where those are odd."""
        whole = np.zeros((3, height, width), np.int64)
        before: list[np.ndarray] = []
        for i, (row, column) in enumerate(SUB_LATTICES):
            answer = network(self.weights, f"{name}.{i}", self.t)(parent, *(known - parent for known in before))
            here = whole[:, row::2, column::2]
            inside = np.s_[:, : here.shape[1], : here.shape[2]]
            mean = answer[:3] + 64 * (4 * parent - sum(before)) // (4 - i)
            here[:] = coder.around(mean[inside], answer[3:][inside])
            # Beyond an odd side networks see the parent.
            known = parent.copy()
            known[inside] = here
            before.append(known)
        return whole

    def _edges(self, coder: Reader, height: int, width: int) -> np.ndarray:
        edges = np.zeros((1, height, width), np.int64)
        nothing = np.zeros((1, height // 4, width // 4), np.int64)
        before: list[np.ndarray] = []
        for i, (row, column) in enumerate(EDGE_CELLS):
            here = coder.edges(network(self.weights, f"edge_prior.{i}", 0)(nothing, *before))
            edges[:, row::4, column::4] = here
            before.append(2 * here - 1)
        return edges
