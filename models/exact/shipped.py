"""Which weights files ship with the package: their hashes are written down beside them, so that damage is found.

``python -m selfvae_codec.models.exact.shipped`` writes them anew, for whoever releases new weights.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from ...errors import WeightsError
from ..config import DEFAULT_MODEL

FOLDER = Path(__file__).parents[1] / "weights"
HASHES = "ids.json"  # of each file that ships: its SHA-256, whose start is the model's id


def recorded(folder: Path) -> dict[str, str]:
    """SHA-256 of each weights file that the folder ships, by the model's name. Raises WeightsError."""
    try:
        return dict(json.loads((folder / HASHES).read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"cannot read {folder / HASHES}: {error}; install the package again") from error


def record(folder: Path) -> dict[str, str]:
    """Write down the hashes of all weights files of a folder."""
    hashes = {path.stem: digest(path).hex() for path in files(folder).values()}
    (folder / HASHES).write_text(json.dumps(hashes, indent=1) + "\n")
    return hashes


def files(folder: Path) -> dict[str, Path]:
    """Weights files of a folder, by the model's name, the default's first."""
    paths = sorted(folder.glob("*.safetensors"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem))
    return {path.stem: path for path in paths}


def remedy(path: Path) -> str:
    """What to do about a weights file that cannot be used."""
    ships = path.stem in recorded(path.parent)
    return "install the package again" if ships else "name a file that selfvae-codec export wrote"


def digest(path: Path) -> bytes:
    """SHA-256 of a file, computed once as long as it stays as it is. Raises WeightsError."""
    try:
        about = path.stat()
        return _digest(path, about.st_size, about.st_mtime_ns)
    except (OSError, ValueError) as error:  # a folder, an empty file
        raise WeightsError(f"cannot read the weights file {path}: {_why(error)}; {remedy(path)}") from error


def _why(error: Exception) -> str:
    """Without the path, which is said already."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed: int) -> bytes:
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 18):  # not mapped: pages that were hashed would count as this process's memory
            hashed.update(part)
    return hashed.digest()


def check(path: Path) -> bytes:
    """SHA-256 of a weights file. Raises WeightsError for one that ships and is not what was released."""
    found = digest(path)
    expected = recorded(path.parent).get(path.stem)
    if expected is not None and found.hex() != expected:
        raise WeightsError(f"the weights file {path} is damaged, or another release's: install the package again")
    return found


if __name__ == "__main__":
    for name, value in record(FOLDER).items():
        print(name, value)
