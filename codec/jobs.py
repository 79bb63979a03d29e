"""Many inputs for one command: where each output goes, and what happens to the others when one fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from . import console, files
from .errors import CodecError


@dataclass(frozen=True)
class Job:
    """One input, "-" for standard input, and where its output goes."""

    source: str
    target: str
    overwrite: bool


def plan(sources: Sequence[str], output: str | None, folder: Path | None, suffix: str, no_overwrite: bool) -> list[Job]:
    """A job for each input: to ``output``, into ``folder``, or beside it.

    Only what the user named may replace a file, and never an input. Makes the folder. Raises click.UsageError where
    outputs collide.
    """
    if output is not None and folder is not None:
        raise click.UsageError("give -o or --output-dir, not both")
    if len(sources) > 1 and output is not None:
        raise click.UsageError("-o names one file; give --output-dir, a folder, for several inputs")
    if files.STDIO in sources and (len(sources) > 1 or folder is not None):
        raise click.UsageError("standard input (-) has no name: give it alone, without --output-dir")
    jobs: dict[str, Job] = {}
    for source in sources:
        target = _target(source, output, folder, suffix)
        if target in jobs:
            raise click.UsageError(f"{jobs[target].source} and {source} would both become {target}")
        named = output is not None or folder is not None
        jobs[target] = Job(source, target, overwrite=target == files.STDIO or named and not no_overwrite)
        if named and _same_file(source, target):
            raise click.UsageError(f"{target} is the input; give the output another name")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return list(jobs.values())


def _target(source: str, output: str | None, folder: Path | None, suffix: str) -> str:
    if output is not None:
        return output
    if source == files.STDIO:
        return files.STDIO
    beside = Path(source).with_suffix(suffix)
    return str(beside if folder is None else folder / beside.name)


def _same_file(source: str, target: str) -> bool:
    there = files.STDIO not in (source, target) and os.path.exists(source) and os.path.exists(target)
    return there and os.path.samefile(source, target)


def run(jobs: Sequence[Job], work: Callable[[Job], dict | None], *, as_json: bool = False) -> None:
    """Work on every job, and with ``as_json`` print the facts of those that are done.

    One of several that fails is reported, and the others go on; CodecError at the end says how many did.
    """
    if len(jobs) == 1:
        facts = work(jobs[0])
    else:
        facts = []
        for job in jobs:
            try:
                facts.append(work(job))
            except console.FAILURES as error:
                console.fail(console.words(error))
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    if len(jobs) > 1 and len(facts) < len(jobs):
        raise CodecError(f"{len(jobs) - len(facts)} of {len(jobs)} inputs failed")
