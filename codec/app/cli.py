"""The command line: arguments in, calls to the package out. Holds no logic of its own.

Standard output carries pictures, files or --json; everything said to a person goes to standard error. Heavy
imports wait until a command needs them, so that ``info`` and ``--help`` answer at once.
"""

from __future__ import annotations

import importlib
import time
import warnings
from functools import partial
from pathlib import Path

import click

from .. import __version__
from ..errors import CodecError, MetadataWarning
from ..format import container
from ..models.config import DEFAULT_ROI_GAIN, MAX_ROI_GAIN
from ..pictures import files
from . import jobs, options
from .batch.command import batch
from .console import PROGRAM, about, libraries_silenced, say, silence_output, warn
from .desktop.command import completion, desktop, thumbnail
from .info import facts as info_facts
from .info import kind as info_kind
from .info import text as info_text
from .web.command import serve

_PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

_sources = click.argument("sources", metavar="IN...", nargs=-1, required=True)
_output = click.option("-o", "--output", metavar="OUT", help="Output file; - for standard output.")
_output_dir = click.option(
    "--output-dir", metavar="DIR", type=click.Path(path_type=Path), help="Folder for the outputs of several inputs."
)
_processes = click.option(
    "-j", "--jobs", "processes", type=click.IntRange(min=1), default=1, show_default=True,
    help="Of several inputs, how many to work on at a time; each takes its own memory.",
)  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Facts as JSON on standard output.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """A learned image codec whose files decode at every level, from thumbnail to full quality."""


@cli.command()
@_sources
@_output
@_output_dir
@options.encoder
@click.option("--roi", metavar="MASK", help="A picture of the same size, white where errors are to be smaller.")
@click.option(
    "--roi-gain",
    type=click.FloatRange(-MAX_ROI_GAIN, MAX_ROI_GAIN),
    default=DEFAULT_ROI_GAIN,
    show_default=True,
    metavar="DB",
    help="By how many decibels steps are smaller there; errors by about half of that.",
)
@_processes
@options.overwrite
@options.backend
@_json
@click.pass_context
def encode(ctx, sources, output, output_dir, strip, processes, overwrite, as_json, **settings) -> None:
    """Encode the pictures IN... (default output: beside each, with the extension .svae)."""
    options.check_encoder(ctx)
    if settings["roi"] is None and options.given(ctx, "roi_gain"):
        raise click.UsageError("--roi-gain says how much a mask is worth: give --roi, too")
    if settings["roi"] == files.STDIO and files.STDIO in sources:
        raise click.UsageError("standard input (-) is the picture or its mask, not both")
    planned = jobs.plan(sources, output, output_dir, ".svae", overwrite, refills=True)
    if output is not None and Path(output).suffix.lower() in files.PICTURE_SUFFIXES:
        raise click.UsageError(f"{output} is a name of another kind of picture; give one that ends in .svae")
    if as_json and planned[0].target == files.STDIO:
        raise click.UsageError("--json and the file cannot both go to standard output; name a file with -o")
    jobs.run(planned, partial(_encode, settings=settings, strip=strip), as_json=as_json, processes=processes)


def _encode(job: jobs.Job, settings: dict, strip: bool) -> dict:
    """Encode one picture, and say so. Returns the facts of its file."""
    start = time.perf_counter()
    with about(job.source):
        content = files.read(job.source)
        with files.Output(job.target, overwrite=job.overwrite) as out:
            from .. import Metadata
            from .. import encode as encode_picture
            from ..pictures import imaging

            with libraries_silenced():
                picture = imaging.from_bytes(content)
                if settings["roi"] is not None:
                    with about(settings["roi"]):
                        settings = settings | {"roi": imaging.from_bytes(files.read(settings["roi"]))}
            data = encode_picture(picture, metadata=Metadata() if strip else None, **settings)
            out.write(data)
    header = container.read_header(data)
    seconds = round(time.perf_counter() - start, 3)
    say(
        f"{job.source} -> {job.target}: {len(content):,} -> {len(data):,} bytes, {header.bpp(len(data)):.3f} bpp, "
        f"{header.n_levels} levels, {info_kind(header)}, model {header.model_id.hex()}, {seconds:.2f} s"
    )
    return {"input": job.source, "output": job.target} | info_facts(header) | {"seconds": seconds}


@cli.command()
@_sources
@_output
@_output_dir
@click.option("--levels", type=int, help="Stop after level N [default: all].")
@click.option("--partial", is_flag=True, help="Of a cut-off file, use what is there of a level that is not whole, too.")
@click.option("--sample", type=click.IntRange(min=0), metavar="SEED", help="Draw what was not sent.")
@click.option(
    "--size-limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=(
        "Refuse pictures of more than N pixels, padded to multiples of 64 a side "
        "[default: warn above 89 million, refuse above twice that]."
    ),
)
@click.option("--depth", type=click.Choice(["8", "16"]), help="Bits per channel [default: those that were encoded].")
@options.decoder_model
@click.option("--raw", is_flag=True, help="Write the exact thumbnail or sketch that levels 1 and 2 hold.")
@_processes
@options.overwrite
@options.backend
def decode(sources, output, output_dir, depth, raw, processes, overwrite, **settings) -> None:
    """Decode the files IN... (default output: beside each, as .png). The extension chooses the picture format."""
    if raw and settings["sample"] is not None:
        raise click.UsageError("--raw is exact and --sample is a draw: give one of them")
    if raw and settings["partial"]:
        raise click.UsageError("--raw takes whole levels: leave out --partial")
    if raw and depth == "16":
        raise click.UsageError("--raw is exact at 8 bits: leave out --depth")
    settings["dtype"] = depth and f"uint{depth}"
    planned = jobs.plan(sources, output, output_dir, ".png", overwrite, refills=False)
    jobs.run(planned, partial(_decode, settings=settings, raw=raw), processes=processes)


