"""The weights file: exact networks, transforms and tables in one safetensors file. NumPy only.

The model id is the start of the file's SHA-256, so that a picture names the very weights it needs.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save as serialise

from ...errors import UnknownModelError, WeightsError, WeightsWarning
from ..config import DEFAULT_MODEL, Config
from . import checks, shipped
from .layers import ExactBlock, ExactConv, ExactNet, SetTable, StepTable, suffix_of

FOLDER = shipped.FOLDER
SUFFIX = ".safetensors"
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
        for found in (name + suffix_of(t), name):
            if found in self.nets:
                return self.nets[found]
        raise WeightsError(f"weights are damaged: there is no network {name}; install the package again")

    @property
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
    if isinstance(net.head_bias, SetTable):
        out[f"{name}.sets"] = np.array([len(net.head_bias.rows)], np.uint8)
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
    sets = arrays.get(f"{prefix}.sets")

    def table(key: str) -> StepTable | SetTable | None:
        rows = arrays.get(f"{prefix}.{key}")
        if rows is None or sets is None:
            return None if rows is None else StepTable(rows.astype(np.int64))
        if len(rows) != sets[0]:
            raise WeightsError(f"weights are damaged: {name}.{key} has {len(rows)} rows for {sets[0]} sets")
        return SetTable(rows.astype(np.int64))

    blocks = []
    while f"{prefix}.blocks.{len(blocks)}.expand.weight" in arrays:
        block = f"{prefix}.blocks.{len(blocks)}"
        shift = arrays.get(f"{block}.film_shift")
        blocks.append(
            ExactBlock(
                _read_conv(arrays, f"{block}.expand"),
                table(f"blocks.{len(blocks)}.gain"),
                table(f"blocks.{len(blocks)}.bias"),
                None if shift is None else shift.astype(np.float32),
                _read_conv(arrays, f"{block}.spatial"),
                _read_conv(arrays, f"{block}.project"),
            )
        )
    return ExactNet(
        name,
        arrays[f"{prefix}.input_limits"].astype(np.float64),
        _read_conv(arrays, f"{prefix}.stem"),
        tuple(blocks),
        _read_conv(arrays, f"{prefix}.head"),
        table("head_bias"),
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
                net.check_bounds()
            except WeightsError:
                raise
            except KeyError as error:
                raise WeightsError(f"weights are damaged: {name} lacks {error}; install the package again") from error
            except (AttributeError, IndexError, TypeError, ValueError) as error:  # arrays of shapes that do not meet
                raise WeightsError(f"weights are damaged: {name}: {error}; install the package again") from error
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


def read(path: Path) -> Weights:
    """Load a weights file. Raises WeightsError for a file that is not one, or that ships and has changed."""
    model_id = shipped.check(path)[:ID_BYTES]
    try:
        arrays = _Arrays(path)
        config = Config.from_json(arrays.metadata["config"])
        transforms, tables = _named(arrays, "transform."), _named(arrays, "table.")
    except (OSError, KeyError, TypeError, ValueError, AttributeError, safetensors.SafetensorError) as error:
        raise WeightsError(f"cannot read the weights file {path}: {error}; {shipped.remedy(path)}") from error
    checks.check_tables(path, tables)
    checks.check_transforms(path, transforms)
    transforms = {name: matrix.astype(np.float64) for name, matrix in transforms.items()}
    for name in arrays:
        if name.endswith(".sets") and arrays[name].tolist() != [config.pixel_sets]:
            net = name.removeprefix("net.").removesuffix(".sets")
            raise WeightsError(
                f"weights are damaged: {net} has {arrays[name].tolist()} sets of gains, not {config.pixel_sets}"
            )
    return Weights(model_id, config, StoredNets(arrays), transforms, tables)


def _named(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def installed() -> dict[str, Path]:
    """Weights files in the package, by the model's name, the default's first."""
    return shipped.files(FOLDER)


_given: dict[bytes, Path] = {}  # weights that were named by their path, by id


def find(model_id: bytes) -> Path:
    """The file with this id, installed or named by its path before. Raises UnknownModelError, naming what is installed.

    What ships is known by what was written down of it; other files in its folder are somebody's own, and hashed.
    """
    if model_id in _given:
        return _given[model_id]
    seen = {given.hex(): str(path) for given, path in _given.items()}
    known = shipped.recorded(FOLDER)
    for name, path in installed().items():
        found = bytes.fromhex(known[name])[:ID_BYTES] if name in known else shipped.digest(path)[:ID_BYTES]
        if found == model_id:
            if name not in known:
                _say_own(path)
            return path
        seen[found.hex()] = name
    raise UnknownModelError(
        f"the file was written with model {model_id.hex()}, which is not installed "
        f"(installed: {', '.join(f'{known} ({name})' for known, name in seen.items()) or 'none'}); "
        "install the release of selfvae-codec that wrote it, or name its weights file as the model"
    )


def identify(name: str) -> bytes:
    """The id of a model by its name, or of a weights file by its path, which ``find`` knows from now on.

    Of what ships it is what was written down; loading checks it. Raises WeightsError.
    """
    path, known = named(name), shipped.recorded(FOLDER)
    return bytes.fromhex(known[name])[:ID_BYTES] if name in known else shipped.digest(path)[:ID_BYTES]


def named(name: str) -> Path:
    """The installed file of a model, or the file at a path. Raises WeightsError, naming what is installed."""
    if name.endswith(SUFFIX) or os.sep in name:
        path = Path(name).absolute()
        model_id = shipped.digest(path)[:ID_BYTES]
        if _given.get(model_id) != path:
            _given[read(path).model_id] = path
        _say_own(path)
        return path
    files = installed()
    if name in files and name not in shipped.recorded(FOLDER):
        _say_own(files[name])
    if name not in files:
        raise WeightsError(
            f"no weights of a model {name!r} are installed (installed: {', '.join(files) or 'none'}); "
            "install the package again, or train and export some (docs/training.md)"
        )
    return files[name]


_said: set[Path] = set()


def _say_own(path: Path) -> None:
    """Once a process: files of these weights can be read where they are, and nowhere else."""
    if path not in _said and shipped.digest(path).hex() not in shipped.recorded(FOLDER).values():
        _said.add(path)
        warnings.warn(f"{path} holds weights that no release ships: only those who have them can read their files",
                      WeightsWarning, stacklevel=2)  # fmt: skip


def default() -> Path:
    """The weights that ``encode`` uses unless another model is named. Raises WeightsError when there are none."""
    return named(DEFAULT_MODEL)
