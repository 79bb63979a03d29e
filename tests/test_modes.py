"""The six modes of the model, with the shipped networks, against what files of the same picture hold."""

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec import CodecError
from selfvae_codec.pictures.psnr import psnr_db

X = make_picture(70, 90, seed=5)
ROWS = [(), ("y",), ("y", "z"), ("u",), ("u", "z"), ("y", "z", "x")]


def payload_bits(data, levels):
    return 8 * sum(level.length for level in selfvae_codec.read_header(data).levels[:levels])


def test_given_y_and_z_it_is_what_a_file_decodes_to_and_costs_what_it_costs():
    data = selfvae_codec.encode(X, quality=60)
    made = selfvae_codec.reconstruct(X, ("y", "z"), quality=60)
    assert np.array_equal(made.picture, selfvae_codec.decode(data))
    levels = selfvae_codec.read_header(data).n_levels
    bits = sum(made.bits.values())
    assert bits <= payload_bits(data, levels) <= 1.01 * bits + 8 * 9 * levels  # a level ends in whole words
    assert made.bits["u"] > 0 and made.bits["x"] == 0
    assert made.bits_per_dim == pytest.approx(bits / X.size)


@pytest.mark.parametrize("seed", [None, 3])
def test_given_y_it_is_what_two_levels_of_a_file_decode_to(seed):
    data = selfvae_codec.encode(X, quality=60)
    made = selfvae_codec.reconstruct(X, ("y",), seed=seed, quality=60)
    assert np.array_equal(made.picture, selfvae_codec.decode(data, 2, sample=seed))
    bits = made.bits["u"] + made.bits["y"]
    assert bits <= payload_bits(data, 2) <= bits + 2 * 8 * 9
    assert made.bits["z"] == made.bits["x"] == 0


def test_given_nothing_it_is_a_generated_picture_that_cost_nothing():
    made = selfvae_codec.reconstruct(X, (), seed=2)
    assert np.array_equal(made.picture, selfvae_codec.generate((70, 90), 2))
    assert not any(made.bits.values())


def test_given_everything_it_is_the_picture_at_the_cost_of_a_lossless_file():
    made = selfvae_codec.reconstruct(X, ("y", "z", "x"))
    assert np.array_equal(made.picture, X)
    data = selfvae_codec.encode(X, lossless=True)
    levels = selfvae_codec.read_header(data).n_levels
    bits = sum(made.bits.values())
    assert bits <= payload_bits(data, levels) <= 1.01 * bits + 8 * 9 * levels


def test_exact_pixels_are_drawn_around_what_the_latents_say():
    expected = selfvae_codec.reconstruct(X, ("y", "z"), quality=100)
    drawn = selfvae_codec.reconstruct(X, ("y", "z"), quality=100, seed=1)
    assert drawn.bits == expected.bits
    assert not np.array_equal(drawn.picture, expected.picture)
    assert psnr_db(drawn.picture, expected.picture) > 25


def test_given_u_and_z_only_the_base_of_the_picture_is_drawn():
    from_u = selfvae_codec.reconstruct(X, ("u",))
    from_u_and_z = selfvae_codec.reconstruct(X, ("u", "z"))
    assert from_u.bits["u"] == from_u_and_z.bits["u"] > 0
    assert from_u.bits["z"] == 0 < from_u_and_z.bits["z"]
    assert from_u_and_z.bits["y"] == 0
    assert psnr_db(from_u_and_z.picture, X) > psnr_db(from_u.picture, X)


@pytest.mark.parametrize("given", ROWS, ids="+".join)
def test_the_same_seed_gives_the_same_picture(given):
    first, again, other = (selfvae_codec.reconstruct(X, given, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.picture, again.picture)
    known = "y" in given and "z" in given
    assert np.array_equal(first.picture, other.picture) == known


def test_u_may_be_named_beside_y_which_implies_it():
    a, b = (selfvae_codec.reconstruct(X, given) for given in (("u", "y"), ("y",)))
    assert np.array_equal(a.picture, b.picture) and a.bits == b.bits


@pytest.mark.parametrize("given", [("x",), ("z",), ("y", "x"), ("colour",)], ids="+".join)
def test_what_is_no_row_of_the_table_is_refused(given):
    with pytest.raises(CodecError, match="choose among nothing, y, y\\+z"):
        selfvae_codec.reconstruct(X, given)


def test_grey_pictures_pay_for_one_channel():
    grey = X[..., 0]
    made = selfvae_codec.reconstruct(grey, ("y", "z", "x"))
    assert np.array_equal(made.picture, grey[..., None].repeat(3, 2))
