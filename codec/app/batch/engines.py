"""Who runs the tasks of a batch: processes of this machine, a Dask cluster, a Ray cluster.

Each engine takes tasks as they come and yields their rows as they are done. Scheduling, retries and dashboards of Dask
and Ray are theirs; a few hundred tasks are handed over at a time, so that a batch may be of any length.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from ...errors import CodecError
from .. import console, jobs
from .manifest import Row
from .task import Task, row_of, run

RETRIES = 3  # of a task whose worker died
AHEAD = 256  # tasks handed to a cluster and not yet done


def local(tasks: Iterable[Task], *, workers: int, threads: int, address: str | None) -> Iterator[Row]:
    """On a pool of processes. A task whose process was killed twice is a failure."""
    for task, row, failure in jobs.outcomes(tasks, run, workers, threads):
        yield row_of(task, failure) if row is None else row


def dask(tasks: Iterable[Task], *, workers: int, threads: int, address: str | None) -> Iterator[Row]:
    """On the workers of a scheduler (tcp://host:8786), or of a cluster of processes that is started here."""
    try:
        from distributed import Client, KilledWorker, LocalCluster, as_completed
    except ModuleNotFoundError as error:
        raise _missing("dask", error) from None
    cluster = address or LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    try:
        with Client(cluster) as client:
            console.say(f"dashboard: {client.dashboard_link}")

            def submit(task: Task):
                future = client.submit(run, task, retries=RETRIES, pure=False, key=f"svae-{task.output}")
                return future, task

            rest = iter(tasks)
            running = dict(submit(task) for task in islice(rest, AHEAD))
            done = as_completed(list(running))
            for future in done:
                task, failure = running.pop(future), future.exception()
                yield future.result() if failure is None else row_of(task, _words(failure, KilledWorker))
                for task in islice(rest, 1):
                    added, _ = submit(task)
                    running[added] = task
                    done.add(added)
    finally:
        if not isinstance(cluster, str):
            cluster.close()


def ray(tasks: Iterable[Task], *, workers: int, threads: int, address: str | None) -> Iterator[Row]:
    """On a Ray cluster (its address, or "auto"), or on one that is started here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere unless asked for
    try:
        import ray as engine
    except ModuleNotFoundError as error:
        raise _missing("ray", error) from None
    own = {} if address else {"num_cpus": workers * threads, "include_dashboard": None}
    engine.init(address=address or "local", log_to_driver=False, logging_level="WARNING", **own)
    try:
        errors = engine.exceptions
        lost = (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError)
        remote = engine.remote(num_cpus=threads, max_retries=RETRIES)(run)
        rest = iter(tasks)
        running = {remote.remote(task): task for task in islice(rest, AHEAD)}
        while running:
            (done,), _ = engine.wait(list(running), num_returns=1)
            task = running.pop(done)
            try:
                yield engine.get(done)
            except errors.RayError as error:
                yield row_of(task, _words(error, lost))
            running.update((remote.remote(task), task) for task in islice(rest, 1))
    finally:
        engine.shutdown()


ENGINES: dict[str, Callable[..., Iterator[Row]]] = {"local": local, "dask": dask, "ray": ray}


def _words(error: BaseException, lost: type | tuple[type, ...]) -> str:
    """What became of a task that has no row: ``run`` itself raises nothing."""
    if isinstance(error, lost):
        return f"its worker was lost {RETRIES + 1} times, most likely for want of memory ({type(error).__name__})"
    return f"the engine could not run it: {type(error).__name__}: {error}"


def _missing(extra: str, error: ModuleNotFoundError) -> CodecError:
    return CodecError(f"--engine {extra} needs {error.name}, not installed: pip install 'selfvae-codec[{extra}]'")
