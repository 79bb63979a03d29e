"""Files put into the user's home, and taken out again: those and no others.

A record beside them says which files and which folders are ours, so that what was there before stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from ...errors import CodecError
from ...pictures import files


def data_home() -> Path:
    return _xdg("XDG_DATA_HOME", ".local/share")


def config_home() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config")


def _xdg(name: str, default: str) -> Path:
    """A folder of the XDG base directory specification: the variable counts if it is an absolute path."""
    said = os.environ.get(name, "")
    return Path(said) if os.path.isabs(said) else Path.home() / default


_BEGIN, _END = b"# selfvae-codec: begin\n", b"# selfvae-codec: end\n"  # around lines of ours in a file of the user's
_BLOCK = re.compile(re.escape(_BEGIN) + b".*?" + re.escape(_END), re.DOTALL)


class Record:
    """What was put into the home for one purpose: ``put`` and ``insert`` add to it, ``remove`` takes it back."""

    def __init__(self, purpose: str):
        self.path = data_home() / "selfvae-codec" / f"{purpose}.json"
        self.files: list[str] = []
        self.folders: list[str] = []
        self.blocks: list[str] = []  # files of the user's that hold a part of ours
        if self.path.exists():
            try:
                known = json.loads(self.path.read_bytes())
                self.files, self.folders, self.blocks = (list(known[key]) for key in ("files", "folders", "blocks"))
            except (ValueError, KeyError, TypeError):
                raise CodecError(f"{self.path}: is damaged; remove it, and what it names, by hand") from None

    def put(self, path: Path, content: str) -> None:
        """A file of ours. Raises CodecError where another one has its name."""
        if path.exists() and str(path) not in self.files:
            raise CodecError(f"{path}: {files.KEPT}")
        self._write(path, os.fsencode(content))  # it may name paths, which may be no UTF-8
        if str(path) not in self.files:
            self.files.append(str(path))
        self._save()

    def insert(self, path: Path, lines: str) -> None:
        """Lines at the start of a file that is the user's, or will be: whose end, and every byte, stays as it is."""
        before = path.read_bytes() if path.exists() else b""
        self._write(path, _BEGIN + lines.encode() + _END + before)
        self.blocks.append(str(path))
        self._save()

    def remove(self, clean: Callable[[], None] | None = None) -> list[Path]:
        """Takes everything back, and returns the files. Folders that were made go where they are empty.

        clean: what to do once the files are gone, before the folders go.
        """
        for name in self.blocks:
            path = Path(name)
            if path.exists():
                left = _BLOCK.sub(b"", path.read_bytes())
                self._write(path, left) if left else path.unlink()
        removed = [Path(name) for name in self.files]
        for path in removed:
            path.unlink(missing_ok=True)
        removed += map(Path, self.blocks)
        if clean is not None and removed:
            clean()
        self.path.unlink(missing_ok=True)
        for name in sorted(self.folders, key=len, reverse=True):
            with contextlib.suppress(OSError):  # not empty: somebody else uses it by now
                Path(name).rmdir()
        self.files, self.folders, self.blocks = [], [], []
        return removed

    def _write(self, path: Path, content: bytes) -> None:
        self._make(path.parent)
        with files.Output(path) as out:
            out.write(content)

    def _make(self, folder: Path) -> None:
        missing = [part for part in (folder, *folder.parents) if not part.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self.folders += [str(part) for part in missing if str(part) not in self.folders]

    def _save(self) -> None:
        self._make(self.path.parent)
        content = json.dumps({"files": self.files, "folders": self.folders, "blocks": self.blocks}, indent=1)
        self._write(self.path, content.encode())
