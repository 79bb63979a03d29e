"""Many inputs for one command: where each output goes, who works on it, and what happens when one fails."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CodecError
from ..pictures import files
from . import console
from .orphans import end_with_parent

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

_KILLED = "its process was killed, most likely for want of memory: give fewer with -j"
HOLDS_SIGNALS = hasattr(signal, "pthread_sigmask")  # not on Windows
STOPS = {getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)}


@dataclass(frozen=True)
class Job:
    """One input, "-" for standard input, and where its output goes."""

    source: str
    target: str
    overwrite: bool


def plan(
    sources: Sequence[str],
    output: str | None,
    folder: Path | None,
    suffix: str,
    overwrite: bool | None,
    *,
    refills: bool,
) -> list[Job]:
    """A job for each input: to ``output``, into ``folder``, or beside it.

    overwrite: whether files may be replaced; None: ``output`` may, and with ``refills`` what is in ``folder``. An input
    never is. Makes the folder. Raises click.UsageError where outputs collide.
    """
    if output is not None and folder is not None:
        raise click.UsageError("give -o or --output-dir, not both")
    if len(sources) > 1 and output is not None:
        raise click.UsageError("-o names one file; give --output-dir, a folder, for several inputs")
    if files.STDIO in sources and (len(sources) > 1 or folder is not None):
        raise click.UsageError("standard input (-) has no name: give it alone, without --output-dir")
    jobs: dict[str, Job] = {}
    for source in sources:
        target = _target(source, output, folder, suffix)
        if target in jobs:
            raise click.UsageError(f"{jobs[target].source} and {source} would both become {target}")
        named = output is not None or folder is not None
        usual = output is not None or folder is not None and refills
        replaces = usual if overwrite is None else overwrite
        jobs[target] = Job(source, target, overwrite=target == files.STDIO or replaces)
        if named or replaces:
            refuse_input(source, target)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return list(jobs.values())


def refuse_input(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Raises click.UsageError where the output would be the input."""
    if files.same(source, target):
        raise click.UsageError(f"{target} is the input; give the output another name")


def _target(source: str, output: str | None, folder: Path | None, suffix: str) -> str:
    if output is not None:
        return output
    if source == files.STDIO:
        return files.STDIO
    if not Path(source).name:
        raise click.UsageError(f"{source!r} is no file's name")
    beside = Path(source).with_suffix(suffix)
    return str(beside if folder is None else folder / beside.name)


