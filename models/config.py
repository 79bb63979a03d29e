"""What a model is, as data: representations, strides, widths and the range of quantisation steps.

Quantisation steps live on a base-3 logarithmic axis, because latent planes nest by factors of three:
``t = log3(D)`` for a step ``D`` in units of an 8-bit pixel value under an orthonormal transform. A plane
that is one level coarser is ``t + 1``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

T_FINEST = 1.0  # D = 3: about 3 bpp on photographs
T_COARSEST = 5.5  # D = 421: below 0.1 bpp
T_FIRST = 3.25  # the coarsest plane of a file has t in [T_FIRST, T_FIRST + 1), or more if it is the only one

T_LOSSLESS = 2.5  # of the finest latent plane in a lossless file: pixels are cheapest given about this much

Y1_STRIDE = 16  # y[1]; y[2] is at twice this, u and z[2] at four times
Z1_STRIDE = 8
RD_SLOPE = 0.13  # d(distortion) / d(bits) of a uniform quantiser, in units of D^2: what a bit is worth
RDO_RATE = 0.6  # share of a symbol's bits that its choice counts: a change also costs what later symbols learn from it
RDO_REACH = 0.15  # how far beyond its bin in the finest plane z may end by a choice in a coarser one, in finest steps
PAD = 64  # the picture is padded to a multiple of the coarsest stride, by repeating its edge
Y_STEPS = (1, 2, 4, 8, 16)  # quantisation steps of the representations
U_STEP = 8  # u is the 2x2 mean of y[2] in YCoCg, in units of this many of its steps


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of a selfVAE of the downscale family.

    Strides are fixed by the design: y[1] at 1/16, y[2] at 1/32, u and z[2] at 1/64, z[1] at 1/8.
    """

    family: str = "downscale"
    synthesis_width: int = 160  # hidden channels of the synthesis, at 1/8
    synthesis_blocks: int = 5
    prior_width: int = 144  # hidden channels of every prior
    prior_blocks: int = 2  # residual blocks per channel group
    coarse_blocks: int = 2  # residual blocks that read the coarser plane
    lead_groups: int = 2  # of a first plane, walked over sub-lattices
    lead_blocks: int = 4  # residual blocks per sub-lattice, at 1/16
    groups: tuple[int, ...] = (21, 35, 48, 88)  # channels of z[1], low to high frequency; they sum to 192
    z2_channels: int = 32
    u_channels: int = 3
    y_width: int = 64  # hidden channels of the representation priors
    y_blocks: int = 3
    pixel_width: int = 64  # hidden channels of the pixel prior, at 1/2
    pixel_blocks: int = 5

    def __post_init__(self):
        if sum(self.groups) != 192:
            raise ValueError(f"groups must sum to the 192 coefficients of an 8x8 RGB block, got {self.groups}")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Config:
        values = json.loads(text)
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"unknown configuration fields: {sorted(unknown)}")
        if "groups" in values:
            values["groups"] = tuple(values["groups"])
        return cls(**values)


def planes_for(t: float) -> int:
    """Number of nested planes of a file whose finest step is ``3**t``: the coarsest lies at or above T_FIRST."""
    planes = 1
    while t + planes - 1 < T_FIRST:
        planes += 1
    return planes


def y_step_for(t_coarsest: float) -> int:
    """Quantisation step of the representations, in Y_STEPS, from the coarsest latent plane.

    A 16x16 mean with step s carries the precision of an orthonormal coefficient with step 16 s; the first
    plane's step sets what is worth sending, and no finer plane pays for it twice (docs/design-notes.md).
    """
    step = 1
    while step < Y_STEPS[-1] and 3.0**t_coarsest > 20 * 2**0.5 * step:
        step *= 2
    return step
