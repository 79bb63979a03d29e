"""What a model is, as data: representations, strides, widths and the range of quantisation steps.

Quantisation steps live on a base-3 logarithmic axis, because latent planes nest by factors of three:
``t = log3(D)`` for a step ``D`` in units of an 8-bit pixel value under an orthonormal transform. A plane
that is one level coarser is ``t + 1``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from ..errors import CodecError

T_FINEST = 1.0  # D = 3: about 3 bpp on photographs
T_COARSEST = 5.5  # D = 421: below 0.1 bpp
T_FIRST = 2.6875  # the coarsest plane of a file has t in [T_FIRST, T_FIRST + 1), or more if it is the only one

T_LOSSLESS = 2.5  # of the finest latent plane in a lossless file: photographs are cheapest given about this much

Z1_STRIDE = 8
CONTEXT_STRIDE = 16  # of what z[1]'s priors see; leading groups are walked over the 2x2 cells of z[1] below it
FOLDED = 8  # a scale of the context sees representations in cells of at most this many values a side
CHANNELS = {"downscale": 3, "edge": 1, "flat": 3}  # of what latents see; flat is the base without any downscale
DEFAULT_MODEL = "downscale"  # by name
RD_SLOPE = 0.13  # d(distortion) / d(bits) of a uniform quantiser, in units of D^2: what a bit is worth
DEFAULT_EFFORT, MAX_EFFORT = 5, 9  # passes of an encoder that fit latents to what decoders show (refine.py)
TUNES = ("visual", "psnr")  # what a file may be best for: an eye, the default, or the least squared error
DEFAULT_ROI_GAIN, MAX_ROI_GAIN = 6.0, 12.0  # dB, of a region of interest
FALLS = 8  # falls, log2 of how much coarser steps are at each further frequency, are multiples, from 0 on, of
FALL_STEP = 0.03
FALL_BY_TUNE = {  # (log3 of the finest step, fall) between which falls go: near the original, an eye minds fine errors
    "visual": ((1.9, 0.11), (3.4, 0.21)),
    "psnr": ((2.7, 0.0), (3.1, 0.06)),
}
FIELD_ENDS = (0, -1)  # networks are told log2 g of the lowest and of the highest frequency
PACE = 0.65  # of such a pass; whole gradient steps overshoot, since overlapping functions correct the same error twice
RDO_RATE = 0.5  # share of a symbol's bits that its choice counts: a change also costs what later symbols learn from it
Y_STEPS = (1, 2, 4, 8, 16)  # quantisation steps of the representations
Y_STEP_PACE = 0.703125  # of t, where priors of representations see their step, a doubling of it
U_STEP = 8  # u is the 2x2 mean of y[K] in YCoCg, in units of this many of its steps


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of a selfVAE. Raises CodecError for representations that no model of this class can have.

    representations: (kind, stride) of y[K] ... y[1], coarse to fine; none makes a plain VAE. An edge map, if there is
    one, comes first. Downscales halve their stride from one to the next; u, if there are any, is at twice the first
    one's stride. An activity map, if there is one, comes last: it says how steps differ by place. z[1] is at 1/8.
    """

    family: str = DEFAULT_MODEL
    representations: tuple[tuple[str, int], ...] = (("downscale", 32), ("downscale", 16), ("activity", 32))
    hyper_stride: int = 64  # of z[2]
    synthesis_width: int = 160  # hidden channels of the synthesis, at 1/8
    synthesis_blocks: int = 5
    prior_width: int = 144  # hidden channels of every prior
    prior_blocks: int = 2  # residual blocks per channel group
    coarse_blocks: int = 2  # residual blocks that read the coarser plane
    lead_groups: int = 2  # of a first plane, walked over sub-lattices
    lead_blocks: int = 4  # residual blocks per sub-lattice, at 1/16
    groups: tuple[int, ...] = (21, 35, 48, 88)  # channels of z[1], low to high frequency; they sum to 192
    z2_channels: int = 32
    y_width: int = 64  # hidden channels of the representation priors
    y_blocks: int = 3
    y_coupled: bool = False  # whether colours of downscales follow one another, in RGB, as those of pixels do
    activity_width: int = 32  # hidden channels of the activity map's prior
    activity_blocks: int = 2
    edge_width: int = 32  # hidden channels of the edge map's prior
    edge_blocks: int = 2
    pixel_width: int = 64  # hidden channels of the pixel prior, at 1/2
    pixel_blocks: int = 5
    pixel_sets: int = 6  # of gains and biases of the pixel prior, one chosen for each picture
    t_lossless: float = T_LOSSLESS  # log3 of the finest step in the lossless files that the pixel prior learns from
    told_field: bool = False  # whether context and synthesis see the step field (FIELD_ENDS)

    def __post_init__(self):
        object.__setattr__(self, "groups", tuple(self.groups))  # JSON has lists
        object.__setattr__(self, "representations", tuple((kind, stride) for kind, stride in self.representations))
        self._check_representations()
        if sum(self.groups) != 192:
            raise CodecError(f"groups must sum to the 192 coefficients of an 8x8 RGB block, got {self.groups}")

    def _check_representations(self) -> None:
        kinds = [kind for kind, _ in self.representations]
        if unknown := set(kinds) - {"downscale", "edge", "activity"}:
            raise CodecError(f"unknown kinds of representations: {', '.join(sorted(map(str, unknown)))}")
        if "edge" in kinds[1:] or (self.edge_stride or 2) not in (2, 4):
            raise CodecError("an edge map comes first, once, with stride 2 or 4")
        if "activity" in kinds[:-1] or (self.activity_stride or 16) not in (16, 32):
            raise CodecError("an activity map comes last, once, with stride 16 or 32")
        if any(coarse != 2 * fine for coarse, fine in zip(self.downscales, self.downscales[1:])):
            raise CodecError(f"each downscale must have half the stride of the one before, got {self.downscales}")
        if self.base_stride not in (2, 4, 8, 16):
            raise CodecError(f"the finest downscale must have stride 2, 4, 8 or 16, not {self.base_stride}")
        if self.hyper_stride not in (16, 32, 64):
            raise CodecError(f"hyper_stride must be 16, 32 or 64, not {self.hyper_stride}")

    @property
    def edge_stride(self) -> int | None:
        """Stride of the edge map, None without one."""
        return self.representations[0][1] if self.representations[:1] and self.representations[0][0] == "edge" else None

    @property
    def activity_stride(self) -> int | None:
        """Stride of the activity map, None without one."""
        last = self.representations[-1:]
        return last[0][1] if last and last[0][0] == "activity" else None

    @property
    def shown(self) -> tuple[tuple[str, int], ...]:
        """The representations that are pictures, each a level of a file. Activity alone shows nothing."""
        return tuple((kind, stride) for kind, stride in self.representations if kind != "activity")

    @property
    def downscales(self) -> tuple[int, ...]:
        """Strides of the downscales, coarse to fine."""
        return tuple(stride for kind, stride in self.representations if kind == "downscale")

    @property
    def top(self) -> int | None:
        """Index of the representation that u belongs to, the coarsest downscale; None without one."""
        return len(self.shown) - len(self.downscales) if self.downscales else None

    def prior_name(self, k: int) -> str:
        """Name of the networks of p(representation k | what is before it)."""
        kind, _ = self.representations[k]
        return f"y{len(self.shown) - k}_prior" if kind == "downscale" else f"{kind}_prior"

    @property
    def conditions(self) -> tuple[tuple[str, int], ...]:
        """(kind, stride) of what latents see of y; the last is the base, which the picture is upsampled from.

        Coarser downscales are functions of the finest. Without any the base is flat: a constant picture.
        """
        base = ("downscale", self.downscales[-1]) if self.downscales else ("flat", CONTEXT_STRIDE)
        return (("edge", self.edge_stride), base) if self.edge_stride else (base,)

    @property
    def base_stride(self) -> int:
        return self.conditions[-1][1]

    @property
    def tied(self) -> bool:
        """Whether y[1] is the mean of 2x2 pixels, which p(x | x_hat, y) then starts from."""
        return self.conditions[-1] == ("downscale", 2)

    @property
    def pad(self) -> int:
        """Pictures are padded to a multiple of this, the coarsest stride, by repeating their edge."""
        twice = (2 * stride for stride in (*self.downscales[:1], self.activity_stride or 0))
        return max(self.hyper_stride, *twice, CONTEXT_STRIDE)

    @property
    def context_strides(self) -> tuple[int, ...]:
        """Scales of the context, from z[2]'s to CONTEXT_STRIDE."""
        return tuple(s for s in (64, 32, 16) if s <= self.hyper_stride)

    def seen(self, stride: int) -> tuple[tuple[int, int], ...]:
        """How a scale of the context sees each condition: (cells averaged, cells folded into channels) a side."""
        strides = [(s, max(s, stride // FOLDED)) for _, s in self.conditions]
        return tuple((pooled // s, stride // pooled) for s, pooled in strides)

    def seen_channels(self, stride: int) -> tuple[int, ...]:
        """Channels of each condition as a scale of the context sees it."""
        return tuple(CHANNELS[kind] * fold**2 for (kind, _), (_, fold) in zip(self.conditions, self.seen(stride)))

    @property
    def told_channels(self) -> int:
        """What context and synthesis see of the step field."""
        return len(FIELD_ENDS) if self.told_field else 0

    @property
    def joining(self) -> tuple[bool, ...]:
        """Whether a condition, finer than the context, joins it as it is, so that nothing of it is lost."""
        return tuple(stride < CONTEXT_STRIDE for _, stride in self.conditions)

    @property
    def context_channels(self) -> int:
        joining = (n for n, joins in zip(self.seen_channels(CONTEXT_STRIDE), self.joining) if joins)
        return self.prior_width + sum(joining)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Config:
        values = json.loads(text)
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise CodecError(f"unknown configuration fields: {', '.join(sorted(unknown))}")
        return cls(**values)


def planes_for(t: float) -> int:
    """Number of nested planes of a file whose finest step is ``3**t``: the coarsest lies at or above T_FIRST."""
    planes = 1
    while t + planes - 1 < T_FIRST:
        planes += 1
    return planes


def fall_for(t: float, tune: str) -> int:
    """How much coarser steps are at each further frequency, in FALL_STEPs, in files whose finest step is ``3**t``."""
    (fine, low), (coarse, high) = FALL_BY_TUNE[tune]
    share = min(max((t - fine) / (coarse - fine), 0.0), 1.0)
    return round((low + (high - low) * share) / FALL_STEP)


def y_step_for(t_coarsest: float) -> int:
    """Quantisation step of the representations, in Y_STEPS, from the coarsest latent plane.

    A 16x16 mean with step s carries the precision of an orthonormal coefficient with step 16 s; the first
    plane's step sets what is worth sending, and no finer plane pays for it twice (docs/design-notes.md).
    """
    step = 1
    while step < Y_STEPS[-1] and 3.0**t_coarsest > 20 * 2**0.5 * step:
        step *= 2
    return step
