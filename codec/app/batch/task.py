"""One picture of a batch, from its bytes to its row in the manifest. Runs in workers of any engine.

An engine may run a task again when it lost the worker that had it, and so may a batch that was stopped. Files appear
whole, and a task knows what was at its target when it was begun first: a file that is there since then is its own.
"""

from __future__ import annotations

import os
import socket
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

from ...errors import CodecError, CodecWarning
from ...pictures import files
from .. import console
from . import stores
from .manifest import Row


@dataclass(frozen=True)
class Task:
    """What a worker is told.

    settings: those of ``encode``; model: the id of the weights that they name. before: the stamp of what is at the
    target, None for nothing. threads: that networks may take.
    """

    source: str
    stamp: str | None
    output: str
    before: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    backend: str = "auto"
    strip: bool = False
    overwrite: bool = True
    threads: int = 1


def run(task: Task) -> Row:
    """Code the picture and write its file. Whatever goes wrong is in the row, and nothing is raised."""
    start = time.perf_counter()
    facts: Row = {}
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", CodecWarning)
        try:
            facts = _facts(_coded(task))
        except Exception as failure:
            error = console.words(failure, task.source)
    seconds = round(time.perf_counter() - start, 3)
    said = [str(warning.message) for warning in caught]
    return row_of(task, error) | facts | {"seconds": seconds, "worker": _worker(), "warnings": said}


def row_of(task: Task, error: str | None) -> Row:
    """What is known of a task without its work."""
    return {
        "source": task.source,
        "source_stamp": task.stamp,
        "output": task.output,
        "settings": task.settings,
        "strip": task.strip,
        "model": task.model,
        "error": error and " ".join(error.split()),
    }


def _coded(task: Task) -> bytes:
    """The bytes of the file: made and written, or there already from an earlier try of this batch."""
    there = stores.look(task.output)
    if there is not None and there.stamp != task.before:
        return stores.read(task.output)
    if there is not None and not task.overwrite:
        raise CodecError(f"{task.output}: {files.KEPT}")
    import selfvae_codec

    from ...pictures import imaging

    selfvae_codec.set_threads(task.threads)
    picture = imaging.from_bytes(stores.read(task.source))
    metadata = selfvae_codec.Metadata() if task.strip else None
    data = selfvae_codec.encode(picture, metadata=metadata, backend=task.backend, **task.settings)
    stores.write(task.output, data, overwrite=task.overwrite)
    return data


def _facts(data: bytes) -> Row:
    from ..info import facts

    known = facts(_read_header(data))
    return {
        "width": known["width"],
        "height": known["height"],
        "bytes": known["file_bytes"],
        "bpp": known["bpp"],
        "levels": [level["bytes"] for level in known["levels"]],
        "model": known["model"],
    }


def _read_header(data: bytes):
    from selfvae_codec import read_header

    return read_header(data)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
