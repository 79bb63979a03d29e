"""Decodes files' levels for browsers, in processes that can be ended: so many at once, for so long, of so many pixels.

A process that takes too long is killed and another takes its place; threads could not be stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import warnings
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

from ...errors import CodecError
from .. import console
from ..jobs import processes_of
from ..orphans import end_with_parent
from .rendering import Wanted, rendered


class Busy(CodecError):
    """More pictures are waited for than this server takes on."""


class TooLong(CodecError):
    """The decode was ended since it took too long."""


@dataclass(frozen=True)
class Limits:
    """pixels: of a picture. seconds: of a decode. decodes: at once; waiting: beside these. cache: bytes of results."""

    pixels: int = 50_000_000
    seconds: float = 60
    decodes: int = 1
    waiting: int = 64
    cache: int = 256 << 20


class Decoders:
    """``get`` gives the bytes of a picture file. The same thing asked for twice at a time is decoded once."""

    def __init__(self, limits: Limits, work: Callable[[Wanted, int], bytes] = rendered):
        self.limits = limits
        self._work = work
        self._free: asyncio.Queue[ProcessPoolExecutor] = asyncio.Queue()
        for _ in range(limits.decodes):
            self._free.put_nowait(_process())
        self._cache: OrderedDict[Wanted, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._running: dict[Wanted, asyncio.Task[bytes]] = {}

    async def get(self, wanted: Wanted) -> bytes:
        """Raises Busy, TooLong, and what decoding raises."""
        if wanted in self._cache:
            self._cache.move_to_end(wanted)
            return self._cache[wanted]
        if wanted not in self._running:
            if len(self._running) >= self.limits.decodes + self.limits.waiting:
                raise Busy("too many pictures are waited for; try again in a moment")
            task = asyncio.create_task(self._decode(wanted))
            self._running[wanted] = task
            task.add_done_callback(lambda _: self._running.pop(wanted, None))
        return await asyncio.shield(self._running[wanted])

    async def _decode(self, wanted: Wanted) -> bytes:
        process, seconds = await self._free.get(), self.limits.seconds
        try:
            work = asyncio.get_running_loop().run_in_executor(process, _told, self._work, wanted, self.limits.pixels)
            content = await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:
            process = _replaced(process)
            raise TooLong(f"was not decoded within {seconds:g} s, the limit that was set") from None
        except BrokenProcessPool:
            process = _replaced(process)
            raise CodecError("the decoder was killed, most likely for want of memory") from None
        finally:
            self._free.put_nowait(process)
        self._keep(wanted, content)
        return content

    def _keep(self, wanted: Wanted, content: bytes) -> None:
        self._cache[wanted] = content
        self._cached_bytes += len(content)
        while self._cached_bytes > self.limits.cache:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= len(dropped)

    async def close(self) -> None:
        for task in list(self._running.values()):
            task.cancel()
        while not self._free.empty():
            _end(self._free.get_nowait())


def _told(work: Callable[[Wanted, int], bytes], wanted: Wanted, pixels: int) -> bytes:
    """The work, in its process. Warnings are for who runs the server, and name the file."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            return work(wanted, pixels)
        finally:
            for warning in caught:
                with contextlib.suppress(OSError):  # nobody reads them: the picture is there all the same
                    console.warn(f"{wanted.path}: {warning.message}")


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), _begin)


def _begin() -> None:
    """In a new process: whoever stops the server, in whatever way, stops its processes, without a word from each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    console.warnings_for_people()
    end_with_parent()


def _end(process: ProcessPoolExecutor) -> None:
    for worker in processes_of(process):
        worker.kill()
    process.shutdown(wait=False, cancel_futures=True)


def _replaced(process: ProcessPoolExecutor) -> ProcessPoolExecutor:
    _end(process)
    return _process()
