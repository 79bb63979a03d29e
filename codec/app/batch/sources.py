"""Which pictures SOURCE... names, and what each one's file is called below the destination."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from ...errors import CodecError
from . import stores

SUFFIX = ".svae"
_FULL_NAMES = "; --full-names keeps their extensions (a.png.svae)"
# Formats that Pillow knows by their extension, but shows no picture of, or only with another program's help.
_NOT_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "SVAE", "WMF"}


class Source(NamedTuple):
    """A picture: where it is, what changes when its content does, and its path below what was named, with / in it."""

    name: str
    stamp: str | None  # None: it is not there
    relative: str


def expand(names: Sequence[str]) -> list[Source]:
    """Every picture that paths, folders, globs and URLs of these name, once each, in order.

    Files are taken as they are named; of folders, all below them that have the extension of a picture; hidden ones are
    left out. A file that is named and is not there is in the list. Raises CodecError for what names nothing.
    """
    listed: dict[str, Source] = {}
    for name in names:
        found = list((_urls if stores.is_url(name) else _paths)(name)) if name else []
        if not found:
            raise CodecError(f"{name}: names no picture")
        for source in found:
            listed.setdefault(_once(source.name), source)
    return list(listed.values())


def targets(sources: Sequence[Source], destination: str, *, full_names: bool = False) -> list[str]:
    """Where each picture's file goes: its path below the destination, with .svae in place of its extension.

    full_names: after it, a.png.svae. Raises CodecError where two would be the same file, or one would be a picture that
    is to be read.
    """
    taken: dict[str, Source] = {}
    inputs = {_end(source.name) for source in sources}
    for source in sources:
        path = PurePosixPath(source.relative)
        path = path.with_name(path.name + SUFFIX) if full_names else path.with_suffix(SUFFIX)
        target = _join(destination, str(path))
        if target in taken:
            other = taken[target]
            helps = "" if full_names or other.relative == source.relative else _FULL_NAMES
            raise CodecError(f"{other.name} and {source.name} would both become {target}{helps}")
        if _end(target) in inputs:
            raise CodecError(f"{target} is an input, which the file of {source.name} would replace: name another --to")
        taken[target] = source
    return list(taken)


def _once(name: str) -> str:
    """Equal for names of one picture. Links of folders are followed; a link to a picture is one with its own name."""
    name = stores.canonical(name)
    if stores.is_url(name):
        return name
    folder, last = os.path.split(name)
    return os.path.join(os.path.realpath(folder), last)


def _end(name: str) -> str:
    """Equal for names of one file, which is what a link leads to."""
    name = stores.canonical(name)
    return name if stores.is_url(name) else os.path.realpath(name)


def _join(destination: str, relative: str) -> str:
    if stores.is_url(destination):
        return f"{destination.rstrip('/')}/{relative}"
    return os.path.join(destination, *relative.split("/"))


def _paths(name: str) -> Iterator[Source]:
    if os.path.isdir(name):
        for folder, below, inside in os.walk(name):
            below[:] = sorted(b for b in below if not b.startswith("."))
            for path in sorted(os.path.join(folder, file) for file in inside if _is_picture(file)):
                if os.path.isfile(path) or not os.path.exists(path):  # no pipe, which may never end
                    yield _path(path, name)
    elif glob.has_magic(name) and not os.path.exists(name):
        root = _fixed_part(name, os.sep)
        for path in sorted(glob.glob(name, recursive=True)):
            if os.path.isfile(path):
                yield _path(path, root)
    else:
        yield _path(name, os.path.dirname(name))


def _path(path: str, root: str) -> Source:
    found = stores.found_path(path)
    return Source(path, found and found.stamp, os.path.relpath(path, root or ".").replace(os.sep, "/"))


def _urls(url: str) -> Iterator[Source]:
    """Of a chain, the first part is what is looked into; the rest says where it is."""
    first, *chain = url.split("::")
    kind = stores.protocol(url)
    with stores.failures_about(url):
        fs, path = stores.filesystem(url)
        if fs.isdir(path):
            root, entries = path, fs.find(path, detail=True)
            entries = {name: entry for name, entry in entries.items() if _is_picture(name[len(path) :])}
        elif glob.has_magic(path):
            root, entries = _fixed_part(path, "/"), fs.glob(path, detail=True)
            entries = {name: entry for name, entry in entries.items() if entry["type"] == "file"}
        else:
            root, entries = path.rpartition("/")[0], {path: fs.info(path)} if fs.exists(path) else {}
            if not entries:
                yield Source(url, None, path.rpartition("/")[2])
    for name, entry in sorted(entries.items()):
        own = f"{kind}://{name.lstrip('/')}" if chain else fs.unstrip_protocol(name)
        found = stores.found_entry("::".join([own, *chain]), entry)
        yield Source(found.name, found.stamp, below(name, root, url))


def below(name: str, root: str, url: str) -> str:
    """A name without what it lies in. Archives may hold names that lead out of any folder: refused."""
    relative = name.removeprefix(root).lstrip("/")
    if ".." in relative.split("/") or "\\" in relative or not relative:
        raise CodecError(f"{url}: holds {name!r}, a name that leads out of the destination")
    return relative


def _fixed_part(pattern: str, separator: str) -> str:
    """The folders of a glob before the first that varies."""
    parts = pattern.split(separator)
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return separator.join(parts[:first]) or (separator if pattern.startswith(separator) else "")


def _is_picture(name: str) -> bool:
    """Whether a name found in a folder has the extension of a picture, and no part of it is hidden."""
    from PIL import Image

    path = PurePosixPath(name)
    known = Image.registered_extensions().get(path.suffix.lower())
    hidden = any(part.startswith(".") and part != ".." for part in path.parts)
    return known in Image.OPEN and known not in _NOT_PICTURES and not hidden
