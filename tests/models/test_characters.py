"""Copies of training photographs whose noise is of many characters."""

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

from selfvae_codec.models.training import characters


def test_the_same_seed_makes_the_same_copy_and_another_another():
    x = make_picture(200, 180)
    once, again, other = (characters.character(x, np.random.default_rng(s), clean=True) for s in (1, 1, 2))
    assert np.array_equal(once, again) and not (once.shape == other.shape and np.array_equal(once, other))


def test_copies_are_pictures_of_about_the_same_light_and_not_larger():
    x = make_picture(220, 170)
    for seed in range(12):
        made = characters.character(x, np.random.default_rng(seed), clean=seed % 2 == 0)
        assert made.dtype == np.uint8 and made.shape[2] == 3 and min(made.shape[:2]) >= characters.LEAST_SIDE
        assert made.shape[0] <= 170 and made.shape[1] <= 220
        assert abs(made.mean() - x.mean()) < 40


def test_grain_resembles_its_neighbours_and_chroma_of_half_resolution_says_less():
    rng, flat = np.random.default_rng(0), np.full((160, 160, 3), 120.0)
    n = characters.with_grain(flat, rng)[..., 1] - 120
    assert (n[:, 1:] * n[:, :-1]).mean() > 0.05 * n.var()
    noisy = flat + rng.normal(0, 10, flat.shape)
    half = characters.with_half_chroma(noisy, rng)
    spread = [(v[..., 0] - v @ characters.LUMA).std() for v in (noisy, half)]
    assert spread[1] < 0.8 * spread[0]


def test_the_command_writes_every_copy(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    Image.fromarray(make_picture(180, 170)).save(tmp_path / "in" / "a.png")
    characters.main(["--data", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--copies", "2"])
    made = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in made] == ["00000-0-a.png", "00000-1-a.png"] and "2 pictures" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        characters.main(["--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
