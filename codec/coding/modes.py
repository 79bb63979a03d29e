"""The paper's modes of one model, as one function: what is given comes from a picture, the rest from the model.

    given        drawn from the model    the paper's name (Gatopoulos & Tomczak 2020, section 3.3)
    -            u, y, z, x              generation
    y            z, x                    conditional generation, super-resolution where y is a downscaling
    y, z         x                       conditional reconstruction
    u            y, z, x                 reconstruction 1
    u, z         y, x                    reconstruction 2
    y, z, x      -                       lossless

u is a function of y, so that it is known, and paid for, wherever y is given. Only streams that end with the exact
pixels have an x; in others the picture is what the latents decode to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import CodecError
from ..models.config import DEFAULT_MODEL
from ..models.exact.backends import networks
from .coders import Coder, Expect, Models, Sample, Writer
from .levels import write_plainly
from .plan import plan_for
from .walk import Walk, models_of

VARIABLES = ("u", "y", "z", "x")
MODES = tuple(map(frozenset, ("", "uy", "uyz", "u", "uz", "uyzx")))  # what may be known


@dataclass(frozen=True)
class Reconstruction:
    """A picture and what was given for it.

    picture: uint8 (H, W, 3). bits: by variable, what the model charges for the symbols that were given; 0 for those
    that came from the model.
    """

    picture: np.ndarray
    bits: dict[str, float]

    @property
    def bits_per_dim(self) -> float:
        """Bits that were given, per sub-pixel."""
        return sum(self.bits.values()) / self.picture.size


def known_given(given: Iterable[str]) -> frozenset[str]:
    """The variables known when these are given: u comes with y. Raises CodecError if they are no row of the table."""
    named = frozenset(given)
    known = named | {"u"} if "y" in named else named
    if known not in MODES:
        raise CodecError(
            f"given={'+'.join(sorted(map(str, named)))} is no mode of the model: "
            "choose among nothing, y, y+z, u, u+z and y+z+x"
        )
    return known


def generate(
    height: int, width: int, *, seed: int, quality: float = 50, model: str = DEFAULT_MODEL, backend: str = "auto"
) -> np.ndarray:
    """A picture drawn from the model alone, uint8 (H, W, 3)."""
    nets = networks(model, backend)
    walk = Walk(nets, plan_for(height, width, quality, config=nets.config))
    return settle(walk, lambda level, variable: False, seed).picture


def settle(
    walk: Walk,
    takes: Callable[[int, str], bool],
    seed: int | None,
    write: Callable[[Walk, Models, int], Writer] = write_plainly,
) -> Reconstruction:
    """Walk all levels of a picture: those that are taken come from it, the others from the model.

    takes(level from 0, variable): what is taken. write: how a level of it is settled: plainly, or as an encoder does it
    (choice/encoder.py), so that bits are those of a file.
    """
    plan, models = walk.plan, models_of(walk.nets)
    missing = Expect(models) if seed is None else Sample(models, seed)
    bits = dict.fromkeys(VARIABLES, 0.0)

    def settled(part: Callable[[Coder], None], taken: bool) -> float:
        """Walk a part of a level that holds representations. Returns its bits, if it is taken."""
        coder = Writer(models, may_skip=None) if taken else missing
        part(coder)
        return coder.bits if taken else 0.0

    planes = plan.planes if takes(plan.first_latent, "z") or seed is not None else 1  # finer ones expect the same
    for index in range(plan.first_latent + planes):
        variable = "y" if index < plan.first_latent else "z"
        if index == plan.config.top:  # u and y may come from different places
            bits["u"] = settled(walk.top, takes(index, "u"))
            bits["y"] += settled(partial(walk.representation, index), takes(index, "y"))
        elif takes(index, variable):
            bits[variable] += write(walk, models, index).bits
        else:
            walk.level(index, missing)
    last = plan.count - 1
    if plan.lossless and takes(last, "x"):
        bits["x"] = write(walk, models, last).bits
    elif plan.lossless and seed is not None:
        walk.level(last, missing)
    return Reconstruction(walk.picture(planes - 1), bits)
