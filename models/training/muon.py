"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): steps of matrices along all directions alike.

The momentum of a matrix is replaced by the nearest orthogonal matrix, so that no few directions take the whole step. It
is for the 1x1 convolutions of residual blocks; Adam trains the rest. Matrices of one shape are stacked and multiplied
together, since one by one they are too small for a processor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..networks.layers import Block

MOMENTUM = 0.95
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the odd polynomial that takes singular values near 1,
ITERATIONS = 5  # as often
LEAST_NORM = 1e-7  # of momenta far below, as of units that no gradient reaches any more, next to nothing is made
SCALE = 0.2  # makes steps about as long as Adam's, so that both have one rate (Liu et al. 2025, Muon is scalable, 2.2)


def matrices_of(model: nn.Module) -> list[nn.Parameter]:
    """Weights of the 1x1 convolutions within residual blocks."""
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    return [convolution.weight for block in blocks for convolution in (block.expand, block.project)]


class Muon(torch.optim.Optimizer):
    """parameters: of 1x1 convolutions, (O, I, 1, 1); those without a gradient stay.

    As of fused Adam, ``found_inf`` may be set to 1 where gradients are not finite: they count as zeros.
    """

    found_inf: Tensor | float = 0.0

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float = 1e-3):
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            alike = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    alike[weight.shape].append(weight)
            for shape, weights in alike.items():
                updates = self._updates(weights) * (-group["lr"] * SCALE * max(shape[:2]) ** 0.5)
                torch._foreach_add_(weights, list(updates.view(-1, *shape).unbind()))

    def _updates(self, weights: list[nn.Parameter]) -> Tensor:
        """Orthogonal matrices, (N, O, I)."""
        for weight in weights:
            if "momentum" not in self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        momenta = [self.state[weight]["momentum"] for weight in weights]
        gradients = torch.stack([weight.grad.flatten(1) for weight in weights])
        gradients = torch.where(torch.as_tensor(self.found_inf, device=gradients.device) > 0, 0, gradients)
        torch._foreach_lerp_(momenta, list(gradients.view(-1, *momenta[0].shape).unbind()), 1 - MOMENTUM)
        ahead = gradients.lerp(torch.stack([momentum.flatten(1) for momentum in momenta]), MOMENTUM)  # Nesterov
        return orthogonal(ahead)


def orthogonal(matrices: Tensor) -> Tensor:
    """About the nearest orthogonal matrices, singular values in 0.7 to 1.2: (N, O, I) -> (N, O, I)."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.transpose(1, 2)).transpose(1, 2)
    a, b, c = NEWTON_SCHULZ
    m = (matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + LEAST_NORM)).bfloat16()
    for _ in range(ITERATIONS):
        square = m @ m.transpose(1, 2)
        m = a * m + (b * square + c * square @ square) @ m
    return m.float()
