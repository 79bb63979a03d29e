"""``python -m benchmarks.studies.elsewhere``: the C library compiled for another machine must give the same bits.

Compiles it with a cross-compiler, runs every network of the shipped models under an emulator and compares the answers
with those of this machine's own path. By default for aarch64; Debian has gcc-aarch64-linux-gnu and qemu-user.
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
from selfvae_codec.models.exact import clibrary, weights
from selfvae_codec.models.exact.layers import ExactNet
from selfvae_codec.models.exact.runtime_native import NativeNet

from ..measures.environment import UNTIMED, environment
from ..results import write_json

SOURCES = Path(selfvae_codec.models.exact.__file__).parent / "native"
SIZE = 19, 13


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
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def main(argv: list[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    p = argparse.ArgumentParser(prog="python -m benchmarks.studies.elsewhere", description=__doc__.split("\n")[0])
    p.add_argument("-o", "--out", type=Path, required=True)
    p.add_argument("--compiler", default="aarch64-linux-gnu-gcc -O3 -static -pthread")
    p.add_argument("--emulator", default="qemu-aarch64")
    args = p.parse_args(argv)
    rng, asked, here = np.random.default_rng(0), [], []
    for path in weights.installed().values():
        for index, net in enumerate(weights.read(path).nets.values()):
            limits, t = net.input_limits.astype(int)[:, None, None], 300 + 37 * index % 1000
            x = np.rint(rng.uniform(-1, 1, (len(limits), *SIZE)) * limits).astype(np.int16)
            run = NativeNet(net, path=clibrary.path())
            asked.append(written(net, run, x, t))
            here.append(np.ascontiguousarray(run([x], t)).tobytes())
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "elsewhere"
        files = [*map(str, sorted(SOURCES.glob("*.c"))), str(Path(__file__).with_suffix(".c"))]
        subprocess.run([*shlex.split(args.compiler), *files, "-o", str(program)], check=True)
        command = [*shlex.split(args.emulator), str(program)]
        there = subprocess.run(command, input=b"".join(asked), stdout=subprocess.PIPE, check=True).stdout
    result = {
        "environment": environment(["python", "-m", "benchmarks.studies.elsewhere", *argv], *UNTIMED),
        "compiler": subprocess.run(
            [shlex.split(args.compiler)[0], "--version"], capture_output=True, text=True, check=True
        ).stdout.split("\n")[0],
        "networks": len(here),
        "path_here": clibrary.path(),
        "sha256_here": hashlib.sha256(b"".join(here)).hexdigest(),
        "sha256_there": hashlib.sha256(there).hexdigest(),
    }
    write_json(args.out, result)
    same = result["sha256_here"] == result["sha256_there"]
    print(f"{len(here)} networks: {'the same bits' if same else 'BITS DIFFER'}")


if __name__ == "__main__":
    main()
