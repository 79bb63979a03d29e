"""The bits below the eighth: exact for every size and kind of 16-bit picture, and as few as there is to say."""

import numpy as np
import pytest

from selfvae_codec.coding import low_bits
from selfvae_codec.coding.depth import to_8
from selfvae_codec.errors import CodecError

RNG = np.random.default_rng(2)
ROWS, COLUMNS = np.mgrid[:80, :96]


def size_of(x):
    """Bytes of the level, once it was seen to come back."""
    payload, check = low_bits.pack(x, grey=False)
    assert np.array_equal(low_bits.unpack(payload, to_8(x), False, check), x)
    return len(payload)


def colours(plane):
    return np.stack([plane, plane[::-1], plane[:, ::-1]], -1).astype(np.uint16)


@pytest.mark.parametrize("height", [1, 2, 3, 5, 9, 64])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 65])
@pytest.mark.parametrize("bits", [9, 12, 16])
def test_every_size_comes_back_exactly(height, width, bits):
    size_of((RNG.integers(0, 1 << bits, (height, width, 3)) << (16 - bits)).astype(np.uint16))


def test_noise_takes_its_bits_and_hardly_more():
    noise = RNG.integers(0, 65536, (80, 96, 3), dtype=np.uint16)
    assert noise.size < size_of(noise) < 1.03 * noise.size


PLAIN = {
    "flat": (np.full((80, 96), 12345), 30),
    "8 bits, spread": (RNG.integers(0, 256, (80, 96)) * 257, 3),
    "8 bits, shifted": (RNG.integers(0, 256, (80, 96)) << 8, 120),
    "two values": (np.where(RNG.random((80, 96)) < 0.5, 1000, 50000), 350),
    "gradient": (500 * ROWS + 37 * COLUMNS, 0.12 * 80 * 96 * 3),
    "waves": (np.round(32767 + 30000 * np.sin(ROWS / 40 + COLUMNS / 90)), 0.3 * 80 * 96 * 3),
    "blocks": (np.kron(RNG.integers(0, 65536, (10, 12)), np.ones((8, 8))), 0.11 * 80 * 96 * 3),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_and_smooth_pictures_take_next_to_nothing(kind):
    plane, most = PLAIN[kind]
    assert size_of(colours(plane)) <= most


def test_pictures_of_fewer_bits_pay_for_those_they_have():
    values = RNG.integers(0, 1024, (80, 96, 3))
    for x in (values << 6, (values * 65535 + 511) // 1023):
        assert size_of(x.astype(np.uint16)) < 0.29 * x.size  # two bits beyond eight: a quarter of a byte


def test_a_grey_picture_pays_for_one_channel():
    x = RNG.integers(0, 65536, (80, 96), dtype=np.uint16)[..., None].repeat(3, 2)
    payload, check = low_bits.pack(x, grey=True)
    assert len(payload) < 1.06 * x[..., 0].size
    assert np.array_equal(low_bits.unpack(payload, to_8(x), True, check), x)


def test_damage_and_the_level_of_another_picture_are_noticed():
    x = RNG.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    payload, check = low_bits.pack(x, grey=False)
    others = [bytes([payload[0] | 1]) + payload[1:], payload[:-4], b"", b"\1" * 40]
    others += [payload[:i] + bytes([payload[i] ^ 64]) + payload[i + 1 :] for i in range(0, len(payload), 97)]
    for damaged in others:
        if damaged != payload:
            with pytest.raises(CodecError):
                low_bits.unpack(damaged, to_8(x), False, check)
    shifted, check = low_bits.pack((RNG.integers(0, 250, (20, 30, 3)) << 8).astype(np.uint16), grey=False)
    with pytest.raises(CodecError):
        low_bits.unpack(shifted, np.full((20, 30, 3), 255, np.uint8), False, check)
