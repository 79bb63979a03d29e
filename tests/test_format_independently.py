"""FORMAT.md is enough to write a decoder by: independent/ is one, and decodes files to the package's pixels."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture
from independent import entropy
from independent.decoder import pictures
from make_golden import deepened

import selfvae_codec
from selfvae_codec import Metadata
from selfvae_codec.choice import encoder

TESTS = Path(__file__).parent
SMALL = make_picture(40, 30)


def same_pixels_at_every_level(data: bytes, *, deep: bool = False) -> bool:
    """Where a reader stops after level k, for all k, and so of the whole file, too; deep: in 16 bits as well.

    Symbols that do not match a symbol_check, and words that are left over, are errors of ``pictures``.
    """
    levels = selfvae_codec.read_header(data).levels
    for level, shown in zip(levels, pictures(data), strict=True):
        same = np.array_equal(shown.x8, selfvae_codec.decode(data, level.index, dtype=np.uint8))
        if deep:
            same = same and np.array_equal(shown.x16, selfvae_codec.decode(data, level.index, dtype=np.uint16))
        if not same:
            return False
    return True


def test_the_independent_decoder_imports_nothing_of_the_package():
    imported = set()
    for path in (TESTS / "independent").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    assert imported - sys.stdlib_module_names == {"numpy", "safetensors"}


@pytest.mark.parametrize("name", ["golden", "lossless", "fitted", "edge", "deep"])
def test_golden_files_decode_to_the_same_pixels_at_every_level(name):
    data = (TESTS / f"golden/{name}.svae").read_bytes()
    assert same_pixels_at_every_level(data, deep=name in ("golden", "deep"))


@pytest.mark.parametrize(("width", "height"), [(37, 21), (1, 1), (65, 9)])
def test_sides_that_are_multiples_of_nothing_decode_to_the_same_pixels(width, height):
    assert same_pixels_at_every_level(selfvae_codec.encode(make_picture(width, height), effort=0))


@pytest.mark.parametrize(("quality", "planes"), [(3, 1), (99, 3)])
def test_the_coarsest_and_the_finest_steps_decode_to_the_same_pixels(quality, planes):
    data = selfvae_codec.encode(SMALL, quality=quality, effort=0)
    assert selfvae_codec.read_header(data).planes == planes
    assert same_pixels_at_every_level(data)


def test_two_planes_without_an_activity_map_decode_to_the_same_pixels():
    data = selfvae_codec.encode(SMALL, quality=75, tune="psnr", effort=0)
    header = selfvae_codec.read_header(data)
    assert header.planes == 2 and not header.activity
    assert same_pixels_at_every_level(data)


def test_a_map_beyond_what_steps_follow_decodes_to_the_same_pixels(monkeypatch):
    """Symbols that this encoder does not write: twice them are limited, and then the sum with what the fall says."""
    suited = encoder._suited

    def extreme(*given):
        plan, latents = suited(*given)
        activity = np.full_like(latents.activity, 20)
        activity[:, 0, 0] = -18
        return plan, replace(latents, activity=activity)

    monkeypatch.setattr(encoder, "_suited", extreme)
    data = selfvae_codec.encode(SMALL, quality=30, effort=0)
    assert selfvae_codec.read_header(data).fall
    assert same_pixels_at_every_level(data)


def test_values_far_from_their_means_decode_to_the_same_pixels(monkeypatch):
    read, escapes = entropy.RansReader.number, []

    def noted(self, bits):
        escapes.extend([bits] if bits == 16 else [])
        return read(self, bits)

    monkeypatch.setattr(entropy.RansReader, "number", noted)
    cells = np.random.default_rng(1).integers(0, 2, (4, 4, 3), np.uint8) * np.uint8(255)
    data = selfvae_codec.encode(cells.repeat(16, 0).repeat(16, 1), quality=60, effort=0)
    assert same_pixels_at_every_level(data)
    assert len(escapes) > 1


@pytest.mark.parametrize("lossless", [False, True])
def test_grey_pictures_decode_to_the_same_pixels(lossless):
    data = selfvae_codec.encode(SMALL[..., 0], quality=30, lossless=lossless, effort=0)
    assert selfvae_codec.read_header(data).grey
    assert same_pixels_at_every_level(data)


@pytest.mark.parametrize("shape", [(11, 13, 3), (11, 13)])
def test_raw_pixels_decode_to_the_same_pixels(shape):
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    data = selfvae_codec.encode(noise, lossless=True, effort=0)
    assert selfvae_codec.read_header(data).levels[-1].length == noise.size
    assert same_pixels_at_every_level(data)


def test_a_lossy_picture_of_16_bits_decodes_to_the_same_pixels():
    assert same_pixels_at_every_level(selfvae_codec.encode(deepened(SMALL), quality=60, effort=0), deep=True)


def test_a_grey_picture_of_16_bits_decodes_to_the_same_pixels():
    data = selfvae_codec.encode(deepened(SMALL)[..., 0], lossless=True, effort=0)
    assert same_pixels_at_every_level(data, deep=True)


def test_a_picture_of_9_bits_decodes_to_the_same_pixels():
    """So few choices that its symbols come in their own order, not context by context."""
    data = selfvae_codec.encode(deepened(SMALL) >> 7 << 7, lossless=True, effort=0)
    assert same_pixels_at_every_level(data, deep=True)


def test_metadata_and_levels_that_were_not_written_change_no_pixels():
    data = selfvae_codec.encode(SMALL, levels=2, metadata=Metadata(xmp=b"<x/>"), effort=0)
    assert selfvae_codec.read_metadata(data).xmp == b"<x/>"
    assert same_pixels_at_every_level(data)
