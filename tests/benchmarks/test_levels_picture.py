"""The README's first picture and table, from a picture of the test's own."""

import shutil
from pathlib import Path

from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.benchmarks.report import levels

README = Path(__file__).parents[2] / "README.md"


def test_the_table_has_each_level_and_the_picture_a_tile_for_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = make_picture(320, 260)
    Image.fromarray(x).save("photo.png")
    shutil.copy(README, "README.md")
    assert levels.main(["photo.png", "-o", "levels.png", "--into", "README.md"]) == 0
    said = Path("README.md").read_text().partition("<!-- levels:begin -->")[2].partition("<!-- levels:end -->")[0]
    rows = [line for line in said.splitlines() if line.startswith("| ") and line[2].isdigit()]
    header = selfvae_codec.read_header(selfvae_codec.encode(x, quality=levels.QUALITY))
    assert [row.split("|")[2].strip() for row in rows] == [f"{level.end:,}" for level in header.levels]
    assert "made by `python -m benchmarks.report.levels photo.png -o levels.png" in said
    with Image.open("levels.png") as whole:
        assert whole.size == (header.n_levels * 308 - 8, 266)
