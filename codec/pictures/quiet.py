"""Pillow's remarks on odd files, unheard: what matters to people is said in our own words."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()  # filters of warnings are the process's: two threads that put them back would mix them up


@contextmanager
def unheard() -> Iterator[None]:
    """No warning is given inside the block."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
