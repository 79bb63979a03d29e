"""Chooses what runs the networks, and keeps loaded models. Only the runtimes import torch or onnxruntime."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from ...errors import CodecError, WeightsError
from ..config import DEFAULT_MODEL
from . import clibrary, weights
from .inference import Networks
from .system import keep_freed, loading, set_threads

__all__ = ["BACKENDS", "DEFAULT_TILE", "RUNTIMES", "choose", "load", "networks", "set_threads"]

RUNTIMES = {"native": "runtime_native", "onnxruntime": "runtime_onnx", "torch": "runtime_torch"}  # fastest first
BACKENDS = ("auto", *RUNTIMES)
DEFAULT_TILE: int | None = None  # positions on a side that networks run over at once; None: what suits the runtime


def choose(backend: str) -> str:
    """The backend that "auto" stands for: the fastest that is installed."""
    if backend not in BACKENDS:
        raise CodecError(f"unknown backend {backend!r}: choose one of {', '.join(BACKENDS)}")
    if backend == "auto":
        if clibrary.library():
            return "native"
        return "onnxruntime" if find_spec("onnxruntime") and find_spec("onnx") else "torch"
    if backend == "native":
        if not clibrary.library():
            raise CodecError(
                "backend native is not installed: the package was installed where there was no C compiler; "
                "install it again with one, or choose another backend, which gives the same result"
            )
        return backend
    needed = {"torch": ("torch",), "onnxruntime": ("onnxruntime", "onnx")}[backend]
    missing = [name for name in needed if not find_spec(name)]
    if missing:
        what = "torch" if backend == "torch" else " ".join(missing)
        raise CodecError(f"backend {backend} needs {' and '.join(missing)}: pip install {what}")
    return backend


def load(path: Path, backend: str = "auto") -> Networks:
    """The networks of a weights file, installed or not. Raises WeightsError, CodecError."""
    runtime = import_module(f".{RUNTIMES[choose(backend)]}", __package__)
    keep_freed()
    return Networks(weights.read(path), runtime.runner())


@lru_cache(maxsize=4)
def _load(model_id: bytes, backend: str) -> Networks:
    path = weights.find(model_id)
    nets = load(path, backend)
    if nets.weights.model_id != model_id:
        raise WeightsError(f"{path} holds other weights than it did before: name it again")
    return nets


def networks(model: bytes | str = DEFAULT_MODEL, backend: str = "auto") -> Networks:
    """The networks of a model, by id, name or path, loaded once. Raises ModelError, CodecError."""
    with loading:  # many threads may ask at once
        model_id = weights.identify(model) if isinstance(model, str) else model
        nets = _load(model_id, choose(backend))
    nets.tile = DEFAULT_TILE
    return nets
