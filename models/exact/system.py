"""What the operating system gives, or refuses: threads, memory, and processes that fork.

Networks run on one pool of threads of our own, however many networks there are. Runtimes would have a pool for each,
and threads of theirs that a fork takes away keep its child from computing, or from ending.
"""

from __future__ import annotations

import ctypes
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

loading = threading.RLock()  # held by whoever loads a model or makes a network ready; nobody forks meanwhile
torch_forked = False  # whether this process is the child of one that had loaded torch, whose threads stayed behind
_count: int | None = None  # threads, as asked for
_pool: Pool | None = None
_limiting = threading.Lock()
_limited = 0  # how many want one thread of BLAS now
_limit: Any = None  # what gives the others back


def set_threads(count: int | None) -> None:
    """As selfvae_codec.set_threads."""
    global _count
    if count is not None and operator.index(count) < 1:
        raise ValueError(f"threads must be 1 or more, not {count}")
    _count = count


def asked() -> int | None:
    """How many threads ``set_threads`` asked for."""
    return _count


def threads() -> int:
    """How many threads networks may take: what was set, or what OMP_NUM_THREADS says, or as many as there are cores."""
    if _count is not None:
        return _count
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # OpenMP allows one for each level of nesting
    if first.isdecimal() and int(first):
        return int(first)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``work`` of every item, in their order, on as many threads as there may be, this one among them.

    Any number of threads may call this: none waits for anything that it could do itself.
    """
    todo: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        todo.put(index)
    done: list = [None] * len(items)
    errors: list[BaseException] = []
    finished = threading.Semaphore(0)

    def take_part() -> None:
        while True:
            try:
                index = todo.get_nowait()
            except Empty:
                return
            try:
                if not errors:
                    done[index] = work(items[index])
            except BaseException as error:
                errors.append(error)
            finally:
                finished.release()

    if min(threads(), len(items)) > 1:
        _the_pool().ask(take_part, min(threads(), len(items)) - 1)
    take_part()
    for _ in items:
        finished.acquire()
    if errors:
        raise errors[0]
    return done


class Pool:
    """Threads beside the one that calls: as many as were asked for, or fewer where the system refuses more."""

    def __init__(self, asked: int):
        self.asked, self.size = asked, 0
        self._executor = ThreadPoolExecutor(asked, "selfvae-codec")
        gate = threading.Event()
        try:
            for _ in range(asked):  # each waits at the gate, so that the next one is another thread
                self._executor.submit(gate.wait)
                self.size += 1
        except RuntimeError:
            pass
        finally:
            gate.set()

    def ask(self, work: Callable[[], None], times: int) -> None:
        """Have so many threads, at most, do this as they become free."""
        try:
            for _ in range(min(times, self.size)):
                self._executor.submit(work)
        except RuntimeError:  # a process that ends starts nothing; the thread that calls goes on alone
            pass

    def close(self) -> None:
        self._executor.shutdown(wait=False)


def _the_pool() -> Pool:
    global _pool
    with loading:
        if _pool is None or _pool.asked != threads() - 1:
            if _pool is not None:
                _pool.close()
            _pool = Pool(threads() - 1)
        return _pool


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within this, products of matrices take one thread, in the whole process: BLAS knows nothing of ``set_threads``,
    its threads spin where cores are busy, and how many there are changes the last bits of its sums.
    """
    global _limited, _limit
    with _limiting:
        if _limited == 0:
            _limit = _blas().limit(limits=1, user_api="blas")
        _limited += 1
    try:
        yield
    finally:
        with _limiting:
            _limited -= 1
            if _limited == 0:
                _limit.restore_original_limits()


@cache
def _blas() -> Any:
    """A ThreadpoolController, which has looked for what the process has loaded."""
    from threadpoolctl import ThreadpoolController  # most of what is coded needs none

    return ThreadpoolController()


KEPT = 1 << 25  # bytes, of one block; glibc goes as far by itself, once a block of that size was freed
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h has them


def keep_freed() -> None:
    """Have glibc keep what is freed for what comes next: the system clears every page that it hands out, which is a
    twentieth of coding a picture of ordinary size, and what threads wait for together. Nothing is done where the
    environment sets glibc's thresholds, or the C library is another one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and not any(name.startswith("MALLOC_") for name in os.environ):
        mallopt(M_MMAP_THRESHOLD, KEPT)
        mallopt(M_TRIM_THRESHOLD, 2 * KEPT)


LARGE = 1 << 26  # bytes, beside which what an allocator keeps matters more than the time to get it again


def give_back(beside: int) -> None:
    """Give the system what was freed in many parts, which glibc would keep for such parts alone.

    beside: bytes of what is in use; nothing is done where that is little.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" and beside > LARGE else None
    if trim is not None:
        trim(0)


@contextmanager
def memory_errors() -> Iterator[None]:
    """A runtime's own exceptions for want of memory become MemoryError."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if not any(words in str(error) for words in ("alloc", "could not create a primitive")):  # all that oneDNN says
            raise
        raise MemoryError(str(error)) from error


def _in_child() -> None:
    global _pool, torch_forked
    _pool, torch_forked = None, torch_forked or "torch" in sys.modules
    loading.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=loading.acquire, after_in_parent=loading.release, after_in_child=_in_child)
