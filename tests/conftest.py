"""What the tests share: pictures made on the spot, and a stand-in for the networks."""

from __future__ import annotations

import contextlib
import sys
import types
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
import pytest

from selfvae_codec import choice, coding
from selfvae_codec.coding.depth import to_8
from selfvae_codec.errors import CodecError
from selfvae_codec.format import container
from selfvae_codec.models.exact import weights

FINDS_EDGES = pytest.mark.skipif(
    not find_spec("skimage"), reason="scikit-image is not installed: pip install 'selfvae-codec[edge]'"
)

TINY = {  # widths and depths of a model that trains in seconds
    "synthesis_width": 8,
    "synthesis_blocks": 1,
    "prior_width": 8,
    "prior_blocks": 1,
    "lead_blocks": 1,
    "z2_channels": 2,
    "y_width": 8,
    "y_blocks": 1,
    "edge_width": 8,
    "edge_blocks": 1,
    "pixel_width": 8,
    "pixel_blocks": 1,
    "pixel_sets": 2,
}


def make_picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A smooth colourful picture with some texture, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(columns / (9 + 4 * c) + c) + np.cos(rows / (7 + 5 * c)) for c in range(3)]
    x = 128 + 45 * np.stack(waves, axis=-1) + rng.normal(0, 4, (height, width, 3))
    return np.clip(np.round(x), 0, 255).astype(np.uint8)


def repacked(header, payloads: list[bytes], **changes) -> bytes:
    """The file of a header and its payloads once more, with changes of what ``container.pack`` takes."""
    kept = ("width", "height", "model_id", "step", "quality", "y_step", "fall", "grey", "lossless", "activity", "deep")
    said = {name: getattr(header, name) for name in kept}
    checks = [level.symbol_check for level in header.levels]
    return container.pack(**said | {"payloads": payloads, "symbol_checks": checks} | changes)


@contextlib.contextmanager
def torch_as_it_was():
    """What training in this process sets for the whole of it is set back."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


@dataclass
class FakeEncoded:
    payloads: list[bytes]
    symbol_checks: list[int]
    step: int
    y_step: int
    fall: int
    activity: bool
    model_id: bytes


FAKE_MODEL = b"fakefake"
FAKE_STEP, FAKE_Y_STEP = 600, 2  # of two planes
# Level k of the fake codec is the picture kept to this many bits, so that later levels are better and larger.
FAKE_BITS = (1, 2, 4, 8)


@lru_cache(maxsize=64)  # tests and searches for a target encode one picture many times
def packed(pixels: bytes) -> bytes:
    return zlib.compress(pixels, 9)


def fake_core() -> types.ModuleType:
    """Stands in for choice.encoder and coding.levels: same functions, no networks, quality only changes the padding."""
    core = types.ModuleType("core")
    core.calls = []

    def encode_levels(x, *, quality, levels, grey, lossless, effort, tune, region=None, model, backend):
        core.calls.append(("encode", quality))
        if levels is not None and not 1 <= levels <= len(FAKE_BITS):
            raise CodecError(f"levels={levels} is out of range: a file has 1 to {len(FAKE_BITS)} levels")
        x = to_8(x)
        payloads = [packed((x & (256 - (1 << (8 - bits)))).tobytes()) for bits in FAKE_BITS]
        payloads[-1] += bytes(round(50 * 1.04**quality))
        payloads = payloads[:levels]
        return FakeEncoded(payloads, [1] * len(payloads), FAKE_STEP, FAKE_Y_STEP, 0, not lossless, FAKE_MODEL)

    def decode_levels(header, payloads, *, part=b"", sample, deep=False, backend):
        core.calls.append(("decode", len(payloads)))
        pixels = zlib.decompressobj().decompress(payloads[-1])
        x = np.frombuffer(pixels, np.uint8).reshape(header.height, header.width, 3)
        return x * np.uint16(257) if deep else x

    def representation(header, payloads, backend):
        core.calls.append(("representation", len(payloads)))
        stride = 32 if len(payloads) == 1 else 16
        x = decode_levels(header, payloads, sample=None, backend=backend)
        return np.ascontiguousarray(x[::stride, ::stride])

    core.encode_levels, core.decode_levels = encode_levels, decode_levels
    core.representation = representation
    return core


def fake_modes() -> types.ModuleType:
    """Stands in for coding.modes."""
    modes = types.ModuleType("selfvae_codec.coding.modes")
    modes.generate = lambda height, width, *, seed, model, backend: make_picture(width, height, seed)
    return modes


@pytest.fixture
def core(monkeypatch):
    """The fake core in place of the real one; ``core.calls`` lists what was asked of it."""
    fake = fake_core()
    for room, name, module in ((choice, "encoder", fake), (coding, "levels", fake), (coding, "modes", fake_modes())):
        monkeypatch.setitem(sys.modules, f"{room.__name__}.{name}", module)
        monkeypatch.setattr(room, name, module, raising=False)
    monkeypatch.setattr(weights, "identify", lambda name: FAKE_MODEL)
    return fake
