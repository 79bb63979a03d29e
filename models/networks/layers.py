"""Float building blocks for training. Every layer here has an exact integer counterpart in exact/layers.py.

Only 1x1 and depthwise 3x3 convolutions, clamps and pixel (un)shuffles: what integer arithmetic in float32
can carry without rounding (exact/layers.py says why).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .steps import STEP_ROWS


class Pointwise(nn.Conv2d):
    """1x1 convolution, (B, I, H, W) -> (B, O, H, W), as one matrix product in the precision of its input."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1).to(x.dtype), self.bias.to(x.dtype))
        return y.permute(0, 3, 1, 2)


class Depthwise(nn.Conv2d):
    """3x3 convolution of each channel alone, (B, C, H, W), in the precision of its input."""

    def __init__(self, width: int):
        super().__init__(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype), padding=1, groups=self.groups)


class Block(nn.Module):
    """Residual block: 1x1, gain and bias by row, ReLU, depthwise 3x3, ReLU, 1x1."""

    def __init__(self, width: int, rows: int = STEP_ROWS):
        super().__init__()
        self.expand = Pointwise(width, width)
        self.spatial = Depthwise(width)
        self.project = Pointwise(width, width)
        if rows:
            self.gain = nn.Parameter(torch.ones(rows, width))
            self.bias = nn.Parameter(torch.zeros(rows, width))
        else:
            self.gain = self.bias = None
        with torch.no_grad():
            self.project.weight.mul_(0.3)  # near the identity at the start
            self.spatial.weight[:, :, 1, 1] += 1.0

    def forward(self, x: Tensor, step: Tensor | None) -> Tensor:
        h = self.expand(x)
        if self.gain is not None:
            gain, bias = ((step @ rows)[:, :, None, None].to(h.dtype) for rows in (self.gain, self.bias))
            h = torch.addcmul(bias, h, gain)
        h = self.spatial(F.relu(h, inplace=True))
        return x + self.project(F.relu(h, inplace=True))


class Net(nn.Module):
    """1x1 stem, residual blocks, 1x1 head: the one shape of every network that a decoder runs.

    inputs: list of (B, C_i, H, W), concatenated; step: (B, rows), how much of each row of gains and biases a picture
    takes, or None without rows. Rows are knots of the step, or sets (pixels.py). Returns (B, out, H, W), or
    (B, out / 4, 2H, 2W) with ``upsample``. ``precision`` is what it computes in; inputs and outputs are float32.
    """

    precision = torch.float32

    def __init__(self, inputs: int, width: int, blocks: int, outputs: int, *, rows=STEP_ROWS, upsample=False):
        super().__init__()
        self.stem = Pointwise(inputs, width)
        self.blocks = nn.ModuleList(Block(width, rows) for _ in range(blocks))
        self.head = Pointwise(width, outputs)
        self.upsample = upsample

    def forward(self, inputs: list[Tensor], step: Tensor | None = None) -> Tensor:
        x = torch.cat(inputs, dim=1) if len(inputs) > 1 else inputs[0]
        x = self.stem(x.to(self.precision, memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x, step)
        x = self.head(x).float()
        return F.pixel_shuffle(x, 2) if self.upsample else x

    def zero_head(self) -> Net:
        """Start as the zero function, so that a known transform or prior holds at step 0."""
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        return self


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bound):
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * ((x >= ctx.bound) | (grad < 0)), None


def clamp_ste(x: Tensor, low: float, high: float) -> Tensor:
    """Clamp whose gradient still pulls values back into the range."""
    return -_LowerBound.apply(-_LowerBound.apply(x, low), -high)