def run(jobs: Sequence[Job], work: Callable[[Job], dict | None], *, as_json: bool = False, processes: int = 1) -> None:
    """Work on every job, and with ``as_json`` print the facts of those that are done, in their order.

    One of several that fails is reported, and the others go on; CodecError at the end says how many did. processes: how
    many jobs are worked on at a time, each in a process of its own, to which ``work`` must travel.
    """
    facts = {}
    if len(jobs) == 1:
        facts[id(jobs[0])] = work(jobs[0])
    else:
        processes = min(processes, len(jobs))
        for job, done, failure in outcomes(jobs, work, processes, max(1, cores() // processes)):
            if failure is None:
                facts[id(job)] = done
            else:
                console.fail(failure)
    if as_json:
        told = [facts[id(job)] for job in jobs if id(job) in facts]
        files.write_out((json.dumps(told[0] if len(jobs) == 1 else told, indent=2) + "\n").encode())
    if len(facts) < len(jobs):
        raise CodecError(f"{len(jobs) - len(facts)} of {len(jobs)} inputs failed")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcomes(
    jobs: Iterable[Any], work: Callable[[Any], Any], processes: int, threads: int
) -> Iterator[tuple[Any, Any, str | None]]:
    """Each job with what came of it, as they finish: what ``work`` gave, or what went wrong.

    jobs: anything with a ``source``. processes: 1 for this one. threads: how many the networks of each new process may
    take. Where a process is killed, the jobs that it may have had are tried once more, each alone: the one that is
    killed again has failed, and the others go on.
    """
    attempt, jobs = partial(_attempt, work), iter(jobs)
    if processes == 1:
        for job in jobs:
            yield (job, *attempt(job))
        return
    lost: list[Any] | None = None
    while lost is None or lost:
        lost = yield from _pooled(jobs, attempt, processes, threads)
        for job in lost:
            if (yield from _pooled(iter([job]), attempt, 1, threads)):
                yield job, None, f"{job.source}: {_KILLED}"


def _pooled(
    jobs: Iterator[Any], attempt: Callable, processes: int, threads: int
) -> Generator[tuple[Any, Any, str | None], None, list[Any]]:
    """Outcomes from a pool, until there are no more jobs or a process is killed. Returns the jobs lost by that."""
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context, resource_tracker

    running: dict[Any, Any] = {}  # by its future
    lost: list[Any] = []
    started: list[Any] = []
    if HOLDS_SIGNALS:
        with _signals_held():  # for good in Python's own helper: a hangup would end it before it has tidied up
            resource_tracker.ensure_running()
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (threads,))

    def end() -> None:
        if lost:
            _end_all(pool)
        pool.shutdown(cancel_futures=True)  # what has begun is finished: no output is left half written

    try:
        while True:
            with _signals_held():  # in new processes until their first job: an interrupted import is a traceback
                for job in islice(jobs, 0 if lost else 2 * processes - len(running)):  # one to do, one to come
                    # all start before the first job: a pool looks after those that it had when a later call came
                    started = started or [pool.submit(int) for _ in range(processes)]
                    try:
                        running[pool.submit(_let_signals_in, attempt, job)] = job
                    except BrokenProcessPool:
                        lost.append(job)
                        break
            if not running:
                return lost
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    lost.append(job)
                else:
                    yield (job, *outcome)
    except (KeyboardInterrupt, SystemExit):
        end()  # who asked for what had begun hears of it before the end
        for future, job in running.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                yield (job, *future.result())
        raise
    finally:
        end()


def _end_all(pool: ProcessPoolExecutor) -> None:
    """End the processes of a broken pool for certain: it has told them to, but then waits for them without end.

    One may never hear of it: it waits for a lock that the killed one held, or the exception that should unwind it was
    raised where Python drops exceptions, as in a callback.
    """
    until = time.monotonic() + _PATIENCE_S
    for process in processes_of(pool):
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()


def processes_of(pool: ProcessPoolExecutor) -> list[BaseProcess]:
    """Those that work for a pool now."""
    return list((pool._processes or {}).values())  # public only since Python 3.14


@contextmanager
def _signals_held() -> Iterator[None]:
    """Signals to stop wait until the end, and in processes that start meanwhile until they let them in."""
    if not HOLDS_SIGNALS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _let_signals_in(attempt: Callable, job: Any) -> tuple[Any, str | None]:
    """An attempt in a process that started while they were held."""
    if HOLDS_SIGNALS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    with _at_work:
        return attempt(job)


def _attempt(work: Callable[[Any], Any], job: Any) -> tuple[Any, str | None]:
    """Whatever happens to one input, the others are done; only who reads the output may end them all by leaving."""
    try:
        return work(job), None
    except BrokenPipeError:
        raise
    except Exception as error:
        console.raise_if_interrupted(error)
        return None, console.words(error, job.source)


def _begin(threads: int) -> None:
    """In a new process: be quiet and quick to leave, as the command line is, and leave cores to the others."""
    from ..models.exact.backends import set_threads

    for number in (*STOPS, signal.SIGTERM):  # the last is what others get when one of them dies
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    console.warnings_for_people()
    set_threads(threads)
    end_with_parent(_leave_nothing_half_done)


_at_work = threading.Lock()
_PATIENCE_S = 60  # for what is at work to take its temporary files away


def _leave_nothing_half_done() -> None:
    os.kill(os.getpid(), signal.SIGTERM)  # the job unwinds
    _at_work.acquire(timeout=_PATIENCE_S)
