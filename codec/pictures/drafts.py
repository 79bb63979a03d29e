"""Files that get their names last: what a process leaves undone, even when it is killed, nobody finds."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .streams import write_all

_DESCRIPTORS = "/proc/self/fd"


class Draft:
    """What will be the file ``path``: without a name where Linux has such files, else with a hidden one.

    Raises OSError, as opening the file would.
    """

    def __init__(self, path: Path):
        self._path = path
        self._hidden: Path | None = None
        nameless = getattr(os, "O_TMPFILE", None)
        if nameless is not None and os.path.isdir(_DESCRIPTORS):
            try:
                self._descriptor = os.open(path.parent, os.O_WRONLY | nameless, 0o666)
                return
            except OSError:  # a file system without; or no such folder, as the next line says in its words
                pass
        self._hidden = self._new_name()
        self._descriptor = os.open(self._hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)

    def allow(self, permissions: int) -> None:
        """Others than a new file's usual ones."""
        os.chmod(self._hidden or self._descriptor, permissions)

    def write(self, content: bytes) -> None:
        with open(self._descriptor, "wb", buffering=0, closefd=False) as stream:
            write_all(stream, content)
        os.fsync(self._descriptor)  # the name must not outlive a power cut that the bytes do not

    def appear(self, *, overwrite: bool) -> None:
        """Take the name, from another file if need be. Raises FileExistsError where it must stay that one's."""
        try:
            if not (overwrite and self._hidden):  # whoever has taken the name meanwhile keeps it, or gives it up below
                return self._link(self._path)
        except FileExistsError:
            if not overwrite:
                raise
        except OSError:
            if self._hidden is None:
                raise
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # no links on this file system
        self._replace()

    def discard(self) -> None:
        """All that is left of it, whether it has appeared or not."""
        self._close()
        if self._hidden:
            self._hidden.unlink(missing_ok=True)

    def _replace(self) -> None:
        if self._hidden is None:
            self._link(name := self._new_name())
            self._hidden = name
        self._close()  # Windows renames no open file
        os.replace(self._hidden, self._path)

    def _link(self, name: Path) -> None:
        if self._hidden:
            return os.link(self._hidden, name)
        folder = os.open(_DESCRIPTORS, os.O_RDONLY)
        try:
            os.link(str(self._descriptor), name, src_dir_fd=folder)
        finally:
            os.close(folder)

    def _new_name(self) -> Path:
        return self._path.parent / f".selfvae-{secrets.token_hex(6)}.tmp"

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
