"""The package's own C library (native/), built with the package where there is a C compiler.

It chooses the instructions of the machine it runs on; the environment variable SELFVAE_CODEC_NATIVE, one of
``paths()``, forces others, or with "none" does without. Its functions may run in any number of threads at once.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import c_char_p, c_double, c_float, c_int, c_int64, c_void_p
from functools import cache
from importlib.util import find_spec

import numpy as np

from ...errors import CodecError

LIBRARY = __name__.rpartition(".")[0] + "._native"
INTERFACE = 19  # of the library, counted up with every change of its functions
CHOICE = "SELFVAE_CODEC_NATIVE"
NONE = "none"  # as CHOICE: does without the library


class Source(ctypes.Structure):
    """An array (channels, H, W) of integers as it lies in memory (native/layers.h)."""

    _fields_ = [("data", c_void_p), *((n, c_int64) for n in ("type", "channels", "by_channel", "by_row", "by_column"))]

    @classmethod
    def of(cls, array: np.ndarray) -> Source:
        """Of uint8, int16 or int32; the array must outlive it."""
        return cls(array.ctypes.data, array.itemsize, len(array), *array.strides)


@cache
def library() -> ctypes.CDLL | None:
    """The library, None where the package was installed without one or with that of another version, or told so."""
    if os.environ.get(CHOICE) == NONE:
        return None
    found = find_spec(LIBRARY)
    try:
        lib = ctypes.CDLL(found.origin)
        if lib.selfvae_interface() != INTERFACE:
            return None
    except (AttributeError, OSError, TypeError):
        return None
    lib.selfvae_path.argtypes, lib.selfvae_path.restype = (c_int, c_void_p), c_char_p
    lib.selfvae_net_new.argtypes, lib.selfvae_net_new.restype = (c_int, c_int, c_int), c_void_p
    lib.selfvae_net_layer.argtypes = (c_void_p, c_int, c_int, c_int, *[c_void_p] * 5)
    lib.selfvae_net_free.argtypes, lib.selfvae_net_free.restype = (c_void_p,), None
    lib.selfvae_net_run.argtypes = (c_void_p, c_void_p, c_int, *[c_void_p] * 4, *[c_int] * 4)
    lib.selfvae_read_raw.argtypes, lib.selfvae_read_raw.restype = (c_void_p, c_int, c_int64, c_void_p), None
    lib.selfvae_starts.argtypes, lib.selfvae_starts.restype = (c_void_p, c_int, c_int, c_void_p), None
    lib.selfvae_read_rows.argtypes = (*[c_void_p] * 3, c_int64, c_void_p)
    lib.selfvae_read_symbols.argtypes = (*[c_void_p] * 3, c_int, c_int, *[c_void_p] * 2, c_int64, c_void_p)
    lib.selfvae_read_digits.argtypes = (*[c_void_p] * 4, c_int, *[c_void_p] * 2, c_int64, c_void_p)
    lib.selfvae_fill.argtypes = (c_void_p, c_int, *[c_void_p] * 6, c_int, c_int, c_void_p, c_int)
    lib.selfvae_write_raw.argtypes, lib.selfvae_write_raw.restype = (c_void_p, c_int, c_void_p, c_int64), None
    lib.selfvae_write_rows.argtypes = (*[c_void_p] * 5, c_int, c_int64)
    lib.selfvae_say_symbols.argtypes = (*[c_void_p] * 2, c_int, c_int, *[c_void_p] * 3, c_int64, *[c_void_p] * 4)
    lib.selfvae_say_digits.argtypes = (*[c_void_p] * 3, c_int, *[c_void_p] * 3, c_int64, *[c_void_p] * 3)
    lib.selfvae_pack.argtypes, lib.selfvae_pack.restype = (c_int, c_void_p, c_int, c_int, c_void_p), None
    lib.selfvae_synthesis.argtypes = (
        *(c_int, c_void_p, c_void_p, c_void_p, c_int),
        *(c_void_p, c_void_p, c_int, c_void_p, c_void_p, c_int, c_int, c_int, c_int),
        *(c_int64, c_int, c_int, c_int, c_int, c_int, c_int, c_void_p, c_int64, c_int64, c_int64, c_int),
    )
    lib.selfvae_forward.argtypes = (
        *(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p, c_int, c_int, c_int),
        *(c_void_p, c_int, c_int, c_int, c_int, c_int, c_double, c_void_p, c_int64, c_int64, c_int),
    )
    lib.selfvae_local.argtypes = (c_int, *[c_void_p] * 3, *[c_int] * 4, c_void_p, c_void_p, c_int)
    lib.selfvae_known.argtypes = (c_int, *[c_void_p] * 2, *[c_int] * 5, c_void_p, c_int)
    lib.selfvae_whole.argtypes = (c_int, *[c_void_p] * 3, *[c_int] * 5, c_void_p, c_void_p, c_int)
    lib.selfvae_steps.argtypes = (c_int, *[c_void_p] * 3, c_float, c_float, c_int, c_int, c_void_p, c_int)
    lib.selfvae_settle.argtypes = (c_int, c_void_p, c_int, c_int, *[c_void_p] * 3, c_int, *[c_void_p] * 2, *[c_int] * 3)
    lib.selfvae_choose.argtypes = (c_int, c_void_p, c_int, *[c_void_p] * 3, c_int64, c_void_p, c_int)
    lib.selfvae_again.argtypes = (c_int, *[c_void_p] * 3, *[c_int] * 4, *[c_void_p] * 5, c_float, c_float, *[c_int] * 3)
    lib.selfvae_move.argtypes = (c_int, *[c_void_p] * 3, c_int, c_int, *[c_void_p] * 2, c_float, c_float, *[c_int] * 3)
    lib.selfvae_logarithms.argtypes = (c_void_p, c_float, c_float, c_int, c_int, c_void_p, c_int)
    lib.selfvae_correct.argtypes = (c_int, *[c_void_p] * 3, *[c_int] * 5, c_void_p, c_int, c_int, c_void_p, c_int)
    lib.selfvae_know.argtypes = (c_int, *[c_void_p] * 3, *[c_int] * 3, *[c_void_p] * 4, c_int64, *[c_int] * 3)
    lib.selfvae_restore.argtypes = (
        *(c_int, c_void_p, c_int64, c_int64, c_int, c_int, c_void_p, c_int, c_int, c_int),
        *(c_void_p, c_int64, c_int64, c_int64, c_int, c_int),
    )
    lib.selfvae_restore_parts.argtypes = (c_int, c_int)
    lib.selfvae_restore_equations.argtypes = (
        *(c_int, c_void_p, c_int64, c_int64, c_int, c_int, c_void_p, c_int, c_void_p, c_int, c_int),
        *(c_void_p, c_int, c_int, c_int, c_void_p, c_int),
    )
    nothing = "correct know logarithms local known whole steps settle choose again move"
    for name in nothing.split():
        getattr(lib, f"selfvae_{name}").restype = None
    return lib


@cache
def paths() -> dict[str, int]:
    """Ways through the library that this machine can go, the fastest first, with their numbers in it."""
    found, runs, index = {}, c_int(), 0
    while name := library().selfvae_path(index, ctypes.byref(runs)):
        if runs.value:
            found[name.decode()] = index
        index += 1
    return found


def path() -> str:
    """The way that is taken. Raises CodecError where the environment asks for one that this machine cannot go."""
    able = list(paths())
    wanted = os.environ.get(CHOICE) or able[0]
    if wanted not in able:
        raise CodecError(f"{CHOICE}={wanted}: this machine can run {', '.join(able)}")
    return wanted


def way() -> int:
    """The number of ``path()``."""
    return paths()[path()]


def pointers(*arrays: np.ndarray | None) -> list[int | None]:
    """Where arrays begin, for functions that take them as they lie."""
    return [None if a is None else a.ctypes.data for a in arrays]


def side_by_side(v: np.ndarray) -> np.ndarray:
    """The array itself where its columns are side by side, else a copy where they are."""
    return v if v.strides[2] == v.itemsize else np.ascontiguousarray(v)
