"""Whole files in, whole files out: reading, and writing that either succeeds or leaves no trace.

"-" is standard input or output.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path

STDIO = "-"


def read(path: str | os.PathLike) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises OSError."""
    if str(path) == STDIO:
        return sys.stdin.buffer.read()
    return Path(path).read_bytes()


class Output:
    """A file that appears whole, under its name, when the ``with`` block ends without an error.

    Entering the block fails at once, with OSError, if the file could not be written later: so do it before
    the work. Until the block ends, an existing file is untouched; ``overwrite=False`` refuses one.
    Devices and pipes are written to directly.
    """

    def __init__(self, path: str | os.PathLike, *, overwrite: bool = True):
        self.name = str(path)
        self._overwrite = overwrite
        self._content: bytes | None = None

    def write(self, content: bytes) -> None:
        """The content of the file: called once."""
        self._content = content

    def __enter__(self) -> Output:
        self._temporary = None
        if self.name == STDIO:
            return self
        self._path = Path(os.path.realpath(self.name))  # a link stays a link: what it points to is replaced
        mode = self._path.stat().st_mode if self._path.exists() else None
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(None, "is a directory; name a file", self.name)
        if mode is not None and not os.access(self._path, os.W_OK):
            raise PermissionError(None, "is write-protected", self.name)
        self._refuse_existing()
        if mode is not None and not stat.S_ISREG(mode):
            return self
        temporary = self._path.parent / f".selfvae-{secrets.token_hex(6)}.tmp"
        try:
            # The usual permissions of a new file; an existing file keeps its own.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise type(error)(error.errno, f"cannot write there: {error.strerror}", self.name) from None
        os.close(descriptor)
        self._temporary = temporary
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        return self

    def __exit__(self, kind, value, traceback) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)

    def _commit(self) -> None:
        if self._content is None:
            raise RuntimeError("nothing was written to the output")
        if self.name == STDIO:
            sys.stdout.buffer.write(self._content)
            sys.stdout.buffer.flush()
        elif self._temporary is None:
            self._path.write_bytes(self._content)
        else:
            self._temporary.write_bytes(self._content)
            self._refuse_existing()
            os.replace(self._temporary, self._path)

    def _refuse_existing(self) -> None:
        if not self._overwrite and self._path.exists():
            raise FileExistsError(None, "exists already and was left as it is", self.name)
