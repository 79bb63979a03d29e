"""The command as a process: signals, streams and exit codes. An error is one line on standard error."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from functools import partial

import click

from .cli import cli
from .console import (
    FAILURES,
    PROGRAM,
    fail,
    interrupt,
    raise_if_interrupted,
    silence_output,
    warnings_for_people,
    words,
)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line and leaves the process: 0, 1 for an error, 2 for wrong usage, 130 for Ctrl-C."""
    _hold_standard_streams()
    signal.signal(signal.SIGINT, interrupt)
    for name, status in (("SIGTERM", 143), ("SIGHUP", 129)):  # unwinds, so that no temporary file stays
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # under nohup, a hangup is none
            signal.signal(number, partial(_leave, status))
    status = run(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left to do is to leave
    sys.exit(status)


def _leave(status: int, *_: object) -> None:
    sys.exit(status)


def _hold_standard_streams() -> None:
    """Where one of them is closed, the next file to be opened would take its place, and what is printed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free, which is this one


def run(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit status. An error is one line on standard error."""
    try:
        with warnings.catch_warnings():
            warnings_for_people()
            cli.main(args=argv, prog_name=PROGRAM, standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
        return 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()
            return error.exit_code
        return fail(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return fail("interrupted", 130)
    except BrokenPipeError:
        silence_output()
        return 1
    except Exception as error:
        if os.environ.get("SELFVAE_CODEC_TRACEBACK") and not isinstance(error, FAILURES):
            raise
        try:
            raise_if_interrupted(error)
        except KeyboardInterrupt:
            return fail("interrupted", 130)
        return fail(words(error))
