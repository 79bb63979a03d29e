"""Crops of training pictures: windows of them, where they should be and as they should be turned."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from selfvae_codec.errors import CodecError
from selfvae_codec.models.training.data import Crops, build_cache, check_cache

SIZES = ((40, 60), (50, 33), (20, 80))  # the last is too low for crops of 32
SIZE = 32


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Pictures whose pixels say where they are: row, column, and which picture; decoded, all of it one higher."""
    folder = tmp_path_factory.mktemp("cache")
    index, offset, pixels = [], 0, []
    for number, (h, w) in enumerate(SIZES):
        rows, columns = np.mgrid[:h, :w]
        pixels.append(np.stack([rows, columns, np.full((h, w), number)], -1).astype(np.uint8).ravel())
        index.append([offset, h, w, f"{number}.png"])
        offset += pixels[-1].size
    (folder / "index.json").write_text(json.dumps({"pictures": index}))
    np.concatenate(pixels).tofile(folder / "pixels.u8")
    (np.concatenate(pixels) + 1).tofile(folder / "decoded.u8")
    return folder


def windows(crops, count):
    """Of every crop: row and column of its corner, the picture, whether it is mirrored and whether transposed."""
    for _ in range(count):
        for rows, columns, number in next(crops)[:, :3].long():
            transposed = bool((rows[0] != rows[0, 0]).any())
            if transposed:
                rows, columns = rows.T, columns.T
            mirrored = bool(columns[0, 0] > columns[0, 1])
            columns = columns.flip(1) if mirrored else columns
            along = torch.arange(SIZE)
            assert (rows == rows[0, 0] + along[:, None]).all() and (columns == columns[0, 0] + along).all()
            assert (number == number[0, 0]).all()
            yield rows[0, 0].item(), columns[0, 0].item(), number[0, 0].item(), mirrored, transposed


def test_crops_are_windows_of_pictures_drawn_by_area_and_turned(cache):
    seen = np.array(list(windows(Crops(cache, SIZE, 50, seed=0), 60)))
    tops, lefts, numbers, mirrored, transposed = seen.T
    assert set(numbers) == {0, 1}
    corners = [(h - SIZE + 1) * (w - SIZE + 1) for h, w in SIZES[:2]]
    assert np.mean(numbers == 0) == pytest.approx(corners[0] / sum(corners), abs=0.04)
    for number, (h, w) in enumerate(SIZES[:2]):
        here = numbers == number
        assert set(tops[here]) == set(range(h - SIZE + 1)) and set(lefts[here]) == set(range(w - SIZE + 1))
    assert np.mean(mirrored) == pytest.approx(0.5, abs=0.05) and np.mean(transposed) == pytest.approx(0.25, abs=0.05)


def test_upright_crops_are_not_transposed(cache):
    assert not any(transposed for *_, transposed in windows(Crops(cache, SIZE, 50, seed=0, upright=True), 4))


def test_what_latents_say_comes_with_the_pixels_at_even_corners(cache):
    crops = Crops(cache, SIZE, 50, seed=0, decoded=cache / "decoded.u8")
    both = next(crops)
    assert both.dtype == torch.uint8 and both.shape == (50, 6, SIZE, SIZE)
    assert torch.equal(both[:, 3:], both[:, :3] + 1)
    assert not any(top % 2 or left % 2 for top, left, *_ in windows(crops, 4))


def test_the_same_seed_draws_the_same_crops(cache):
    first, again, other = (next(Crops(cache, SIZE, 8, seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_odd_files_among_training_pictures_are_named_and_left_out(tmp_path, capfd):
    folder, cache = tmp_path / "photos", tmp_path / "cache"
    folder.mkdir()
    deep = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(deep).save(folder / "deep.png")
    Image.new("RGB", (64, 64), (10, 20, 30)).save(folder / "good.png")
    Image.new("CMYK", (64, 64)).save(folder / "press.jpg")
    (folder / "._good.png").write_bytes(b"\0\5\x16\7 of another system")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:60])
    build_cache([folder], cache)
    said = capfd.readouterr().err
    for name in ("._good.png", "cut.png", "press.jpg"):
        assert f"left out {folder / name}: " in said
    assert said.count("left out") == 3
    listing = json.loads((cache / "index.json").read_text())
    assert [picture[3] for picture in listing["pictures"]] == ["deep.png", "good.png"]
    pixels = np.fromfile(cache / "pixels.u8", np.uint8)
    assert np.array_equal(pixels[: 64 * 64 * 3 : 3], ((deep.astype(int) + 128) // 257).ravel())


def test_a_cache_of_other_pictures_is_not_taken_for_those_asked_for(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (64, 64)).save(tmp_path / name / f"{name}.png")
    build_cache([tmp_path / "one"], tmp_path / "cache")
    (tmp_path / "one").rename(tmp_path / "moved")
    check_cache([tmp_path / "moved"], tmp_path / "cache")
    with pytest.raises(CodecError, match="made of other pictures than --data names"):
        check_cache([tmp_path / "two"], tmp_path / "cache")
    (tmp_path / "two" / "two.png").write_bytes(b"")
    with pytest.raises(CodecError, match="none of the 1 files"):
        build_cache([tmp_path / "two"], tmp_path / "other")
