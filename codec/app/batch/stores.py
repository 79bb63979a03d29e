"""Files by path or by URL: read, look at, list and write whole. Paths need nothing; URLs are fsspec's.

What is written appears whole or not at all. Local files are renamed into place. Object stores (S3, Google, Azure) show
an object only once all of it has arrived, and have no rename: one put is all it takes there. Everything else (SSH,
HDFS, SMB, ...) gets a temporary name first and is moved.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import CodecError
from ...pictures import files

OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory"}
ARCHIVES = {"zip", "tar", "libarchive"}  # one file that holds others: nothing in it can be replaced or moved
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "CRC", "mtime", "LastModified", "last_modified", "created")


class Found(NamedTuple):
    """A file: its path or URL, its size in bytes, and what changes when its content does."""

    name: str
    size: int
    stamp: str


def is_url(name: str) -> bool:
    return "://" in name or "::" in name


def protocol(url: str) -> str:
    """What comes before ``://``; of a chain (zip://*.png::s3://b/all.zip), that of its first part."""
    return url.split("::")[0].partition("://")[0]


def canonical(name: str) -> str:
    """A path, or a URL that is the same in whatever way it was written; links are not followed.

    A URL of this machine is a path. Of a chain, which may be read but not written to, nothing is known.
    """
    if not is_url(name):
        return os.path.abspath(name)
    if "::" in name:
        return name
    fs, path = filesystem(name)
    return path if protocol(name) in ("file", "local") else fs.unstrip_protocol(path)


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it. Raises CodecError where a package is missing."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise CodecError(f"{url}: URLs need fsspec, not installed: pip install 'selfvae-codec[batch]'") from None
    try:
        return url_to_fs(url)
    except ImportError as error:
        raise CodecError(f"{url}: {error}") from None  # names the package to install
    except ValueError as error:
        raise CodecError(f"{url}: {error}") from None  # no such protocol


@contextlib.contextmanager
def failures_about(url: str) -> Iterator[None]:
    """Stores raise whatever their client libraries do: here it becomes an error about a URL."""
    try:
        yield
    except CodecError:
        raise
    except FileNotFoundError:
        raise CodecError(f"{url}: no such file") from None
    except Exception as error:
        raise CodecError(f"{url}: {' '.join(str(error).split()) or type(error).__name__}") from error


def read(name: str) -> bytes:
    """All bytes of a file. Raises OSError (paths), CodecError (URLs)."""
    if not is_url(name):
        return files.read(name)
    with failures_about(name):
        fs, path = filesystem(name)
        return fs.cat_file(path)


def look(name: str) -> Found | None:
    """A file, or None where there is none. Raises OSError (paths), CodecError (URLs)."""
    if not is_url(name):
        return _at(name)
    with failures_about(name):
        fs, path = filesystem(name)
        fs.invalidate_cache()
        return found_entry(name, fs.info(path)) if fs.exists(path) else None


def found_path(name: str) -> Found | None:
    """A file as listings need it: one that cannot be looked at is None, and fails alone when its turn comes."""
    try:
        return _at(name)
    except OSError:
        return None


def _at(name: str) -> Found | None:
    try:
        facts = os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Found(name, facts.st_size, f"{facts.st_size}-{facts.st_mtime_ns}")


def found_entry(url: str, entry: Mapping[str, Any]) -> Found:
    """A file as fsspec lists it."""
    version = next((str(entry[key]) for key in _VERSIONS if entry.get(key)), "")
    return Found(url, entry["size"] or 0, f"{entry['size']}-{version}".strip('"'))


def present(folder: str, names: Iterable[str]) -> dict[str, Found]:
    """Those of the files, all below a folder or URL, that are there. A store is asked once, for all it holds."""
    if not is_url(folder):
        found = map(found_path, names)
        return {file.name: file for file in found if file is not None}
    with failures_about(folder):
        fs, path = filesystem(folder)
        root = path.rstrip("/")
        listed = fs.find(path, detail=True) if fs.exists(path) else {}
    prefix = folder.rstrip("/")
    urls = {prefix + name[len(root) :]: entry for name, entry in listed.items()}
    return {name: found_entry(name, urls[name]) for name in names if name in urls}


def write(name: str, content: bytes, *, overwrite: bool = True) -> None:
    """A whole file, or nothing. Makes the folders above it. Raises OSError (paths), CodecError (URLs)."""
    if not is_url(name):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with files.Output(name, overwrite=overwrite) as out:
            out.write(content)
        return
    with failures_about(name):
        fs, path = filesystem(name)
        if not overwrite and fs.exists(path):
            raise CodecError(f"{name}: {files.KEPT}")
        folder, _, last = path.rpartition("/")
        if protocol(name) in OBJECT_STORES:
            fs.pipe_file(path, content)
            return
        fs.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.selfvae-{secrets.token_hex(6)}.tmp"
        try:
            fs.pipe_file(temporary, content)
            fs.mv(temporary, path)
        except BaseException:
            with contextlib.suppress(Exception):
                fs.rm_file(temporary)
            raise
