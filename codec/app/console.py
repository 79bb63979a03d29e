"""What the command line tells a person: lines on standard error."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

import click

from ..errors import CodecError, CodecWarning

PROGRAM = "selfvae-codec"
_interrupted = False
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
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    warnings.showwarning = lambda message, *_, **__: warn(message)


@contextlib.contextmanager
def libraries_silenced() -> Iterator[None]:
    """What C libraries print about odd files is not heard inside the block. Say nothing there; for commands alone."""
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def silence_output() -> None:
    """The reader has left; point the stream elsewhere so that Python's own flush at exit stays silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def words(error: BaseException, source: str | None = None) -> str:
    """What a person is told about an error, and about which input where it does not say so itself."""
    if isinstance(error, MemoryError):
        return _about(source, "not enough memory for a picture of this size")
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FAILURES):
        return str(error)
    hint = f"{type(error).__name__}: {error} (SELFVAE_CODEC_TRACEBACK=1 shows where)"
    return _about(source, f"internal error, please report it: {hint}")


def _about(source: str | None, text: str) -> str:
    return text if source is None else f"{source}: {text}"


def interrupt(*_: object) -> None:
    """What an interrupt does. Libraries that are interrupted while they load may raise anything: it is remembered."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def raise_if_interrupted(error: BaseException) -> None:
    """An error that comes after an interrupt is one."""
    if _interrupted:
        raise KeyboardInterrupt from error


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
