"""Ways into the package for a file and for weights, each a call without arguments, by name."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile
from safetensors.numpy import save as serialise

import selfvae_codec
import selfvae_codec.pillow  # noqa: F401  (registers the format)
from selfvae_codec import CodecError
from selfvae_codec.app import info
from selfvae_codec.app import main as command_line
from selfvae_codec.format import container, fields, metadata
from selfvae_codec.models.exact import backends, weights

from .damage import corpus, sealed

PIXELS = 4 * fields.PAD**2  # more are not decoded: header fields claim any size
NETWORKS = ("net.u_prior.0.", "net.lead_prior.0@2.")


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
        if not data.startswith(fields.MAGIC):  # a parser asks all of Pillow's formats, and their errors are not ours
            raise Image.UnidentifiedImageError
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
