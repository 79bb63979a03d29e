"""Large arrays that serve one after the other: the system clears each page that it hands out, which costs a tenth of
encoding a large picture where strips get theirs anew."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

LEAST = 1 << 20  # bytes; what is smaller comes out of what the process has
_here = threading.local()


def _references(kept: list[np.ndarray]) -> int:
    one = kept[0]
    return sys.getrefcount(one)


COUNTS = hasattr(sys, "getrefcount")
IDLE = _references([np.empty(1, np.uint8)]) if COUNTS else 0  # of a buffer that nobody uses, seen as below


@contextmanager
def reused() -> Iterator[None]:
    """Within this, in this thread, ``empty`` hands out again what is in use no more. At its end all of that goes."""
    if getattr(_here, "kept", None) is not None or not COUNTS:
        yield
        return
    _here.kept = []
    try:
        yield
    finally:
        _here.kept = None


def empty(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """As np.empty."""
    kept: list[np.ndarray] | None = getattr(_here, "kept", None)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if kept is None or size < LEAST:
        return np.empty(shape, dtype)
    for place in range(len(kept)):
        one = kept[place]
        if size <= 2 * one.size and one.size <= 2 * size and sys.getrefcount(one) <= IDLE:
            if one.size < size:  # strips at a border are smaller than those that follow
                one = kept[place] = np.empty(size, np.uint8)
            return one[:size].view(dtype).reshape(shape)
    kept.append(np.empty(size, np.uint8))
    return kept[-1].view(dtype).reshape(shape)
