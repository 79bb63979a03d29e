"""Which code made what was measured: what another build did is none of this one's results."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType


def code_id(*packages: ModuleType) -> str:
    """Hash of the sources of packages, with all below them, or of modules that are none."""
    folders = [Path(folder) for package in packages for folder in getattr(package, "__path__", [])]
    alone = {Path(package.__file__ or "") for package in packages if not hasattr(package, "__path__")}
    below = {path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".c", ".h")}
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(below | alone))).hexdigest()[:16]
