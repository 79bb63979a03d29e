"""The density experiments end to end, on pictures made here and with tiny models trained for seconds."""

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import TINY, make_picture, torch_as_it_was
from PIL import Image
from safetensors.torch import load_file

pytest.importorskip("jinja2", reason="jinja2 is not installed: pip install 'selfvae-codec[bench]'")
pytest.importorskip("skimage", reason="scikit-image is not installed: pip install 'selfvae-codec[edge]'")

from selfvae_codec.benchmarks.studies.density import __main__ as density  # noqa: E402
from selfvae_codec.benchmarks.studies.density import models as density_models  # noqa: E402
from selfvae_codec.benchmarks.studies.density import modes as density_modes
from selfvae_codec.benchmarks.studies.density import small_pictures
from selfvae_codec.benchmarks.studies.density import table as density_table
from selfvae_codec.benchmarks.studies.density.page import read_rows
from selfvae_codec.models.training import train


def write_sheet(path, side, columns, rows, seed):
    tiles = [make_picture(side, side, seed + i) for i in range(rows * columns)]
    sheet = np.block([[[t] for t in tiles[r * columns : (r + 1) * columns]] for r in range(rows)])
    Image.fromarray(sheet).save(path, lossless=True)
    return np.stack(tiles)


@pytest.fixture
def sheets(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    write_sheet(folder / "cifar10_train10k.webp", 32, 8, 3, 0)
    write_sheet(folder / "cifar10_test.webp", 32, 4, 1, 50)
    return folder


def test_a_sheet_is_read_row_by_row(tmp_path):
    tiles = write_sheet(tmp_path / "sheet.webp", 32, 3, 2, 7)
    assert np.array_equal(small_pictures.read_sheet(tmp_path / "sheet.webp", 32), tiles)
    with pytest.raises(ValueError, match="no tiles of 20x20"):
        small_pictures.read_sheet(tmp_path / "sheet.webp", 20)


def test_the_whole_of_cifar10_comes_from_sheets_with_a_line_for_each_picture(tmp_path):
    tiles = np.stack([make_picture(32, 32, i) for i in range(12)])
    for part, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        Image.fromarray(tiles[2 * part : 2 * part + 2].reshape(2, 1024, 3)).save(tmp_path / f"{name}.png")
    found = small_pictures.loaders(tmp_path / "none", [], tmp_path, None, None)["cifar10"]()
    assert np.array_equal(found.train, tiles[:10]) and np.array_equal(found.test, tiles[10:])
    assert found.source == "CIFAR-10" and found.side == 32
    with pytest.raises(ValueError, match="1024 pixels, not of 64x64"):
        small_pictures.read_lines(tmp_path / "test_batch.png", 64)


def test_the_original_folders_are_cut_and_resized(tmp_path):
    for part in ("train", "val"):
        (tmp_path / "imagenette" / part / "n0").mkdir(parents=True)
        Image.fromarray(make_picture(90, 70)).save(tmp_path / "imagenette" / part / "n0" / "a.png")
    assert small_pictures.imagenette(tmp_path / "imagenette").test.shape == (1, 64, 64, 3)
    faces = tmp_path / "celeba" / "img_align_celeba"
    faces.mkdir(parents=True)
    for i in range(3):
        Image.fromarray(make_picture(178, 218, i)).save(faces / f"{i}.png")
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text("0.png 0\n1.png 1\n2.png 2\n")
    celeba = small_pictures.celeba(tmp_path / "celeba")
    assert celeba.train.shape == celeba.test.shape == (1, 64, 64, 3) and not celeba.shown


def run_here(command, **_):
    """Training as it is started, without loading torch anew for each model."""
    module, *arguments = command[2:]
    assert module == train.__name__
    with torch_as_it_was():
        train.main(arguments)
    return subprocess.CompletedProcess(command, 0)


def test_all_models_are_trained_measured_and_shown(sheets, tmp_path, monkeypatch):
    monkeypatch.setattr(density_models, "WIDTHS", TINY)
    monkeypatch.setattr(density_models, "subprocess", SimpleNamespace(run=run_here))
    out, runs = tmp_path / "out", tmp_path / "runs"
    arguments = ["--small", sheets, "--sets", "cifar10", "--minutes", 0.03, "--workers", 1, "--runs", runs]
    arguments = [str(word) for word in (*arguments, "--coded", 4, "--sampled", 2, "-o", out)]
    monkeypatch.setattr(density, "SHEET", 4)
    assert density.main(arguments) == 0
    models = ("plain", "downscale", "edge", "hierarchy")
    rows = {model: json.loads((out / f"cifar10-{model}.json").read_text()) for model in models}
    for row in rows.values():
        assert row["stream_bits_per_dim"] == pytest.approx(row["table_bits_per_dim"], rel=0.01)
        assert abs(row["stream_over_bound_pct"]) < 10  # seconds of training leave priors that tables cannot follow
    modes = {model: [mode["given"] for mode in row["modes"]] for model, row in rows.items()}
    assert modes["plain"] == ["nothing", "z"] and modes["edge"] == ["nothing", "y", "y+z", "z"]
    assert modes["hierarchy"] == ["nothing", "u+y", "u+y+z", "u", "u+z"]
    assert set(rows["hierarchy"]["super_resolution_psnr_db"]) == {"model", "bicubic", "lanczos"}
    assert rows["downscale"]["super_resolution_psnr_db"] is None
    page = (out / "density.html").read_text()
    assert page.count("data:image/png") == 8 and "3.51" in page and "http" not in page
    document = tmp_path / "models.md"
    document.write_text("before\n<!-- density:begin -->\nold\n<!-- density:end -->\nafter\n")
    assert density_table.main([str(out), "--into", str(document)]) == 0
    text = document.read_text()
    assert "old" not in text and text.startswith("before\n") and text.endswith("after\n")
    bound = rows["edge"]["bound_bits_per_dim"]
    steps, weights = (rows["edge"][name] for name in ("training_steps", "parameters"))
    assert f"| selfVAE-edge, K = 1 | 0.03 | {steps:,} | {weights:,} | {bound:.3f} |" in text
    rows["edge"]["environment"]["machine"]["cpu"] = "another"
    (out / "cifar10-edge.json").write_text(json.dumps(rows["edge"]))
    machines = ", ".join(sorted(("another", rows["plain"]["environment"]["machine"]["cpu"])))
    assert f", {machines}, torch " in density_table.tables(read_rows(out))


def test_larger_pixel_networks_learn_alone_after_everything_did(sheets, tmp_path, monkeypatch):
    monkeypatch.setattr(density_models, "WIDTHS", TINY)
    monkeypatch.setattr(density_models, "PIXEL_WIDTHS", {"pixel_width": 24, "pixel_sets": 2, "pixel_blocks": 2})
    monkeypatch.setattr(density_models, "subprocess", SimpleNamespace(run=run_here))
    monkeypatch.setattr(density, "SHEET", 4)
    out, runs = tmp_path / "out", tmp_path / "runs"
    arguments = ["--small", sheets, "--sets", "cifar10", "--models", "plain", "--workers", 1, "--runs", runs, "-o", out]
    arguments += ["--minutes", 0.03, "--pixel-minutes", 0.03, "--coded", 2, "--sampled", 1]
    assert density.main([str(word) for word in arguments]) == 0
    run = runs / "cifar10" / "plain"
    first, then = (load_file(folder / "averaged.safetensors") for folder in (run, run / "pixels"))
    changed = {name.split(".")[0] for name in first if not torch.equal(first[name], then[name])}
    assert changed == {"pixel_prior"}
    assert "| VAE, larger pixel networks | 0.03 + 0.03 |" in density_table.tables(read_rows(out))
    assert (out / "cifar10-plain-pixels-samples.png").exists() and not (out / "cifar10-plain.json").exists()


def test_tables_of_nothing_are_refused(tmp_path, capsys):
    assert density_table.main([str(tmp_path)]) == 1
    assert "no SET-MODEL.json" in capsys.readouterr().err


def test_pictures_of_persons_are_not_shown():
    assert not small_pictures.SmallSet("a", "b", np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64, 3)), shown=False).shown
    assert small_pictures.SmallSet("a", "b", np.zeros((1, 64, 64, 3)), np.zeros((1, 64, 64, 3))).side == 64


def test_a_sheet_has_a_line_of_white_between_pictures():
    made = density_modes.sheet(np.zeros((3, 4, 4, 3), np.uint8), 2)
    assert made.shape == (9, 9, 3) and (made[4] == 255).all() and (made[:4, :4] == 0).all()
    assert (made[5:, 5:] == 255).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no pictures"),
        (["--small", "none", "--sets", "mnist"], "no set mnist"),
        (["--small", "none", "--sets", "cifar10"], "cifar10_train10k.webp"),
        (["--small", "none", "--sets", "imagenet64"], "--photos"),
        (["--small", "none", "--minutes", "0"], "must be above 0"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_one_line(arguments, message, tmp_path, capsys):
    assert density.main([*arguments, "-o", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
