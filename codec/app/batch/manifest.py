"""The manifest of a batch: one JSON line for each picture, written when it is done, read when a batch goes on.

A row: source, source_stamp, output, settings, strip, model (its id), error (null where all went well), width, height,
bytes, bpp, levels (bytes of each), seconds, worker, warnings. Later rows of a picture stand for earlier ones. Where no
file may be replaced, a row whose error is BEGUN comes first: a file that is there later is the batch's own.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ...errors import CodecError

NAME = "svae-manifest.jsonl"
BEGUN = "was begun with nothing in its file's place, and not heard of again"
Row = dict[str, Any]
_START = b'{"source": "'  # of every row that was written
_TOLD = ("source_stamp", "settings", "strip", "model")  # what a picture is done again for where it changes


class Manifest:
    """The rows of a file that is there or will be, and room for more. Close it; one batch at a time may write to it.

    Raises CodecError where another batch does, or where the file holds something else; OSError.
    """

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b")
        try:
            self._lock()
            self.rows = {(row["source"], row["output"]): row for row in self._read()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        """One more row; it is on its way to the disk when this returns."""
        self.rows[row["source"], row["output"]] = row
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()

    def done(self, told: Row) -> Row | None:
        """The row of a picture that was coded before, as it is told to be now, if any was.

        From the same content, with the same settings, by the same weights. Whether its file is still there is for the
        caller to see.
        """
        row = self._latest(told)
        return row if row is not None and row["error"] is None else None

    def begun(self, told: Row) -> bool:
        """Whether the same was begun before, and the batch stopped: what is at its target by now is what it made."""
        row = self._latest(told)
        return row is not None and row["error"] == BEGUN

    def _latest(self, told: Row) -> Row | None:
        # rows did not say strip once: metadata may be in their files; failures did not say the model
        row = {"strip": False, "model": None} | self.rows.get((told["source"], told["output"]), {})
        same = told["source_stamp"] is not None and all(row.get(key) == told[key] for key in _TOLD)
        return row if same else None

    def _lock(self) -> None:
        with contextlib.suppress(ImportError):  # not on Windows
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CodecError(f"{self.path}: another batch is writing to it") from None

    def _read(self) -> list[Row]:
        """The rows. A last line that was torn by a kill is cut off: its picture is done again.

        Raises CodecError, and leaves the file as it is, where anything else is in it.
        """
        self._file.seek(0)
        content = self._file.read()
        *lines, last = content.split(b"\n")
        rows = [self._row(line, number) for number, line in enumerate(lines, 1)]
        if _is_torn(last, alone=not rows):
            os.truncate(self.path, len(content) - len(last))
        elif last:
            rows.append(self._row(last, len(rows) + 1))
            self._file.write(b"\n")
        return rows

    def _row(self, line: bytes, number: int) -> Row:
        row = _parsed(line)
        if isinstance(row, dict) and isinstance(row.get("source"), str) and isinstance(row.get("output"), str):
            needed = {"source_stamp", "settings", "error"} | ({"bytes", "model"} if row.get("error") is None else set())
            if needed <= row.keys():
                return row
        raise CodecError(f"{self.path}: line {number} is no row of a manifest; name another file with --manifest")


def _is_torn(line: bytes, *, alone: bool) -> bool:
    """Whether it is how a row begins, and not all of it. ``alone``, a few bytes of one could be anybody's."""
    begins = line.startswith(_START) or not alone and line != b"" and _START.startswith(line)
    return begins and _parsed(line) is None


def _parsed(line: bytes) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
