"""Large pictures are coded in strips of rows of blocks: of whatever height, with the same bits."""

import numpy as np
import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec.errors import TruncatedWarning
from selfvae_codec.models.exact import inference

X = make_picture(72, 200)
SETTINGS = ({"quality": 30}, {"quality": 80, "effort": 2}, {"lossless": True})


def cut_off(data):
    """What is there of a file that ends within its last level."""
    with pytest.warns(TruncatedWarning):
        return selfvae_codec.decode(data[:-40], partial=True)


def of_height(monkeypatch, rows):
    monkeypatch.setattr(inference, "STRIP", rows)
    monkeypatch.setattr(inference, "POSITIONS", 1)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("rows", [3, 5, 8, 24])
def test_strips_of_any_height_give_the_same_files_and_pictures(monkeypatch, settings, rows):
    data = selfvae_codec.encode(X, **settings)
    pictures = [selfvae_codec.decode(data, level) for level in range(1, selfvae_codec.read_header(data).n_levels + 1)]
    part = cut_off(data)
    of_height(monkeypatch, rows)
    assert selfvae_codec.encode(X, **settings) == data
    for level, picture in enumerate(pictures, 1):
        assert np.array_equal(selfvae_codec.decode(data, level), picture)
    assert np.array_equal(cut_off(data), part)
