"""The manifest of a batch: one JSON line for each picture, written when it is done, read when a batch goes on.

A row: source, source_stamp, output, settings, error (null where all went well), width, height, bytes, bpp, levels
(bytes of each), model, seconds, worker, warnings. Later rows of a picture stand for earlier ones.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CodecError

NAME = "svae-manifest.jsonl"
Row = dict[str, Any]


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

    def done(self, source: str, output: str, stamp: str | None, settings: Mapping[str, Any]) -> Row | None:
        """The row of a picture that was coded before, from the same content and with the same settings, if any was.

        Whether its file is still there is for the caller to see.
        """
        row = self.rows.get((source, output))
        if row is None or row["error"] is not None or stamp is None:
            return None
        return row if (row["source_stamp"], row["settings"]) == (stamp, dict(settings)) else None

    def _lock(self) -> None:
        with contextlib.suppress(ImportError):  # not on Windows
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CodecError(f"{self.path}: another batch is writing to it") from None

    def _read(self) -> list[Row]:
        """The rows. A last line that was torn by a kill is cut off: its picture is done again."""
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        rows = []
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                row = json.loads(line)
                row["source"], row["output"], row["error"], row["source_stamp"], row["settings"]
            except (ValueError, KeyError, TypeError):
                raise CodecError(
                    f"{self.path}: line {number} is no row of a manifest; name another file with --manifest"
                ) from None
            rows.append(row)
        if whole < len(content):
            if not content[whole:].startswith(b"{"):
                raise CodecError(f"{self.path}: is no manifest; name another file with --manifest")
            os.truncate(self.path, whole)
        return rows
