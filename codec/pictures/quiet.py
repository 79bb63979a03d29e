"""Pillow's remarks on odd files, unheard: what matters to people is said in our own words."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()  # filters of warnings are the process's: two threads that put them back would mix them up


def _renew() -> None:
    """In a forked child, nobody is left who would let go of the lock."""
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def unheard() -> Iterator[None]:
    """No warning is given inside the block."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
