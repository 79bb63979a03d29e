"""Fair seconds: the same cores for everyone, warmed up, median of N runs."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager


@contextmanager
def cores(threads: int):
    """Hold this process to ``threads`` cores while inside.

    A library that starts more threads than it was told to still gets only these
    cores, so "the same thread count for all" is enforced and not just asked for.
    Where the system has no such call (macOS, Windows) nothing happens.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:threads]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def stopwatch(repeats: int, budget_s: float) -> Callable:
    """A function timed(f, *args) -> (result, median seconds, runs).

    At most ``repeats`` runs, and no new run once ``budget_s`` seconds are spent:
    a codec that needs a second per picture is timed over many pictures anyway.
    Results of later runs are thrown away.
    """

    def timed(function, *args):
        seconds: list[float] = []
        result = None
        while len(seconds) < repeats and (not seconds or sum(seconds) < budget_s):
            start = time.perf_counter()
            output = function(*args)
            seconds.append(time.perf_counter() - start)
            result = output if len(seconds) == 1 else result
        return result, statistics.median(seconds), len(seconds)

    return timed
