"""One progress bar, on a terminal only; logs and pipes get plain lines instead."""

from __future__ import annotations

import sys

from tqdm import tqdm


def bar(items, what: str, total: int | None = None):
    """Iterate over ``items`` with a bar on stderr if that is a terminal."""
    return tqdm(
        items,
        desc=what,
        total=total,
        unit="picture",
        dynamic_ncols=True,
        disable=not sys.stderr.isatty(),
        file=sys.stderr,
    )


def say(text: str) -> None:
    """A line to stderr that does not break a bar."""
    tqdm.write(text, file=sys.stderr)