def _decode(job: jobs.Job, settings: dict, raw: bool) -> None:
    """Decode one file, and say so."""
    levels = settings["levels"]
    start = time.perf_counter()
    with about(job.source):
        data = files.read_coded(job.source)
        header = container.read_header(data)
        wanted = container.check_levels(header, levels)
    from .. import decode as decode_file
    from .. import representation
    from ..pictures import imaging

    name = imaging.output_format(job.target)
    deep = not raw and (header.deep if settings["dtype"] is None else settings["dtype"] == "uint16")
    imaging.check_format(name, grey=header.grey, alpha=False, depth=16 if deep else 8)
    with files.Output(job.target, overwrite=job.overwrite) as out, about(job.source):
        if raw:
            x = representation(data, levels, **{name: settings[name] for name in ("size_limit", "model", "backend")})
        else:
            x = decode_file(data, **settings)
        out.write(imaging.to_bytes(x, name, grey=header.grey, metadata=_metadata(data)))
    shown = min(wanted, container.whole_levels(header, len(data)), *([2] if raw else []))
    part = container.read_part(data, header, levels) if settings["partial"] else b""
    more = f" and {100 * len(part) / header.levels[shown].length:.0f} % of level {shown + 1}" if part else ""
    say(
        f"{job.source} -> {job.target}: {x.shape[1]}x{x.shape[0]}, levels 1 to {shown}{more} of {header.n_levels}, "
        f"{time.perf_counter() - start:.2f} s"
    )


@cli.command()
@_sources
@_json
def info(sources, as_json) -> None:
    """Print what the headers of the files IN... say: size, model, levels and their bytes."""
    planned = [jobs.Job(source, files.STDIO, overwrite=True) for source in sources]
    try:
        jobs.run(planned, partial(_info, as_json=as_json), as_json=as_json)
    except BrokenPipeError:  # whoever reads has seen enough
        silence_output()


def _info(job: jobs.Job, as_json: bool) -> dict:
    """The facts of one file; printed here unless they are wanted as JSON."""
    source = job.source
    with about(source):
        header, there = files.read_head(source)
    if not as_json:
        files.write_out(f"{source}: {info_text(header)}\n".encode(errors="surrogateescape"))
    if there < header.file_bytes:
        whole = container.whole_levels(header, there)
        warn(f"{source}: cut off after {there:,} of {header.file_bytes:,} bytes, {whole} whole levels")
    elif there > header.file_bytes:
        warn(f"{source}: more bytes follow the end of the file")
    return {"input": source} | info_facts(header)


@cli.command()
@click.argument("picture", required=False, type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="DIR", type=click.Path(path_type=Path), default="demo-output",
              show_default=True, help="Folder for the pictures.")  # fmt: skip
@options.quality
@options.backend
def demo(picture, output, quality, backend) -> None:
    """Encode PICTURE, decode it at every level, and show what each level costs.

    Without PICTURE a photograph that an installed package ships is used.
    """
    from . import demo as show

    with about(picture):
        lines = show.run(picture, output, quality=quality, backend=backend)
    files.write_out("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))


@cli.command()
@_output
@click.option("--size", required=True, metavar="WxH", help="Size in pixels, for example 256x256.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@options.model
@options.overwrite
@options.backend
def generate(output, size, seed, model, overwrite, backend) -> None:
    """Draw a picture from the model alone."""
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.UsageError(f"--size is WxH, for example 256x256, not {size!r}")
    from .. import generate as draw
    from ..pictures import imaging

    target = output or "generated.png"
    name = imaging.output_format(target)
    with files.Output(target, overwrite=output is not None if overwrite is None else overwrite) as out:
        out.write(imaging.to_bytes(draw((int(width), int(height)), seed, model=model, backend=backend), name))
    say(f"{target}: {size}, seed {seed}")


for _command in (batch, serve, desktop, thumbnail, completion):
    cli.add_command(_command)


def _forwarded(command: str, module: str, extra: str, text: str) -> None:
    """A command that hands its arguments, unread, to ``main(list)`` of a module, loaded only then."""
    module = f"selfvae_codec.{module}"

    @cli.command(command, context_settings=_PASS_THROUGH, add_help_option=False, help=text)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def forward(arguments) -> None:
        try:
            main = importlib.import_module(module).main
        except ModuleNotFoundError as error:
            if error.name and f"{module}.".startswith(f"{error.name}."):
                raise CodecError(f"{command} is not part of this installation") from error
            if error.name and not error.name.startswith("selfvae_codec"):
                fix = f"pip install 'selfvae-codec[{extra}]'"
                raise CodecError(f"{command} needs {error.name}, which is not installed: {fix}") from error
            raise
        main(list(arguments))


_forwarded("train", "models.training.train", "train", "Train a model.")
_forwarded("train-plot", "models.training.plot", "train", "Plot the log of a training run.")
_forwarded("export", "models.training.export", "train", "Turn training checkpoints into a weights file.")
_forwarded("evaluate", "benchmarks.studies.evaluate", "bench", "Check real files of a folder, level by level.")
_forwarded("bench", "benchmarks.__main__", "bench", "Compare with other codecs, in real files.")


def _metadata(data: bytes):
    """The file's metadata; damaged metadata is reported and left out, since the picture is sound."""
    from .. import Metadata, read_metadata

    try:
        return read_metadata(data)
    except CodecError as error:
        warnings.warn(str(error), MetadataWarning, stacklevel=2)
        return Metadata()
