"""The pictures that a folder has to show, and no other file: names from the outside are not trusted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import CodecError

SUFFIX = ".svae"
_REFUSED = set("\\\0\n")  # a separator elsewhere, the end of a C string, what routes do not match


class NotHere(CodecError):
    """No such picture in the folder."""


@dataclass(frozen=True)
class Shown:
    """A file to show: where it is, its size, and a tag that changes when it does."""

    path: Path
    size: int
    tag: str


class Folder:
    """A folder and all below it.

    Hidden files, other extensions, links that lead out of it, and names that are no UTF-8 are not shown.
    """

    def __init__(self, path: Path):
        self.path = Path(os.path.realpath(path))
        if not self.path.is_dir():
            raise CodecError(f"{path}: is no folder")

    def names(self) -> Iterator[str]:
        """Of all files to show, with / between folders, in order."""
        for folder, below, inside in os.walk(self.path):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for file in sorted(inside):
                name = Path(folder, file).relative_to(self.path).as_posix()
                try:
                    self.find(name)
                except NotHere:
                    continue
                yield name

    def find(self, name: str) -> Shown:
        """The file of that name. Raises NotHere for whatever is not to be shown, and does not say why."""
        parts = name.split("/")
        bad = any(part.startswith(".") or not part or set(part) & _REFUSED for part in parts)
        if bad or not name.lower().endswith(SUFFIX) or not _is_unicode(name):
            raise NotHere(f"{name}: no such picture")
        path = self.path.joinpath(*parts)
        try:
            real = Path(os.path.realpath(path, strict=True))
            facts = real.stat()
        except (OSError, ValueError):
            raise NotHere(f"{name}: no such picture") from None
        if not real.is_relative_to(self.path) or not real.is_file():
            raise NotHere(f"{name}: no such picture")
        return Shown(real, facts.st_size, f"{facts.st_size:x}-{facts.st_mtime_ns:x}")


def _is_unicode(name: str) -> bool:
    """Names on a disk may be any bytes; Python stands in for those that are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
