"""p(edge map), as a float module for training: sixteen passes over the sub-lattices of 4x4 cells, coarse to fine.

Each pass is a small network of its own that sees the passes before it, the first of them none; it gives the logit of an
edge at every position of its sub-lattice.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..tables import EDGE_LOGIT_MAX
from ..walk import CELLS, walk_lattice
from .layers import Net
from .logistic import LOG2

FIRST_LOGIT = -2.0  # before anything is learned: one position in eight or so holds an edge


class EdgePrior(nn.Module):
    def __init__(self, width: int, blocks: int):
        super().__init__()
        self.passes = nn.ModuleList(Net(1 + index, width, blocks, 1, rows=0).zero_head() for index in range(len(CELLS)))
        for net in self.passes:
            nn.init.constant_(net.head.bias, FIRST_LOGIT)

    def bits(self, edges: Tensor) -> Tensor:
        """Bits of edge maps (B, 1, h, w) of 0 and 1, sides multiples of 4: (B,)."""
        bits = []

        def visit(index, logit):
            i, j = CELLS[index]
            sign = 2 * edges[:, :, i::4, j::4] - 1
            bits.append(F.softplus(-sign * logit).sum((1, 2, 3)) / LOG2)
            return sign

        def prior(index, blank, known, step):
            return (self.passes[index]([blank, *known]).clamp(-EDGE_LOGIT_MAX, EDGE_LOGIT_MAX),)

        walk_lattice(prior, edges.new_zeros(edges[:, :, ::4, ::4].shape), None, visit, CELLS)
        return sum(bits)
