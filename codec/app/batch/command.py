"""The command ``batch``: any number of pictures, from anywhere to anywhere, in as many runs as it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from ...errors import CodecError
from ...pictures import files
from .. import console, jobs, options
from . import sources as listing
from . import stores
from .engines import ENGINES
from .manifest import BEGUN, NAME, Manifest, Row
from .task import Task, row_of

_SHOWN = 50  # failures listed at the end; the manifest has all
_SECONDS_BETWEEN_LINES = 30


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--to", "destination", metavar="DEST", required=True, help="Folder or URL for the files.")
@click.option(
    "--engine", type=click.Choice(["local", "dask", "ray"]), default="local", show_default=True,
    help="What runs the work: processes of this machine, or a cluster (pip install 'selfvae-codec[dask]' or [ray]).",
)  # fmt: skip
@click.option("--address", metavar="ADDRESS", help="Of a cluster that runs [default: one is started on this machine].")
@click.option("-j", "--workers", type=click.IntRange(min=1), help="Pictures at a time [default: one a core].")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="That networks of a worker may take."
)
@click.option(
    "--manifest", metavar="FILE", type=click.Path(path_type=Path),
    help="What was done, as JSON lines [default: svae-manifest.jsonl in DEST, or here if that is a URL].",
)  # fmt: skip
@click.option("--full-names", is_flag=True, help="a.png becomes a.png.svae, not a.svae.")
@options.encoder
@options.overwrite
@options.backend
@click.pass_context
def batch(
    ctx, sources, destination, engine, address, workers, threads, manifest, full_names, overwrite, strip, backend,
    **settings,
) -> None:  # fmt: skip
    """Encode all that SOURCE... names into DEST: files, folders, globs, and URLs of all stores that fsspec knows.

    Files keep their place below the folder, or below the fixed part of the glob, that names them. A batch that was
    stopped goes on where it was: what the manifest says is done, from the same picture, with the same settings and
    weights, is not done again. A picture that fails does not stop the others; the exit status is 1 if there was one.
    """
    from ...models.exact import weights

    options.check_encoder(ctx)
    if address and engine == "local":
        raise click.UsageError("--address is of a cluster: give --engine dask or ray, too")
    _check_destination(destination)
    workers = workers or max(1, jobs.cores() // threads)
    if "memory" in map(stores.protocol, (destination, *sources)):
        if engine != "local":
            raise click.UsageError("memory:// is the memory of one process; other workers do not see it")
        workers = 1
    settings = {name: value for name, value in settings.items() if value is not None}
    found = listing.expand(sources)
    targets = listing.targets(found, destination, full_names=full_names)
    model = weights.identify(settings["model"]).hex()
    path = manifest or Path(NAME if stores.is_url(destination) else Path(destination, NAME))
    with Manifest(path) as book:
        there = stores.present(destination, targets)
        tasks = []
        for source, target in zip(found, targets, strict=True):
            file = there.get(target)
            told = (settings, model, backend, strip, overwrite is not False, threads)
            task = Task(source.name, source.stamp, target, file and file.stamp, *told)
            now = row_of(task, None)
            row = book.done(now)
            if row is None or file is None or file.size != row["bytes"]:
                is_ours = overwrite is False and book.begun(now)
                tasks.append(replace(task, before=None) if is_ours else task)
        console.say(
            f"{len(tasks):,} pictures to do, {len(found) - len(tasks):,} done before; {engine}: "
            f"{'a cluster that runs' if address else _counted(workers, 'worker')}, {_counted(threads, 'thread')} each; "
            f"manifest: {path}"
        )
        start = time.perf_counter()
        workers = max(1, min(workers, len(tasks)))
        taken = _noted(tasks, book)
        rows = ENGINES[engine](taken, workers=workers, threads=threads, address=address) if tasks else ()
        coded, failed = _gather(rows, book, len(tasks))
    _tell(coded, failed, len(tasks), time.perf_counter() - start)


def _check_destination(destination: str) -> None:
    if stores.is_url(destination) and ("::" in destination or stores.protocol(destination) in stores.ARCHIVES):
        raise click.UsageError(f"{destination}: an archive takes no file after file; name a folder or a store")
    if stores.protocol(destination) in ("http", "https"):
        raise click.UsageError(f"{destination}: the web is read-only; name a folder or a store")


def _noted(tasks: Iterable[Task], book: Manifest) -> Iterator[Task]:
    """The tasks, as they are taken; of those that may replace nothing the manifest hears before they make a file.

    Without that, a file whose row is lost with a batch that was stopped would be taken for another's from then on.
    """
    for task in tasks:
        if not task.overwrite and task.before is None:
            book.add(row_of(task, BEGUN))
        yield task


def _gather(rows: Iterable[Row], book: Manifest, count: int) -> tuple[list[Row], list[Row]]:
    """Every row into the manifest as it comes. Returns those that are done, and those that failed."""
    coded: list[Row] = []
    failed: list[Row] = []
    said = time.monotonic()
    with click.progressbar(length=count, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for row in rows:
            book.add(row)
            (failed if row["error"] else coded).append(row)
            bar.update(1)
            for warning in row.get("warnings", ()):
                console.warn(f"{row['source']}: {warning}")
            if not sys.stderr.isatty() and time.monotonic() - said > _SECONDS_BETWEEN_LINES:
                console.say(f"{len(coded) + len(failed):,} of {count:,}, {len(failed):,} failed")
                said = time.monotonic()
    return coded, failed


def _tell(coded: list[Row], failed: list[Row], count: int, seconds: float) -> None:
    """What came of it. Raises CodecError if a picture failed."""
    if coded:
        size = sum(row["bytes"] for row in coded)
        pixels = sum(row["width"] * row["height"] for row in coded)
        console.say(
            f"{len(coded):,} pictures, {size:,} bytes, {8 * size / pixels:.3f} bpp, {pixels / 1e6:,.1f} megapixels, "
            f"{seconds:,.1f} s, {_counted(len({row['worker'] for row in coded}), 'worker')}"
        )
    for row in failed[:_SHOWN]:
        error = row["error"]
        console.fail(error if row["source"] in error else f"{row['source']}: {error}")
    if len(failed) > _SHOWN:
        console.say(f"and {len(failed) - _SHOWN:,} more: the manifest has them all")
    if failed:
        kept = sum(row["error"].endswith(files.KEPT) for row in failed)
        rest = "" if kept == len(failed) else f"; the same command tries {'the others' if kept else 'them'} again"
        refused = f"; of {kept:,} there is a file already, which --overwrite replaces" if kept else ""
        raise CodecError(f"{len(failed):,} of {count:,} pictures failed{refused}{rest}")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" + "s" * (count != 1)
