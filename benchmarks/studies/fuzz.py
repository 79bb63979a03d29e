"""``python -m benchmarks.studies.fuzz``: damaged files through every way in, and what comes of each call.

Real files of tiny pictures are damaged: bytes changed, moved, doubled, cut, taken from another file, header fields set
to any value. Most are then given right checksums, as an attacker would. Each goes through every way in that is quick,
and every other one through one of those that decode; weights files and their arrays are damaged as well. All this is
done in processes that come and go, so that a crash or a hang costs one of them and is counted. A call may end in a
picture (or a header, or metadata), or in an error that is ours; anything else counts as outside and is told by the
number of its input, which makes it again. Goes on where it stopped, and begins anew where format, model or code are
others than before. What hypothesis tries is in the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile
from safetensors.numpy import save as serialise

import selfvae_codec
import selfvae_codec.pillow  # noqa: F401  (registers the format)
from selfvae_codec import CodecError, CodecWarning, Metadata
from selfvae_codec.app import info
from selfvae_codec.app import main as command_line
from selfvae_codec.format import container, fields, header, metadata
from selfvae_codec.models.exact import backends, weights

from ..measures.environment import UNTIMED, environment
from ..results import write_json

SIZES = ((9, 7), (24, 16), (70, 3))  # of the pictures, width and height
PIXELS = 4 * fields.PAD**2  # more are not decoded: header fields claim any size
NETWORKS = ("net.u_prior.0.", "net.lead_prior.0@2.")
INPUTS = 400  # damaged files that one process tries
CPU_S = 300  # for them all: what takes more hangs
PATIENCE_S = 7200  # the same for one that waits; machines that do other things are slow
# Errors that callers know to expect: ours, and what Pillow promises of every format.
OURS = (CodecError, Image.DecompressionBombError, Image.UnidentifiedImageError)


@cache
def corpus() -> list[bytes]:
    """Files of every kind, made anew, the same every time."""
    rng, out = np.random.default_rng(0), []
    for width, height in SIZES:
        rows, columns = np.mgrid[:height, :width]
        x = np.stack([5 * rows, 3 * columns, rows * columns % 256], -1) + rng.integers(0, 9, (height, width, 3))
        x = x.clip(0, 255).astype(np.uint8)
        alpha = rng.integers(0, 256, (height, width, 1), dtype=np.uint8)
        kept = Metadata(icc=b"profile" * 20, exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", xmp=b"<x:xmpmeta/>")
        out += [selfvae_codec.encode(x, quality=q, effort=0, metadata=kept) for q in (0, 50, 90)]
        out += [selfvae_codec.encode(x, tune="psnr", levels=3, effort=0), selfvae_codec.encode(x, lossless=True)]
        out += [selfvae_codec.encode(np.dstack([x, alpha]), quality=40, effort=0, metadata=kept)]
        out += [selfvae_codec.encode(x[..., 0], lossless=True), selfvae_codec.encode(alpha[..., 0], lossless=True)]
        with contextlib.suppress(CodecError, ImportError):  # without scikit-image there are no edges
            out.append(selfvae_codec.encode(x, quality=60, model="edge", effort=0))
    return out


def damaged(files: list[bytes], rng: random.Random) -> bytes:
    """One of the files, damaged in one to four ways; two times of three with right checksums."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.randint(1, 4)):
        place, length = rng.randrange(len(data) or 1), rng.choice((1, 1, 2, 4, 8, 40))
        way = rng.randrange(9)
        if way <= 1:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif way == 2 and data:
            data[place] ^= 1 << rng.randrange(8)
        elif way == 3:
            data[place : place + length] = rng.choice((b"\0", b"\xff", b"\x80", b"\x7f")) * length
        elif way == 4:
            del data[place : place + length]
        elif way == 5:
            data[place:place] = data[place : place + length]
        elif way == 6:
            other = rng.choice(files)
            at = rng.randrange(len(other))
            data[place : place + length] = other[at : at + length]
        elif way == 7:
            del data[place:]
        else:
            at = rng.randrange(4, header.HEADER_BYTES + 8)  # the header and the first lengths
            data[at : at + 1] = bytes([rng.choice((0, 1, 2, 3, 7, 8, 64, 127, 128, 255, rng.randrange(256)))])
    return sealed(data) if rng.randrange(3) else bytes(data)


def sealed(data: bytearray) -> bytes:
    """The file with the checksums that its bytes have, as far as it can be followed."""
    try:
        count = data[6] + (data[5] & fields.HAS_METADATA)
        entries, end = header._read_table(bytes(data), count)
    except (CodecError, IndexError):
        return bytes(data)
    at, place = end, header.HEADER_BYTES
    for length, _, _ in entries:
        while data[place] >= 128:
            place += 1
        crc = header.crc16(bytes(data[at : at + length]))
        data[place + 1 : place + 3] = crc.to_bytes(2, "little")
        place, at = place + 5, at + length
    head = header.HEADER_BYTES - 4
    data[head : head + 4] = header.zlib.crc32(data[:head] + data[header.HEADER_BYTES : end]).to_bytes(4, "little")
    return bytes(data)


