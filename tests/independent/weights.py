"""The weights file that model_id names: configuration, tables, matrices and networks' arrays ("Networks")."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import safe_open

CHECKOUT = Path(__file__).parents[2]


class Weights:
    def __init__(self, path: Path):
        self._file = safe_open(path, "np")
        self._names = set(self._file.keys())
        self._arrays: dict[str, np.ndarray] = {}
        self._starts: dict[tuple[str, int], list[int]] = {}
        self.config = json.loads(self._file.metadata()["config"])

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def array(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            self._arrays[name] = self._file.get_tensor(name).astype(np.int64)
        return self._arrays[name]

    def table(self, name: str) -> np.ndarray:
        return self.array(f"table.{name}")

    def starts(self, table: str, row: int) -> list[int]:
        """The frequencies of a row, summed up."""
        if (table, row) not in self._starts:
            self._starts[table, row] = [0, *np.cumsum(self.table(table)[row]).tolist()]
        return self._starts[table, row]


@lru_cache
def of_model(model_id: bytes) -> Weights:
    """By the first 8 bytes of the file's SHA-256 ("Header")."""
    for path in sorted((CHECKOUT / "models/weights").glob("*.safetensors")):
        if hashlib.sha256(path.read_bytes()).digest().startswith(model_id):
            return Weights(path)
    raise ValueError(f"no weights file has the id {model_id.hex()}")


@lru_cache
def restoration_tables() -> dict[str, np.ndarray]:
    """The same for all models ("Restoration")."""
    path = CHECKOUT / "codec/format/restoration.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith("6dde7570ce702b9a")
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name).astype(np.int64) for name in file.keys()}
