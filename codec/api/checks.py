"""Whole numbers among what callers hand in, or an error that names the one that is none."""

from __future__ import annotations

import operator
from typing import Any

from ..errors import CodecError


def check_whole(**given: Any) -> None:
    """Raises CodecError for a value that is no whole number; None is no value."""
    for name, value in given.items():
        try:
            operator.index(0 if value is None else value)
        except TypeError:
            raise CodecError(f"{name}={value!r} is no whole number") from None


def check_seed(**given: Any) -> None:
    """The same of seeds, which are 0 or more."""
    check_whole(**given)
    for name, value in given.items():
        if value is not None and value < 0:
            raise CodecError(f"{name}={value} is out of range: a seed is 0 or more")
