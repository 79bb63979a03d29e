"""The lapped transform in C and in NumPy: the same pixels, in any strips, on any number of threads."""

import numpy as np
import pytest

from selfvae_codec.models import units
from selfvae_codec.models.exact import clibrary, weights
from selfvae_codec.models.exact.transform import LappedTransform

DELTA = 700_000
SHAPES = [(1, 1), (1, 6), (21, 13), (18, 129)]  # of blocks; the last in parts that begin within a cell of the base


@pytest.fixture(scope="module")
def transforms():
    return weights.read(weights.default()).transforms


def drawn(rows, columns, stride, largest=20_000, seed=0):
    """Latents, the network's answer, its bound by block, and a base that reaches beyond the picture."""
    rng = np.random.default_rng(seed)
    z = rng.integers(-largest, largest + 1, (192, rows, columns)).astype(np.int32)
    learned = rng.integers(-128, 129, (rows, columns, 192)).astype(np.int16).transpose(2, 0, 1)
    base = rng.integers(0, 257, (3, -(-8 * rows // stride) + 1, -(-8 * columns // stride) + 1)).astype(np.int32)
    return z, learned, rng.integers(0, 129, (rows, columns)).astype(np.int32), base


def analysed(transform, x, base, threads=1):
    """Into a part of a larger array, as encoders have it."""
    height, width = (-(-side // 8) for side in x.shape[1:])
    larger = np.zeros((192, height + 2, width + 3), np.float32)
    transform.analysis(x, base, larger[:, :height, :width], threads)
    assert not larger[:, height:].any() and not larger[..., width:].any()
    return larger[:, :height, :width]


def pixels(synthesis, z, learned, bound, base, dtype=np.uint8, strip=None, threads=1):
    _, rows, columns = z.shape
    out = np.empty((8 * rows, 8 * columns, 3), dtype).transpose(2, 0, 1)
    for first in range(0, rows, strip or rows):
        end = min(first + (strip or rows), rows)
        seen = slice(max(first - 1, 0), min(end + 1, rows))
        told = z[:, seen], learned[:, seen], seen.start, rows, bound, base, DELTA, slice(first, end)
        synthesis.pixels(*told, out[:, 8 * first : 8 * end], threads, 1 if dtype == np.uint8 else units.DEEP)
    return out


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
@pytest.mark.parametrize("path", list(clibrary.paths()) if clibrary.library() else [])
@pytest.mark.parametrize("stride", [2, 4, 8, 16])
@pytest.mark.parametrize("shape", SHAPES)
def test_c_and_numpy_give_the_same_pixels(transforms, monkeypatch, path, stride, shape):
    z, learned, bound, base = drawn(*shape, stride)
    with monkeypatch.context() as patch:
        patch.setattr(clibrary, "library", lambda: None)
        plain = LappedTransform(transforms, stride)
    monkeypatch.setenv(clibrary.CHOICE, path)
    native = LappedTransform(transforms, stride)
    for dtype in (np.uint8, np.uint16):
        for limit in (None, bound):
            expected = pixels(plain, z, learned, limit, base, dtype)
            for strip, threads in ((None, 1), (None, 3), (4, 2)):
                assert np.array_equal(pixels(native, z, learned, limit, base, dtype, strip, threads), expected)


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
@pytest.mark.parametrize("path", list(clibrary.paths()) if clibrary.library() else [])
@pytest.mark.parametrize("shape", SHAPES)
def test_c_and_numpy_give_the_same_latents(transforms, monkeypatch, path, shape):
    rng, (rows, columns) = np.random.default_rng(0), shape
    x = rng.integers(0, 256, (8 * rows, 8 * columns, 3), np.uint8).transpose(2, 0, 1)
    error = rng.integers(-255, 256, x.shape).astype(np.int16)
    _, _, _, base = drawn(*shape, 16)
    with monkeypatch.context() as patch:
        patch.setattr(clibrary, "library", lambda: None)
        plain = LappedTransform(transforms, 16)
    monkeypatch.setenv(clibrary.CHOICE, path)
    native = LappedTransform(transforms, 16)
    part = x[:, : 8 * rows - 5, : 8 * columns - 3]
    whole = np.pad(part, ((0, 0), (0, 5), (0, 3)), mode="edge")
    for threads in (1, 3):
        assert np.array_equal(analysed(native, x, base, threads), analysed(plain, x, base))
        for either in (native, plain):  # blocks beyond the picture see its edge go on
            assert np.array_equal(analysed(either, part, base, threads), analysed(plain, whole, base))
        assert np.array_equal(native.pull(error, threads), plain.pull(error))


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
def test_latents_too_large_for_32_bit_sums_are_left_to_numpy(transforms, monkeypatch):
    drawn_large = drawn(3, 4, 16, largest=2**26)
    native = pixels(LappedTransform(transforms, 16), *drawn_large)
    monkeypatch.setattr(clibrary, "library", lambda: None)
    assert np.array_equal(native, pixels(LappedTransform(transforms, 16), *drawn_large))
