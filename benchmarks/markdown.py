"""Markdown that commands write into documents, between markers, so that no figure is typed by hand."""

from __future__ import annotations

from pathlib import Path


def table(head: list[str], rows: list[list[str]]) -> str:
    """Left-aligned first column, the others right-aligned."""
    align = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, align, *rows])


def deliver(text: str, into: Path | None, marker: str) -> None:
    """Print, or write between the markers of a document."""
    if into is None:
        print(text)
    else:
        write_between(into, marker, text)


def write_between(path: Path, marker: str, text: str) -> None:
    """Replace what is between ``<!-- MARKER:begin -->`` and ``<!-- MARKER:end -->``. Raises ValueError without them."""
    begin, end = (f"<!-- {marker}:{edge} -->" for edge in ("begin", "end"))
    before, _, rest = path.read_text("utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{path} has no {begin} ... {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
