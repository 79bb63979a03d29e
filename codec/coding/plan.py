"""What encoder and decoder both know before the first level, and what it follows from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..format.fields import planes_of, y_step_of
from ..models.config import T_LOSSLESS, TUNES, Z1_STRIDE, Config, fall_for
from ..models.exact.layers import T_UNITS

DEFAULT = Config()
QUALITIES = (0, 25, 50, 75, 90, 100)
LOG3_STEPS = {  # of the finest step at each of these; 25 to 90 look as good in either tune (docs/design-notes.md)
    "visual": (5.2, 3.71, 3.23, 2.55, 1.975, 1.0),
    "psnr": (5.2, 3.7, 3.19, 2.64, 2.06, 1.0),
}


@dataclass(frozen=True)
class Plan:
    """What a decoder knows before the first level."""

    height: int
    width: int
    step: int  # log3 of the finest step, in 1/256
    planes: int
    y_step: int
    grey: bool = False
    lossless: bool = False
    fall: int = 0  # row of the table of the step field (config.fall_for)
    activity: bool = False  # whether there is a map of it, which the step field follows
    config: Config = DEFAULT

    @property
    def count(self) -> int:
        """Levels of the full stream."""
        return self.first_latent + self.planes + self.lossless

    @property
    def first_latent(self) -> int:
        """Index of the first level that holds latents: every representation that is a picture is a level."""
        return len(self.config.shown)

    def has_latents(self, index: int) -> bool:
        """Whether a level, counted from 0, is a plane of latents."""
        return 0 <= index - self.first_latent < self.planes

    @property
    def padded(self) -> tuple[int, int]:
        pad = self.config.pad
        return -(-self.height // pad) * pad, -(-self.width // pad) * pad

    def t(self, plane: int) -> int:
        """log3 of the step of a plane, in 1/256; plane 0 is the coarsest."""
        return self.step + T_UNITS * (self.planes - 1 - plane)

    @property
    def rows(self) -> int:
        """Rows of 8x8 blocks that touch the picture; those in the padding alone are neither coded nor synthesised."""
        return -(-self.height // Z1_STRIDE)

    @property
    def columns(self) -> int:
        return -(-self.width // Z1_STRIDE)

    @property
    def coded(self) -> tuple[slice, slice, slice]:
        """The part of z[1] that touches the picture."""
        return slice(None), slice(self.rows), slice(self.columns)


def log3_step(quality: float, tune: str) -> float:
    """log3 of the finest step, on a scale that is set for the eye.

    90, 75, 50 and 25 have about 88, 80, 65 and 45 points of SSIMULACRA2, on average over Kodak's photographs.
    """
    return float(np.interp(quality, QUALITIES, LOG3_STEPS[tune]))


def plan_for(
    height: int,
    width: int,
    quality: float,
    *,
    grey: bool = False,
    lossless: bool = False,
    tune: str = TUNES[0],
    config: Config = DEFAULT,
) -> Plan:
    """Lossless files have latents of one step, whatever the quality; for grain, an encoder takes a coarser one."""
    step = round(T_UNITS * (T_LOSSLESS if lossless else log3_step(quality, tune)))
    field = not lossless and config.activity_stride is not None
    return Plan(
        height,
        width,
        step,
        planes_of(step),
        y_step_of(step),
        grey=grey,
        lossless=lossless,
        fall=fall_for(step / T_UNITS, tune) if field else 0,
        activity=field and tune == "visual",
        config=config,
    )
