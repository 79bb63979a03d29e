"""Writing to streams that take what they can."""

from __future__ import annotations

import io
import select
from typing import BinaryIO


def write_all(stream: BinaryIO | io.RawIOBase, content: bytes) -> None:
    """Write until all is written: a raw stream takes what it can, and one that does not block may take nothing."""
    rest = memoryview(content)
    while rest:
        try:
            taken = stream.write(rest)
        except BlockingIOError as error:
            taken = error.characters_written
        rest = rest[taken or 0 :]
        if rest and not taken:
            select.select([], [stream], [])
    while True:
        try:
            return stream.flush()
        except BlockingIOError:
            select.select([], [stream], [])
