"""The weights file: exact networks, transforms and tables in one safetensors file. NumPy only.

The model id is the start of the file's SHA-256, so that a picture names the very weights it needs.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save as serialise

from ...errors import UnknownModelError, WeightsError
from ..config import DEFAULT_MODEL, Config
from .layers import ExactBlock, ExactConv, ExactNet, StepTable, suffix_of

FOLDER = Path(__file__).parents[1] / "weights"
ID_BYTES = 8
TRANSFORM_BITS = 14  # fraction bits of the lapped transform


@dataclass(frozen=True)
class Weights:
    """All that a decoder needs. ``transforms`` are float64 integers, real value times 2^TRANSFORM_BITS."""

    model_id: bytes
    config: Config
    nets: Mapping[str, ExactNet]
    transforms: dict[str, np.ndarray]
    tables: dict[str, np.ndarray]

    def net(self, name: str, t: int) -> ExactNet:
        """The network of this name for the step ``t``, in 1/T_UNITS."""
        return self.nets.get(name + suffix_of(t)) or self.nets[name]

    @cached_property
    def largest_sum(self) -> float:
        return max(net.check_bounds() for net in self.nets.values())


def _pack_conv(name: str, conv: ExactConv) -> dict[str, np.ndarray]:
    return {
        f"{name}.weight": conv.weight.astype(np.int16),
        f"{name}.bias": conv.bias.astype(np.int32),
        f"{name}.shift": conv.shift.astype(np.int8),
        f"{name}.low": conv.low.astype(np.int16),
        f"{name}.high": conv.high.astype(np.int16),
    }


def _pack_net(net: ExactNet) -> dict[str, np.ndarray]:
    name = f"net.{net.name}"
    out: dict[str, np.ndarray] = {
        f"{name}.input_limits": net.input_limits.astype(np.int16),
        f"{name}.upsample": np.array([net.upsample], np.uint8),
        **_pack_conv(f"{name}.stem", net.stem),
        **_pack_conv(f"{name}.head", net.head),
    }
    if net.head_bias is not None:
        out[f"{name}.head_bias"] = net.head_bias.rows.astype(np.int32)
    for i, block in enumerate(net.blocks):
        prefix = f"{name}.blocks.{i}"
        for part in ("expand", "spatial", "project"):
            out |= _pack_conv(f"{prefix}.{part}", getattr(block, part))
        if block.gain is not None:
            out[f"{prefix}.gain"] = block.gain.rows.astype(np.int16)
            out[f"{prefix}.bias"] = block.bias.rows.astype(np.int32)
            out[f"{prefix}.film_shift"] = block.film_shift.astype(np.int8)
    return out


def save(path: Path, config: Config, nets, transforms, tables) -> bytes:
    """Write the file and return its model id."""
    arrays: dict[str, np.ndarray] = {}
    for net in nets.values():
        arrays |= _pack_net(net)
    for name, matrix in transforms.items():
        arrays[f"transform.{name}"] = np.rint(matrix * 2**TRANSFORM_BITS).astype(np.int32)
    for name, table in tables.items():
        arrays[f"table.{name}"] = table
    data = serialise({k: np.ascontiguousarray(v) for k, v in sorted(arrays.items())}, {"config": config.to_json()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).digest()[:ID_BYTES]


def _read_conv(arrays: Mapping[str, np.ndarray], name: str) -> ExactConv:
    return ExactConv(*(arrays[f"{name}.{p}"].astype(np.float32) for p in ("weight", "bias", "shift", "low", "high")))


def _read_net(arrays: Mapping[str, np.ndarray], name: str) -> ExactNet:
    prefix = f"net.{name}"
    blocks = []
    while f"{prefix}.blocks.{len(blocks)}.expand.weight" in arrays:
        block = f"{prefix}.blocks.{len(blocks)}"
        stepped = f"{block}.gain" in arrays
        blocks.append(
            ExactBlock(
                _read_conv(arrays, f"{block}.expand"),
                StepTable(arrays[f"{block}.gain"].astype(np.int64)) if stepped else None,
                StepTable(arrays[f"{block}.bias"].astype(np.int64)) if stepped else None,
                arrays[f"{block}.film_shift"].astype(np.float32) if stepped else None,
                _read_conv(arrays, f"{block}.spatial"),
                _read_conv(arrays, f"{block}.project"),
            )
        )
    head_bias = arrays.get(f"{prefix}.head_bias")
    return ExactNet(
        name,
        arrays[f"{prefix}.input_limits"].astype(np.float64),
        _read_conv(arrays, f"{prefix}.stem"),
        tuple(blocks),
        _read_conv(arrays, f"{prefix}.head"),
        None if head_bias is None else StepTable(head_bias.astype(np.int64)),
        bool(arrays[f"{prefix}.upsample"][0]),
    )


class StoredNets(Mapping[str, ExactNet]):
    """The networks of a weights file by name, each unpacked and checked against the bound when it is first asked for.

    Coding a picture takes a few of them: those of latents come once for each range of the step. Asking for one raises
    WeightsError where it is damaged or its sums could overflow.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._arrays = arrays
        names = sorted(k[len("net.") : -len(".input_limits")] for k in arrays if k.endswith(".input_limits"))
        self._nets: dict[str, ExactNet | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> ExactNet:
        net = self._nets[name]
        if net is None:
            try:
                net = _read_net(self._arrays, name)
            except KeyError as error:
                raise WeightsError(f"weights are damaged: {name} lacks {error}; install the package again") from error
            net.check_bounds()
            self._nets[name] = net
        return net

    def __iter__(self) -> Iterator[str]:
        return iter(self._nets)

    def __len__(self) -> int:
        return len(self._nets)


class _Arrays(Mapping[str, np.ndarray]):
    """The arrays of a safetensors file, which stays mapped: each is read when it is asked for."""

    def __init__(self, path: Path):
        self._file = safetensors.safe_open(path, "np")
        self._names = dict.fromkeys(self._file.keys())
        self.metadata = self._file.metadata()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        return self._file.get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def id_of(path: Path) -> bytes:
    """The model id of a weights file."""
    about = path.stat()
    return _id_of(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _id_of(path: Path, size: int, changed: int) -> bytes:
    """Hashing takes tens of milliseconds: it is done once for a file that stays as it is."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return hashlib.sha256(data).digest()[:ID_BYTES]


def read(path: Path) -> Weights:
    """Load a weights file. Raises WeightsError for a file that is not one."""
    try:
        arrays = _Arrays(path)
        config = Config.from_json(arrays.metadata["config"])
        model_id = id_of(path)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"cannot read the weights file {path}: {error}; install the package again") from error
    return Weights(
        model_id,
        config,
        StoredNets(arrays),
        {k.removeprefix("transform."): arrays[k].astype(np.float64) for k in arrays if k.startswith("transform.")},
        {k.removeprefix("table."): arrays[k] for k in arrays if k.startswith("table.")},
    )


def installed() -> dict[str, Path]:
    """Weights files that ship with the package, by the model's name, the default's first."""
    paths = sorted(FOLDER.glob("*.safetensors"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem))
    return {path.stem: path for path in paths}


def find(model_id: bytes) -> Path:
    """The installed file with this id. Raises UnknownModelError, naming what is installed."""
    seen = {}
    for name, path in installed().items():
        found = id_of(path)
        if found == model_id:  # no further file is hashed, which takes tens of milliseconds
            return path
        seen[found.hex()] = name
    raise UnknownModelError(
        f"the file was written with model {model_id.hex()}, which is not installed "
        f"(installed: {', '.join(f'{known} ({name})' for known, name in seen.items()) or 'none'}); "
        f"install the release of selfvae-codec that wrote it"
    )


def named(name: str) -> Path:
    """The installed file of a model. Raises WeightsError, naming what is installed, when there is none."""
    files = installed()
    if name not in files:
        raise WeightsError(
            f"no weights of a model {name!r} are installed (installed: {', '.join(files) or 'none'}); "
            "install the package again, or train and export some (docs/training.md)"
        )
    return files[name]


def default() -> Path:
    """The weights that ``encode`` uses unless another model is named. Raises WeightsError when there are none."""
    return named(DEFAULT_MODEL)
