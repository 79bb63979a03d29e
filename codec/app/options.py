"""Options that several commands have, with the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..errors import CodecError
from ..format import container
from ..models.config import DEFAULT_EFFORT, DEFAULT_MODEL, MAX_EFFORT, TUNES

_POSITIVE = click.FloatRange(min=0, min_open=True)
_WAYS = (
    "quality",
    "lossless",
    "target_bpp",
    "target_size",
    "target_psnr",
    "target_ssimulacra2",
)  # to say how large a file is

overwrite = click.option(
    "--overwrite/--no-overwrite", default=None, help="Replace existing files, or none [default: the one that -o names]."
)
backend = click.option(
    "--backend", type=click.Choice(["auto", "native", "onnxruntime", "torch"]), default="auto", show_default=True,
    help="What runs the networks.",
)  # fmt: skip
quality = click.option(
    "-q", "--quality", type=click.FloatRange(0, 100), default=50, show_default=True,
    help="0 (smallest) to 100 (lossless).",
)  # fmt: skip
model = click.option(
    "--model", metavar="NAME", default=DEFAULT_MODEL, show_default=True,
    help="Which of the installed models to use, or the path of a weights file.",
)  # fmt: skip
decoder_model = click.option(
    "--model", metavar="PATH", help="Weights of your own that the file may have been written with."
)
_ENCODER = (
    quality,
    click.option("--levels", type=click.IntRange(min=1), help="Write only the first N levels."),
    click.option("--lossless", is_flag=True, help="Go on to the exact pixels, the last level."),
    click.option(
        "-e", "--effort", type=click.IntRange(0, MAX_EFFORT), default=DEFAULT_EFFORT, show_default=True,
        help="0 (fastest) to 9 (smallest for its quality); decoding takes as long for all.",
    ),
    click.option(
        "--tune", type=click.Choice(TUNES), default=TUNES[0], show_default=True, help="What errors are to be small."
    ),
    click.option("--target-bpp", type=_POSITIVE, metavar="B", help="At most B bits per pixel."),
    click.option("--target-size", type=_POSITIVE, metavar="N", help="At most N bytes."),
    click.option("--target-psnr", type=_POSITIVE, metavar="DB", help="At least DB decibels, over R, G and B."),
    click.option(
        "--target-ssimulacra2", type=_POSITIVE, metavar="SCORE",
        help="At least SCORE points of SSIMULACRA2 (needs the extra bench).",
    ),
    click.option("--strip", is_flag=True, help="Leave ICC profile, EXIF and XMP out."),
    model,
)  # fmt: skip


def encoder(command: Callable[..., Any]) -> Callable[..., Any]:
    """The settings of ``selfvae_codec.encode``, by their names there, and ``strip``."""
    for option in reversed(_ENCODER):
        command = option(command)
    return command


def given(ctx: click.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def check_encoder(ctx: click.Context) -> None:
    """Raises UsageError for settings that contradict each other, CodecError for levels that no file has."""
    ways = [name for name in _WAYS if given(ctx, name)]
    if len(ways) > 1:
        named = " and ".join("--" + name.replace("_", "-") for name in ways)
        raise click.UsageError(f"{named} settle the same thing: give one of them")
    levels = ctx.params["levels"]
    if levels is not None and levels > container.MAX_LEVELS:
        raise CodecError(f"levels={levels} is out of range: a file has at most {container.MAX_LEVELS} levels")