def ways(data: bytes, rng: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Ways in for a file, by name: all that are quick, and every other time one of those that decode."""

    def opened() -> Image.Image:
        return Image.open(io.BytesIO(data), formats=["SVAE"])

    def loaded() -> Image.Image:
        with opened() as image:
            image.load()
            return image.copy()

    def thumbnail() -> Image.Image:
        with opened() as image:
            image.thumbnail((rng.randint(1, 40), rng.randint(1, 40)))
            return image.copy()

    def parsed() -> Any:
        parser = ImageFile.Parser()
        for at in range(0, len(data), 50):
            parser.feed(data[at : at + 50])
        try:
            return parser.close()
        except OSError as error:
            if str(error) == "cannot parse this image":  # Pillow's own word, of whatever it could not open
                raise Image.UnidentifiedImageError from None
            raise

    def command() -> int:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as said:
            source, target = Path(folder) / "a.svae", Path(folder) / "a.png"
            source.write_bytes(data)
            status = command_line.run(["decode", str(source), "-o", str(target), "--size-limit", str(PIXELS)])
            if status not in (0, 1) or target.exists() == bool(status) or "internal error" in said.getvalue():
                raise AssertionError(f"status {status}: {said.getvalue()}")
            return status

    yield "read_header", lambda: selfvae_codec.read_header(data)
    yield "info", lambda: info.text(selfvae_codec.read_header(data))
    yield "read_metadata", lambda: selfvae_codec.read_metadata(data)
    yield "metadata.unpack", lambda: (metadata.unpack(data[40:]), metadata.alpha_of(data[40:]))
    yield "Image.open", opened
    yield "Image.verify", lambda: opened().verify()
    yield "container.cut", lambda: container.cut(data, 1)
    limited = {"size_limit": PIXELS}
    try:
        levels = selfvae_codec.read_header(data).n_levels
    except CodecError:
        levels = 3
    level, seed = rng.randint(1, levels), rng.choice((None, 5))
    dear: list[tuple[str, Callable[[], Any]]] = [
        ("decode", lambda: selfvae_codec.decode(data, **limited)),
        ("decode, levels", lambda: selfvae_codec.decode(data, level, sample=seed, **limited)),
        ("decode, partial", lambda: selfvae_codec.decode(data, partial=True, **limited)),
        ("representation", lambda: selfvae_codec.representation(data, rng.randint(1, 3), **limited)),
        ("Image.load", loaded),
        ("Image.thumbnail", thumbnail),
        ("ImageFile.Parser", parsed),
        ("decode, the command", command),
    ]
    yield from rng.sample(dear, rng.randrange(2))


@cache
def parts() -> tuple[bytes, dict[str, np.ndarray]]:
    """A weights file without networks, and the arrays of two networks, one with steps and one without."""
    arrays = dict(weights._Arrays(weights.default()))
    rest = {name: array for name, array in arrays.items() if not name.startswith("net.")}
    config = weights.read(weights.default()).config.to_json()
    return serialise(rest, {"config": config}), {n: a for n, a in arrays.items() if n.startswith(NETWORKS)}


def weights_ways(rng: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Damaged weights files and networks, by name."""
    content, arrays = parts()
    file = bytearray(content)
    for _ in range(rng.randint(1, 3)):  # most of it in what describes the arrays, the rest in their values
        place = rng.randrange(12000 if rng.randrange(3) else len(file))
        file[place : place + rng.choice((0, 1, 1, 4))] = bytes([rng.randrange(256)]) * rng.choice((0, 1, 1, 1, 5))
    if not rng.randrange(8):
        del file[rng.randrange(len(file)) :]

    @contextlib.contextmanager
    def written() -> Iterator[str]:
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as temporary:
            temporary.write(file)
            temporary.flush()
            yield temporary.name

    def read() -> Any:
        with written() as path:
            return weights.read(Path(path))

    def decoded() -> np.ndarray:
        data = bytearray(corpus()[0])
        data[12:20] = hashlib.sha256(file).digest()[:8]  # its model
        with written() as path:
            return selfvae_codec.decode(sealed(data), model=path)

    damaged = dict(arrays)
    name = rng.choice(sorted(damaged))
    array = damaged.pop(name)
    if way := rng.randrange(6):
        flat = array.reshape(-1).copy()
        if way <= 2:
            value = rng.choice((0, 1, -1, 127, -128)) if flat.dtype.itemsize == 1 else -(2**15)
            flat[rng.randrange(flat.size)] = np.array(value).astype(flat.dtype)  # unsigned ones wrap
        elif way == 3:
            flat[:] = 0
        elif way == 4:
            flat = flat[: rng.randrange(flat.size + 1)]
        damaged[name] = flat if way == 4 else flat.reshape(array.shape[:: rng.choice((1, 1, -1))])

    def run() -> Any:
        networks = weights.StoredNets(damaged)
        runner = backends.load(weights.default())._make_runner
        return [runner(net)([np.ones((len(net.input_limits), 5, 4), np.int16)], 700) for net in networks.values()]

    yield "weights.read", read
    yield "decode, model", decoded
    yield "weights, a network", run


def outcome(call: Callable[[], Any]) -> str:
    """What came of a call: "result", the name of an error of ours, or what it should not have been."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            call()
            came = "result"
        except OURS as error:
            came = type(error).__name__
        except Exception as error:  # what this study looks for
            came = f"outside: {type(error).__name__}: {str(error)[:120]}"
    for warning in said:
        if not issubclass(warning.category, (CodecWarning, Image.DecompressionBombWarning)):
            return f"outside: warning {warning.category.__name__}: {str(warning.message)[:120]}"
    return came


def chunk(number: int, pipe: Any) -> None:
    """Try the inputs of one number; what is counted goes into the pipe."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    Image.MAX_IMAGE_PIXELS = PIXELS // 2
    files, outside = corpus(), []
    counts: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    for i in range(INPUTS):
        rng = random.Random(f"{number} {i}")
        data = damaged(files, rng)
        for name, call in (*ways(data, rng), *(weights_ways(rng) if i % 40 == 0 else ())):
            start = time.perf_counter()
            came = outcome(call)
            seconds = time.perf_counter() - start
            counts[f"{name}: {'outside' if came.startswith('outside') else came}"] += 1
            slowest[name] = max(slowest.get(name, 0), round(seconds, 3))
            if came.startswith("outside"):
                outside.append({"chunk": number, "input": i, "way": name, "came": came})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    pipe.send({"counts": counts, "outside": outside, "slowest_s": slowest, "peak_mib": peak})


def tried(number: int) -> dict[str, Any]:
    """What came of one number's inputs, in a process of their own."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=chunk, args=(number, theirs))
    process.start()
    theirs.close()
    found = None
    with contextlib.suppress(EOFError):
        found = ours.recv() if ours.poll(PATIENCE_S) else None
    if found is None:
        process.kill()
    process.join()
    if found is None:
        came = f"outside: the process ended with {process.exitcode}, or not at all"
        return {"counts": {came: 1}, "outside": [{"chunk": number, "came": came}], "slowest_s": {}, "peak_mib": 0}
    return found


def code() -> str:
    """Hash of what is tried: calls of another build are not added to these."""
    rooms = (Path(selfvae_codec.__file__).parent, Path(weights.__file__).parents[1])
    sources = {path for room in rooms for path in room.rglob("*") if path.suffix in (".py", ".c", ".h")}
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources | {Path(__file__)}))).hexdigest()[:16]


def run(calls: int, output: Path, command: list[str]) -> dict[str, Any]:
    """Go on until so many calls are counted; the file is written after every number."""
    known: dict[str, Any] = json.loads(output.read_text()) if output.exists() else {}
    now = {
        "format": fields.VERSION,
        "model": backends.networks().weights.model_id.hex(),
        "code": code(),
    }
    kept = {name: known.get(name) for name in now} == now
    counts = Counter(known["counts"] if kept else {})
    outside = known["outside"] if kept else []
    slowest, peak, number, took = (
        (known["slowest_s"], known["peak_mib"], known["chunks"], known["seconds"]) if kept else ({}, 0, 0, 0.0)
    )
    while sum(counts.values()) < calls:
        start = time.monotonic()
        found = tried(number)
        counts.update(found["counts"])
        outside += found["outside"]
        slowest = {name: max(slowest.get(name, 0), value) for name, value in (slowest | found["slowest_s"]).items()}
        peak, number, took = max(peak, found["peak_mib"]), number + 1, took + time.monotonic() - start
        known = {
            **now,
            "calls": sum(counts.values()),
            "outside_picture_and_our_errors": sum(n for name, n in counts.items() if "outside" in name),
            "chunks": number,
            "seconds": round(took, 1),
            "peak_mib": peak,
            "slowest_s": dict(sorted(slowest.items())),
            "counts": dict(sorted(counts.items())),
            "outside": outside[:200],
            "environment": environment(command, *UNTIMED),
        }
        write_json(output, known)
    return known


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=10**6, help="how many to count in all [default: 1000000]")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results/fuzz.json"))
    args = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    corpus()  # models are loaded once; the processes are forks
    found = run(
        args.calls, args.output, ["python", "-m", "benchmarks.studies.fuzz", *(sys.argv[1:] if argv is None else argv)]
    )
    print(f"{found['calls']} calls, {found['outside_picture_and_our_errors']} ended outside of pictures and our errors")


if __name__ == "__main__":
    main()
