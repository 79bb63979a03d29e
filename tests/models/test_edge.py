"""The edge family end to end: a tiny model is trained, exported and installed; its files start with a sketch."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import TINY, make_picture, torch_as_it_was
from PIL import Image

import selfvae_codec
from selfvae_codec import CodecError
from selfvae_codec.app import main
from selfvae_codec.models.edges import edge_map
from selfvae_codec.models.exact import backends, shipped, weights
from selfvae_codec.models.networks.edge_prior import EdgePrior
from selfvae_codec.models.training import export, train

pytest.importorskip("skimage", reason="scikit-image is not installed: pip install 'selfvae-codec[edge]'")

CONFIG = TINY | {"family": "edge", "representations": [["edge", 4], ["downscale", 16]]}


def shapes(width, height, seed=0):
    """A picture with texture and hard edges, uint8 (H, W, 3)."""
    x = make_picture(width, height, seed)
    x[height // 4 : height // 2, width // 4 : 3 * width // 4] = (220, 40, 60)
    return x


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of installed weights that holds edge.safetensors."""
    root = tmp_path_factory.mktemp("edge")
    (root / "pictures").mkdir()
    for i in range(2):
        Image.fromarray(shapes(280, 270, i)).save(root / "pictures" / f"{i}.png")
    (root / "edge.json").write_text(json.dumps(CONFIG))
    common = ["--config", root / "edge.json", "--data", root / "pictures", "--cache", root / "cache"]
    common += ["--hours", 0.0005, "--crop", 64, "--batch", 2]

    def run(main, *arguments):
        main([str(word) for word in arguments])

    parts = ("--latents", root / "z", "--representations", root / "y", "--pixels", root / "x")
    out = root / "installed" / "edge.safetensors"
    with torch_as_it_was():
        run(train.main, *common, "--out", root / "z")
        run(train.main, *common, "--out", root / "y", "--part", "representations")
        run(train.main, *common, "--out", root / "x", "--part", "pixels", "--init", root / "z" / "averaged.safetensors")
        run(export.main, *parts, "--cache", root / "cache", "--crop", 64, "--out", out)
    return root / "installed"


@pytest.fixture
def installed(folder, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", folder)
    shipped.record(folder)
    return folder


def test_files_of_the_edge_model_decode_at_every_level(installed):
    x = shapes(100, 70, 5)
    data = selfvae_codec.encode(x, model="edge", quality=75)
    header = selfvae_codec.read_header(data)
    assert header.level_names() == ["y2", "y1", "z.0", "z.1"]
    errors = []
    for level in header.levels:
        decoded = selfvae_codec.decode(data, level.index)
        assert decoded.shape == x.shape
        errors.append(np.square(decoded.astype(float) - x).mean())
    assert errors[1:] == sorted(errors[1:], reverse=True)
    imagined = selfvae_codec.decode(data, 1, sample=1)
    assert not np.array_equal(imagined, selfvae_codec.decode(data, 1, sample=2))


def test_level_1_is_the_sketch_and_level_2_the_colours(installed):
    x = shapes(100, 70, 5)
    data = selfvae_codec.encode(x, model="edge")
    sketch, colours = selfvae_codec.representation(data, 1), selfvae_codec.representation(data, 2)
    padded = np.pad(x, ((0, 58), (0, 28), (0, 0)), mode="edge").transpose(2, 0, 1)
    expected = 255 * (1 - edge_map(padded, 4)[0, :18, :25])
    assert np.array_equal(sketch, np.repeat(expected[..., None], 3, axis=2))
    assert (sketch == 0).any() and colours.shape == (5, 7, 3)


def test_lossless_files_of_the_edge_model_are_exact(installed):
    x = shapes(65, 50, 6)
    assert np.array_equal(selfvae_codec.decode(selfvae_codec.encode(x, model="edge", lossless=True)), x)


@pytest.mark.parametrize("given", [(), ("y",), ("y", "z"), ("u",), ("u", "z")], ids="+".join)
def test_the_modes_of_the_edge_model_repeat(installed, given):
    x = shapes(64, 64, 7)
    first, again = (selfvae_codec.reconstruct(x, given, seed=1, model="edge") for _ in range(2))
    assert np.array_equal(first.picture, again.picture)
    assert (first.bits["y"] > 0) == ("y" in given)


def test_the_command_line_encodes_and_shows_the_sketch(installed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(shapes(64, 64)).save("photo.png")
    assert main.run(["encode", "photo.png", "--model", "edge"]) == 0
    assert main.run(["decode", "photo.svae", "-o", "sketch.png", "--levels", "1", "--raw"]) == 0
    with Image.open("sketch.png") as sketch:
        assert sketch.size == (16, 16) and set(np.unique(np.asarray(sketch))) <= {0, 255}
    assert main.run(["generate", "--size", "64x64", "--model", "edge"]) == 0


def test_a_model_that_is_not_installed_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "none")
    backends._load.cache_clear()
    Image.fromarray(shapes(64, 64)).save("photo.png")
    assert main.run(["encode", "photo.png", "--model", "edge"]) == 1
    assert "no weights of a model 'edge' are installed" in capsys.readouterr().err


def test_a_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(CodecError, match=r"selfvae-codec\[edge\]"):
        edge_map(np.zeros((3, 16, 16), np.uint8), 4)


def test_an_untrained_prior_charges_what_its_logit_says():
    edges = torch.zeros(1, 1, 8, 8)
    per_position = np.log2(1 + np.exp(-2.0))
    assert EdgePrior(8, 1).bits(edges).item() == pytest.approx(64 * per_position, rel=1e-4)


def test_more_edges_are_found_where_there_are_more():
    flat = np.full((3, 64, 64), 90, np.uint8)
    square = flat.copy()
    square[:, 16:48, 16:48] = 200
    assert edge_map(flat, 2).sum() == 0
    found = edge_map(square, 2)
    assert found.shape == (1, 32, 32) and 40 < found.sum() < 100
