"""What the command line tells a person: lines on standard error."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import click

from ..errors import CodecError, CodecWarning

PROGRAM = "selfvae-codec"
FAILURES = (CodecError, OSError, MemoryError)  # what an input may bring about without a fault of ours


def say(text: str) -> None:
    click.echo(text, err=True)


def warn(text: object) -> None:
    say(f"{PROGRAM}: warning: {text}")


def fail(message: str, status: int = 1) -> int:
    """Say what went wrong, in one line. Returns the exit status."""
    say(f"{PROGRAM}: error: {' '.join(str(message).split())}")
    return status


def warnings_for_people() -> None:
    """From now on ours are shown, every time, in one line each; those of libraries are not."""
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", CodecWarning)
    warnings.showwarning = lambda message, *_, **__: warn(message)


def words(error: BaseException) -> str:
    """What a person is told about one of FAILURES."""
    if isinstance(error, MemoryError):
        return "not enough memory for a picture of this size"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@contextlib.contextmanager
def about(source: object) -> Iterator[None]:
    """Errors of the codec inside the block, and warnings, say which input they are about; None has no name."""
    prefix = "" if source is None else f"{source}: "
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    except CodecError as error:
        error.args = (f"{prefix}{error}",)
        raise
    finally:
        for warning in caught:
            warn(f"{prefix}{warning.message}")
