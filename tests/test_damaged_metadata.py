"""Whatever happened to a file's metadata, decode() and Pillow show the same picture."""

import io
import warnings
import zlib

import numpy as np
import pytest
from conftest import make_picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import selfvae_codec
import selfvae_codec.pillow  # noqa: F401  (registers the format)
from selfvae_codec import CodecError, Metadata, MetadataWarning
from selfvae_codec.format import container
from selfvae_codec.pictures import alpha

X = make_picture(40, 24)
ALPHA = np.random.default_rng(1).integers(0, 256, (24, 40), dtype=np.uint8)
KEPT = Metadata(icc=b"profile" * 20, exif=b"II*\0exif", xmp=b"<xmp/>")


def chunk(tag, method, stored):
    return bytes([tag, method]) + len(stored).to_bytes(4, "little") + stored


PNG = alpha.pack(ALPHA)
OTHER_SIZE = alpha.pack(ALPHA[:-1])
WITH_TEXT = PNG[:33] + (4).to_bytes(4, "big") + b"tEXtword" + zlib.crc32(b"tEXtword").to_bytes(4, "big") + PNG[33:]
CHUNKS = [
    chunk(1, 1, zlib.compress(KEPT.icc)),
    chunk(1, 1, zlib.compress(KEPT.icc)[:-3]),
    chunk(2, 0, KEPT.exif),
    chunk(3, 7, KEPT.xmp),
    chunk(4, 0, PNG),
    chunk(4, 1, zlib.compress(PNG)),
    chunk(4, 0, PNG[:-40]),
    chunk(4, 0, PNG[:45] + bytes([PNG[45] ^ 1]) + PNG[46:]),
    chunk(4, 0, OTHER_SIZE),
    chunk(4, 0, WITH_TEXT),
    chunk(4, 0, b""),
    chunk(200, 0, b"of tomorrow"),
]


def with_section(section):
    """The picture's file with this metadata section, whose checksum is right."""
    fields = {"width": 40, "height": 24, "model_id": b"fakefake", "step": 640, "quality": 50, "y_step": 2}
    payload = zlib.compress(X.tobytes())
    return container.pack(**fields, payloads=[payload], symbol_checks=[0], metadata=section)


def shown(data):
    """What Pillow shows of a file, and what decode() does; None where it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetadataWarning)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                by_pillow = np.array(image)
        except CodecError:
            by_pillow = None
        try:
            decoded = selfvae_codec.decode(data)
        except CodecError:
            decoded = None
    return by_pillow, decoded


def assert_same(data):
    by_pillow, decoded = shown(data)
    assert decoded is not None and np.array_equal(by_pillow, decoded)
    return decoded


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(CHUNKS), max_size=4), st.data())
def test_any_chunks_and_any_damage_to_them_show_one_picture(core, chunks, data):
    section = bytearray(b"".join(chunks))
    for _ in range(data.draw(st.integers(0, 2)) if section else 0):
        section[data.draw(st.integers(0, len(section) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, 8))
    assert_same(with_section(bytes(section[: len(section) - cut]) or b"\0"))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_section_that_its_checksum_tells_of_is_left_out_of_both(core, place, mask):
    file = bytearray(with_section(b"".join(CHUNKS[:3:2] + CHUNKS[4:5])))
    section = selfvae_codec.read_header(file).metadata
    file[section.offset + place % section.length] ^= mask
    assert assert_same(bytes(file)).shape == X.shape


def test_alpha_is_shown_beside_a_profile_that_does_not_inflate(core):
    file = with_section(CHUNKS[1] + CHUNKS[4])
    assert np.array_equal(assert_same(file), np.dstack([X, ALPHA]))
    with pytest.raises(CodecError, match="cut off"):
        selfvae_codec.read_metadata(file)


@pytest.mark.parametrize("bad", range(5, 11))
def test_alpha_that_cannot_be_read_leaves_both_opaque_and_says_so(core, bad):
    file = with_section(CHUNKS[bad])
    assert np.array_equal(assert_same(file), X)
    with pytest.warns(MetadataWarning, match="alpha channel.*transparency is lost"):
        selfvae_codec.decode(file)
    with pytest.warns(MetadataWarning, match="alpha channel.*transparency is lost"):
        Image.open(io.BytesIO(file)).load()


def test_a_second_chunk_of_one_kind_is_refused_before_any_is_inflated(core, monkeypatch):
    file = with_section(CHUNKS[0] * 1000)
    monkeypatch.setattr(zlib, "decompressobj", None)
    with pytest.raises(CodecError, match="two chunks of one kind"):
        selfvae_codec.read_metadata(file)
    image = Image.open(io.BytesIO(file))
    assert image.mode == "RGB" and "icc_profile" not in image.info


def test_a_picture_larger_than_pillow_likes_has_its_alpha_without_a_word(core, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert selfvae_codec.decode(with_section(CHUNKS[4])).shape == (24, 40, 4)
