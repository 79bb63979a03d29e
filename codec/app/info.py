"""What a file says about itself, as data and as text. Reads the header only."""

from __future__ import annotations

from typing import Any

from ..format.header import Header


def facts(header: Header) -> dict[str, Any]:
    """Plain values, ready for JSON. A level's bytes and bpp are its own, not the sum up to it."""
    return {
        "width": header.width,
        "height": header.height,
        "grey": header.grey,
        "depth": 16 if header.deep else 8,
        "model": header.model_id.hex(),
        "quality": header.quality,
        "lossless": header.exact,
        "step": round(header.step_size, 4),
        "levels": [
            {
                "level": level.index,
                "name": level.name,
                "offset": level.offset,
                "bytes": level.length,
                "bpp": round(header.bpp(level.length), 6),
            }
            for level in header.levels
        ],
        "file_bytes": header.file_bytes,
        "bpp": round(header.bpp(header.file_bytes), 6),
        "metadata_bytes": header.metadata.length if header.metadata else 0,
    }


def kind(header: Header) -> str:
    """How good the whole file is, in words."""
    return "lossless" if header.exact else f"quality {header.quality}"


def text(header: Header) -> str:
    """The same for people: a few lines and a table of the levels."""
    known = facts(header)
    lines = [
        f"{header.width}x{header.height}{' grey' if header.grey else ''}{', 16 bits' if header.deep else ''}, "
        f"{header.file_bytes:,} bytes, {known['bpp']:.3f} bpp",
        f"model {known['model']}, {kind(header)}, step {header.step_size:.3f}, "
        f"metadata {known['metadata_bytes']:,} bytes",
        f"{'level':>5}  {'name':<5}{'offset':>11}{'bytes':>11}{'bpp':>9}",
    ]
    row = "{level:>5}  {name:<5}{offset:>11,}{bytes:>11,}{bpp:>9.4f}"
    return "\n".join(lines + [row.format(**level) for level in known["levels"]])
