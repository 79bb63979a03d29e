"""The axis of quantisation steps, t = log3(D), as float modules see it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..config import T_COARSEST, T_FINEST, T_FIRST, Y_STEP_PACE, y_step_for

KNOTS_PER_SEGMENT = 4  # knots of the piecewise linear step conditioning, for refining and for first planes
STEP_ROWS = 2 * KNOTS_PER_SEGMENT


def step_weights(t: Tensor) -> Tensor:
    """Interpolation weights of the step conditioning.

    t: (B,) log3 of the step. Returns (B, STEP_ROWS) with two non-zero entries a row. Refining planes
    (t < T_FIRST) and first planes use separate knots, since their distributions differ in kind.
    """
    first = t >= T_FIRST
    low = torch.full_like(t, T_FINEST).masked_fill(first, T_FIRST)
    high = torch.full_like(t, T_FIRST).masked_fill(first, T_COARSEST)
    position = ((t - low) / (high - low)).clamp(0, 1) * (KNOTS_PER_SEGMENT - 1)
    knots = torch.arange(KNOTS_PER_SEGMENT, device=t.device, dtype=t.dtype)
    hat = (1 - (position[:, None] - knots).abs()).clamp(min=0)  # (B, KNOTS_PER_SEGMENT)
    return torch.cat([hat * ~first[:, None], hat * first[:, None]], dim=1)


def step_knots() -> Tensor:
    """t at every row of the step conditioning, (STEP_ROWS,)."""
    return torch.cat(
        [
            torch.linspace(T_FINEST, T_FIRST, KNOTS_PER_SEGMENT),
            torch.linspace(T_FIRST, T_COARSEST, KNOTS_PER_SEGMENT),
        ]
    )


def y_step_weights(y_step: Tensor) -> Tensor:
    """The same for priors of representations: their steps, (B,) in Y_STEPS, spread over the knots of first planes."""
    return step_weights(T_FIRST + Y_STEP_PACE * y_step.log2())


def first_plane(t: Tensor) -> Tensor:
    """log3 of the step of the coarsest plane above one at t."""
    return t + torch.ceil(T_FIRST - t).clamp(min=0)


def y_steps(t: Tensor) -> Tensor:
    """Quantisation step of the representations of files that hold planes at t, (B,) float."""
    return torch.tensor([float(y_step_for(v)) for v in first_plane(t).tolist()])
