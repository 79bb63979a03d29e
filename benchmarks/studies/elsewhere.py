"""``python -m benchmarks.studies.elsewhere``: the C library compiled for another machine must give the same bits.

Compiles it with a cross-compiler, runs every network of the shipped models, their lapped transform and a restoration
under an emulator and compares the answers with those of this machine's own path. By default for aarch64; Debian has
gcc-aarch64-linux-gnu and qemu-user.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import selfvae_codec.models.exact
from selfvae_codec.coding.restoration import filter_of, terms
from selfvae_codec.models.exact import clibrary, weights
from selfvae_codec.models.exact.integers import UPSAMPLE_BITS
from selfvae_codec.models.exact.layers import ExactNet, SetTable
from selfvae_codec.models.exact.restoration import PLANES, listed, restore
from selfvae_codec.models.exact.runtime_native import NativeNet
from selfvae_codec.models.exact.transform import PIXEL_BITS, SHIFT, LappedTransform
from selfvae_codec.models.exact.weights import TRANSFORM_BITS
from selfvae_codec.models.units import FINE

from ..measures.environment import UNTIMED, environment
from ..results import write_json

SOURCES = Path(selfvae_codec.models.exact.__file__).parent / "native"
SIZE = 19, 13
BLOCKS = 18, 129  # of the transform, which is computed in parts
STRIDES = 2, 4, 8, 16  # of what pictures are upsampled from
DELTA = 700_000
PICTURE = 77, 1100  # that is restored, in parts


def written(net: ExactNet, run: NativeNet, x: np.ndarray, t: int) -> bytes:
    """A network and its input as elsewhere.c reads them."""
    film, bias = (np.zeros(0, np.int32) if v is None else v for v in run.at(t))
    parts = [np.array([len(net.blocks), net.upsample, *x.shape, len(film), len(bias)], np.int32)]
    for _, conv, low, high in net.layers():
        parts.append(np.array([conv.weight[0].size, len(conv.weight)], np.int32))
        kinds = {"weight": np.int16, "bias": np.int32, "shift": np.int32}
        parts += [getattr(conv, name).astype(kind) for name, kind in kinds.items()]
        parts += [low.astype(np.int16), high.astype(np.int16)]
    parts += [net.input_limits.astype(np.int16), film, bias, x]
    return b"N" + joined(parts)


def joined(parts: list[np.ndarray]) -> bytes:
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def step_of(net: ExactNet, index: int) -> int:
    """One that it has: others by turns."""
    table = next((block.gain for block in net.blocks if block.gain is not None), net.head_bias)
    return index % len(table.rows) if isinstance(table, SetTable) else 300 + 37 * index % 1000


def transformed(transforms: dict[str, np.ndarray], stride: int, rng: np.random.Generator) -> tuple[bytes, bytes]:
    """Latents, and a picture, for the lapped transform as elsewhere.c reads them, and what it gives here."""
    rows, columns = BLOCKS
    z = rng.integers(-20_000, 20_001, (192, rows, columns)).astype(np.int32)
    learned = rng.integers(-128, 129, z.shape, np.int16)
    bound = rng.integers(0, 129, (rows, columns)).astype(np.int32)
    base = rng.integers(0, 257, (3, -(-8 * rows // stride), -(-8 * columns // stride))).astype(np.int32)
    x, out = rng.integers(0, 256, (2, 3, 8 * rows, 8 * columns), np.uint8)
    latents, lapped = np.empty(z.shape, np.float32), LappedTransform(transforms, stride)
    lapped.pixels(z, learned, 0, rows, bound, base, DELTA, slice(0, rows), out, 2)
    lapped.analysis(x, base, latents, 2)
    back = SHIFT, PIXEL_BITS - UPSAMPLE_BITS, DELTA, PIXEL_BITS
    forth = TRANSFORM_BITS, UPSAMPLE_BITS, TRANSFORM_BITS + UPSAMPLE_BITS
    parts = [np.array([rows, columns, *base.shape[1:], stride, *back, *forth], np.int32)]
    for matrix, filter_ in (("inverse_block", "post_filter"), ("block", "pre_filter")):
        filters = (v.astype(np.int32) for v in (transforms[filter_], transforms[filter_].T))
        parts += [transforms[matrix].astype(np.int16), *filters]
    return b"T" + joined([*parts, z, learned, bound, base, x]), joined([out, latents])


def restored(rng: np.random.Generator) -> tuple[bytes, bytes]:
    """A picture and weights, for its restoration as elsewhere.c reads them, and what it gives here."""
    filters = []
    for plane in range(PLANES):
        weights = rng.integers(-400, 401, len(terms(plane, DELTA)))
        filters.append(filter_of(plane, DELTA, weights))
    x = rng.integers(0, 255 * FINE + 1, (3, *PICTURE)).astype(np.uint16)
    out = np.empty(x.shape, np.uint8)
    restore(x, filters, slice(0, PICTURE[0]), out, 2)
    told = listed(filters)
    return b"R" + joined([np.array([*PICTURE, len(told)], np.int32), told, x]), joined([out])


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.elsewhere", description=__doc__.split("\n")[0])
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("--compiler", default="aarch64-linux-gnu-gcc -O3 -ffp-contract=off -static -pthread")
    p.add_argument("--emulator", default="qemu-aarch64")
    args = p.parse_args(argv)
    rng, asked, here = np.random.default_rng(0), [], []
    for path in weights.installed().values():
        model = weights.read(path)
        for index, net in enumerate(model.nets.values()):
            limits, t = net.input_limits.astype(int)[:, None, None], step_of(net, index)
            x = np.rint(rng.uniform(-1, 1, (len(limits), *SIZE)) * limits).astype(np.int16)
            run = NativeNet(net, path=clibrary.path())
            asked.append(written(net, run, x, t))
            here.append(np.ascontiguousarray(run([x], t)).tobytes())
    networks = len(here)
    for stride in STRIDES:
        given, answer = transformed(model.transforms, stride, rng)
        asked.append(given)
        here.append(answer)
    given, answer = restored(rng)
    asked.append(given)
    here.append(answer)
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "elsewhere"
        files = [*map(str, sorted(SOURCES.glob("*.c"))), str(Path(__file__).with_suffix(".c"))]
        subprocess.run([*shlex.split(args.compiler), *files, "-o", str(program), "-lm"], check=True)
        command = [*shlex.split(args.emulator), str(program)]
        there = subprocess.run(command, input=b"".join(asked), stdout=subprocess.PIPE, check=True).stdout
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.elsewhere", *argv], *UNTIMED),
        "compiler": subprocess.run(
            [shlex.split(args.compiler)[0], "--version"], capture_output=True, text=True, check=True
        ).stdout.split("\n")[0],
        "networks": networks,
        "transforms": len(STRIDES),
        "path_here": clibrary.path(),
        "sha256_here": hashlib.sha256(b"".join(here)).hexdigest(),
        "sha256_there": hashlib.sha256(there).hexdigest(),
    }
    write_json(args.out, result)
    same = result["sha256_here"] == result["sha256_there"]
    print(f"{networks} networks, the lapped transform and a restoration: {'the same bits' if same else 'BITS DIFFER'}")


if __name__ == "__main__":
    main()
