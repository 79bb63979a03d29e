"""Lossless files by effort, of pictures that the test makes."""

import json

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.benchmarks.pictures import read_folder
from selfvae_codec.benchmarks.studies import lossless_effort


def test_every_effort_has_a_row_for_each_picture_and_their_mean(tmp_path):
    for name in "ab":
        Image.fromarray(make_picture(64, 48, ord(name))).save(tmp_path / f"{name}.png")
    out = tmp_path / "result.json"
    lossless_effort.main([str(tmp_path), "--effort", "0", "5", "--processes", "1", "-o", str(out)])
    result = json.loads(out.read_text())
    assert result["pictures"] == 2
    for effort in ("0", "5"):
        rows = result["efforts"][effort]["files"]
        assert [row["picture"] for row in rows] == ["a", "b"]
        data = selfvae_codec.encode(make_picture(64, 48, ord("a")), lossless=True, effort=int(effort))
        assert rows[0]["bytes"] == len(data)
        assert result["efforts"][effort]["bpsp"] == pytest.approx(np.mean([row["bpsp"] for row in rows]), rel=1e-4)


def test_a_file_that_holds_another_picture_is_an_error(tmp_path, monkeypatch):
    Image.fromarray(make_picture(64, 48)).save(tmp_path / "a.png")
    monkeypatch.setattr(selfvae_codec, "decode", lambda data: np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="a at effort 0"):
        lossless_effort.row(read_folder(tmp_path).pictures[0], 0)
