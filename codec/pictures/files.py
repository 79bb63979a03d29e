"""Whole files in, whole files out: reading, and writing that either succeeds or leaves no trace.

"-" is standard input or output.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from ..format.header import MAX_HEADER_BYTES, Header, read_header
from .drafts import Draft
from .streams import write_all

STDIO = "-"
KEPT = "exists already and was left as it is"
PICTURE_SUFFIXES = frozenset(  # names of pictures that are none of ours
    ".apng .avif .bmp .dng .gif .heic .heif .ico .j2k .jfif .jp2 .jpe .jpeg .jpg .jxl .pbm .pdf .pgm .png .pnm .ppm "
    ".psd .qoi .svg .tga .tif .tiff .webp".split()
)
_PIECE = 1 << 20


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises OSError."""
    if str(path) != STDIO:
        return Path(path).read_bytes()
    return _input().read()


def _input() -> BinaryIO:
    if sys.stdin is None:
        raise OSError(None, "is closed: there is nothing to read", "standard input")
    return sys.stdin.buffer


def same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two names are of one file, which is there."""
    there = STDIO not in (str(one), str(other)) and os.path.exists(one) and os.path.exists(other)
    return there and os.path.samefile(one, other)


def write_out(content: bytes) -> None:
    """All of it to standard output. Raises OSError, which names it; BrokenPipeError where the reader has left."""
    if sys.stdout is None:
        raise OSError(None, "is closed: there is nowhere to write", "standard output")
    sys.stdout.flush()
    try:
        write_all(sys.stdout.buffer, content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _named(error, "standard output") from None


def read_coded(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a coded file, and one more where it goes on after its end. Raises OSError, what read_header raises.

    Nothing is read of what does not begin like one of ours, and no more than the header says.
    """
    with _opened(path) as stream:
        head = stream.read(MAX_HEADER_BYTES)
        return head + stream.read(max(0, read_header(head).file_bytes + 1 - len(head)))


def read_head(path: str | os.PathLike[str]) -> tuple[Header, int]:
    """The header of a coded file, and how many of the bytes that it speaks of are there, one more if it goes on."""
    with _opened(path) as stream:
        head = stream.read(MAX_HEADER_BYTES)
        header = read_header(head)
        there, most = len(head), header.file_bytes + 1
        if stream.seekable():
            there = stream.seek(0, os.SEEK_END)
        while there < most and (more := stream.read(min(_PIECE, most - there))):
            there += len(more)
    return header, min(there, most)


def _opened(path: str | os.PathLike[str]) -> contextlib.AbstractContextManager[BinaryIO]:
    return contextlib.nullcontext(_input()) if str(path) == STDIO else open(path, "rb")


class Output:
    """A file that appears whole, under its name, when the ``with`` block ends without an error.

    Entering the block fails at once, with OSError, if the file could not be written later: so do it before
    the work. Until the block ends, an existing file is untouched; ``overwrite=False`` refuses one, also one that
    appears meanwhile. Devices and pipes are written to directly.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = True):
        self.name = str(path)
        self._overwrite = overwrite
        self._content: bytes | None = None

    def write(self, content: bytes) -> None:
        """The content of the file: called once."""
        self._content = content

    def __enter__(self) -> Output:
        self._draft: Draft | None = None
        if self.name == STDIO:
            return self
        self._path = Path(os.path.realpath(self.name))  # a link stays a link: what it points to is replaced
        mode = os.stat(self.name).st_mode if os.path.exists(self.name) else None
        separators = tuple(filter(None, (os.sep, os.altsep)))
        if mode is not None and stat.S_ISDIR(mode) or self.name.endswith(separators):
            raise IsADirectoryError(None, "is a directory; name a file", self.name)
        if mode is not None and not os.access(self.name, os.W_OK):
            raise PermissionError(None, "is write-protected", self.name)
        if mode is not None and not self._overwrite:
            raise self._exists()
        if mode is not None and not stat.S_ISREG(mode):
            self._path = Path(self.name)  # /dev/stdout leads to a pipe that has no name of its own
            return self
        try:
            self._draft = Draft(self._path)
        except OSError as error:
            raise type(error)(error.errno, f"cannot write there: {error.strerror}", self.name) from None
        if mode is not None:
            self._draft.allow(stat.S_IMODE(mode))  # an existing file keeps its own
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            if self._draft is not None:
                self._draft.discard()

    def _commit(self) -> None:
        if self._content is None:
            raise RuntimeError("nothing was written to the output")
        if self.name == STDIO:
            return write_out(self._content)
        try:
            if self._draft is None:
                with open(self._path, "wb", buffering=0) as stream:
                    write_all(stream, self._content)
            else:
                self._draft.write(self._content)
                self._draft.appear(overwrite=self._overwrite)
        except FileExistsError:
            raise self._exists() from None
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _named(error, self.name) from None

    def _exists(self) -> FileExistsError:
        return FileExistsError(None, KEPT, self.name)


def _named(error: OSError, name: str) -> OSError:
    """The same error, about that file."""
    return type(error)(error.errno, error.strerror or str(error), name)
