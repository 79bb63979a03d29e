"""Pictures are restored as FORMAT.md says, by weights that bring them closer to what was coded."""

import hashlib

import numpy as np
import pytest
from conftest import make_picture
from safetensors.numpy import load_file

import selfvae_codec
from selfvae_codec.choice import restoring
from selfvae_codec.coding import restoration
from selfvae_codec.coding.fitted import Numbers
from selfvae_codec.coding.restoration import Restoration, bases, filter_of, terms
from selfvae_codec.coding.walk import Walk
from selfvae_codec.errors import ChecksumError, CodecError
from selfvae_codec.models.exact import clibrary
from selfvae_codec.models.exact.restoration import SUM_LIMITS, Filter, difference, equations, planes_of, restore

WAYS = [*clibrary.paths(), None] if clibrary.library() else [None]
DELTA = 20 << 16
FORMAT = (restoration.BASES.parent / "FORMAT.md").read_text(encoding="utf-8")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Each way through the C library, and none."""
    if request.param is None:
        monkeypatch.setattr(clibrary, "library", lambda: None)
    else:
        monkeypatch.setenv(clibrary.CHOICE, request.param)


def filters_of(rng, largest):
    return [
        filter_of(plane, DELTA, rng.integers(-largest, largest + 1, len(terms(plane, DELTA)))) for plane in range(3)
    ]


def plain(x, filters, at, deep):
    """FORMAT.md, "Restoration", word by word: one pixel."""
    row, column = at
    _, height, width = x.shape

    def plane(index, r, k):
        red, green, blue = map(int, x[:, min(max(r, 0), height - 1), min(max(k, 0), width - 1)])
        return (red + green + blue, red - blue, red - 2 * green + blue)[index]

    def difference(index, i, j, limit):
        here = plane(index, row, column)
        both = plane(index, row + i, column + j) - here, plane(index, row - i, column - j) - here
        return sum(min(max(v, -limit), limit) for v in both)

    m = [sum((int(w) * difference(*term) + 2**14) // 2**15 for term, w in zip(*told)) for told in filters]
    moved = []
    for colour, n in enumerate((2 * m[0] + 3 * m[1] + m[2], 2 * m[0] - 2 * m[2], 2 * m[0] - 3 * m[1] + m[2])):
        v = min(max(int(x[colour, row, column]) + (10923 * n + 2**15) // 2**16, 0), 4080)
        moved.append((257 * v + 8) // 16 if deep else (v + 8) // 16)
    return moved


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(8, 8), (24, 16), (40, 1032)])
def test_pixels_move_as_the_format_says(way, size, kind):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 4081, (3, *size)).astype(np.uint16)
    filters = filters_of(rng, 400)
    for rows in (slice(0, size[0]), slice(4, size[0] - 1)):
        out = np.empty((rows.stop - rows.start, size[1], 3), kind).transpose(2, 0, 1)
        restore(x, filters, rows, out, 2)
        corners = [(r, k) for r in (0, out.shape[1] - 1) for k in (0, 3, size[1] - 1)]
        some = [*corners, *zip(rng.integers(0, out.shape[1], 60), rng.integers(0, size[1], 60))]
        for r, k in some:
            assert out[:, r, k].tolist() == plain(x, filters, (rows.start + r, k), kind is np.uint16)


def test_the_largest_weights_that_are_allowed_overflow_nowhere(way):
    steep = np.zeros((3, 16, 24), np.uint16)
    steep[:, ::2, 1::2] = steep[:, 1::2, ::2] = 4080
    told = []
    for plane in range(3):
        count = len(terms(plane, DELTA))
        allowed = [
            w for w in range(1, 1 << 15) if Filter(terms(plane, DELTA), np.full(count, w)).most < SUM_LIMITS[plane]
        ]
        told.append(filter_of(plane, DELTA, np.full(count, allowed[-1])))
        with pytest.raises(ChecksumError, match="damaged"):
            filter_of(plane, DELTA, np.full(count, allowed[-1] + 1))
    out = np.empty((16, 24, 3), np.uint8).transpose(2, 0, 1)
    restore(steep, told, slice(0, 16), out)
    for at in [(0, 0), (7, 8), (15, 23), (3, 3)]:
        assert out[:, at[0], at[1]].tolist() == plain(steep, told, at, False)


@pytest.mark.parametrize("size", [(3, 5), (37, 1100)])
@pytest.mark.parametrize("weighed", [False, True])
def test_equations_are_those_of_every_third_row_on_any_number_of_threads(way, size, weighed):
    rng = np.random.default_rng(2)
    height, width = (-(-side // 8) * 8 for side in size)
    x = rng.integers(0, 4081, (3, height, width)).astype(np.uint16)
    picture = rng.integers(0, 256, (*size, 3)).astype(np.uint8).transpose(2, 0, 1)
    asked = list(dict.fromkeys(term for plane in range(3) for term in terms(plane, DELTA)))
    weights = rng.random((height // 8, width // 8)).astype(np.float32) if weighed else None
    found = equations(x, picture, asked, weights, 1)
    assert np.array_equal(found, equations(x, picture, asked, weights, 3))

    whole = np.s_[: size[0]], np.s_[: size[1]]
    planes, wide = planes_of(x), slice(0, size[1])
    rows = [difference(planes, term, slice(0, size[0]), wide) for term in asked]
    red, green, blue = 16 * picture.astype(int) - x[(slice(None), *whole)]
    rows = np.array([*rows, red + green + blue, red - blue, red - 2 * green + blue], float)
    if weighed:
        rows *= weights.repeat(8, 0).repeat(8, 1)[whole]
    flat = rows[:, ::3].reshape(len(rows), -1)
    wanted = flat @ flat.T
    assert np.abs(found - wanted).max() < 1e-5 * wanted.max()


def test_weights_of_seventeen_bits_are_refused():
    with pytest.raises(ChecksumError, match="damaged"):
        filter_of(0, 1 << 10, np.array([1 << 15] + [0] * (len(terms(0, DELTA)) - 1)))


def test_numbers_say_weights_as_the_format_says():
    rng = np.random.default_rng(4)
    tables = load_file(restoration.BASES)
    for plane, basis in enumerate(bases()):
        names = "directions", "shifts", "levels"
        directions, shifts, levels = (tables[f"P{plane}.{name}"].tolist() for name in names)
        count = len(terms(plane, DELTA))
        assert len(directions) == len(shifts) == len(levels) == count and levels == basis.levels.tolist()
        numbers = Numbers(3, 0, 20, rng.integers(-127, 128, count).astype(np.int32))
        wanted = [
            (sum(m * 2 ** (e + 3) * int(q) for m, e, q in zip(row, shifts, numbers.values)) + 64) // 128
            for row in directions
        ]
        assert basis.weights(numbers).tolist() == wanted


def test_any_weights_can_be_said():
    for basis in bases():
        assert np.linalg.matrix_rank(basis.directions.astype(float)) == len(basis.levels)


def test_the_format_names_the_tables_that_it_means():
    digest = hashlib.sha256(restoration.BASES.read_bytes()).hexdigest()
    assert f"`restoration.safetensors` beside this\ndocument, whose SHA-256 begins with {digest[:16]}." in FORMAT


def blurred_colours(side=160):
    """A photograph's kind of picture whose colours are less sharp than its light."""
    x = make_picture(side, side).astype(float)
    light = x.mean(2, keepdims=True)
    colour = x - light
    for axis in (0, 1):
        colour = sum(np.roll(colour, by, axis) for by in (-2, -1, 0, 1, 2)) / 5
    return (light + colour).clip(0, 255).astype(np.uint8)


def error(x, y):
    return np.mean((x.astype(float) - y) ** 2)


def as_it_is(walk, k, *, deep=False, wanted=None):
    """In place of Walk.shown: what latents decode to."""
    return walk.x_hat(k, wanted=wanted)


@pytest.mark.parametrize("tune", ["visual", "psnr"])
@pytest.mark.parametrize("quality", [40, 85])
def test_every_stop_of_a_file_comes_closer_than_what_its_latents_decode_to(monkeypatch, tune, quality):
    x = blurred_colours()
    data = selfvae_codec.encode(x, quality=quality, tune=tune)
    stops = range(3, selfvae_codec.read_header(data).n_levels + 1)
    restored = [error(x, selfvae_codec.decode(data, stop)) for stop in stops]
    monkeypatch.setattr(Walk, "shown", as_it_is)
    assert all(np.array(restored) < [error(x, selfvae_codec.decode(data, stop)) for stop in stops])


def test_what_restores_a_picture_takes_few_bytes(monkeypatch):
    x = blurred_colours()
    size = len(selfvae_codec.encode(x, quality=60, effort=0))
    monkeypatch.setattr(restoring, "wanted", lambda *_: None)
    assert 0 < size - len(selfvae_codec.encode(x, quality=60, effort=0)) < 200


def test_lossless_files_are_not_restored(monkeypatch):
    def never(walk, k):
        raise AssertionError

    monkeypatch.setattr(restoration, "settle", never)
    x = make_picture(40, 40)
    assert np.array_equal(selfvae_codec.decode(selfvae_codec.encode(x, lossless=True)), x)


def test_a_part_of_the_next_plane_is_shown_as_it_is(monkeypatch):
    """What restores the plane before says nothing of it."""
    x = blurred_colours()
    data = selfvae_codec.encode(x, quality=90)
    header = selfvae_codec.read_header(data)
    assert header.n_levels == 4
    end = len(data) - header.levels[3].length
    whole = selfvae_codec.decode(data, 3)
    with pytest.warns(UserWarning):
        hardly = selfvae_codec.decode(data[: end + 2], partial=True)  # says nothing of the plane
        half = selfvae_codec.decode(data[: (end + len(data)) // 2], partial=True)
    assert np.array_equal(hardly, whole)
    monkeypatch.setattr(Walk, "shown", as_it_is)
    with pytest.warns(UserWarning):
        assert np.array_equal(selfvae_codec.decode(data[: (end + len(data)) // 2], partial=True), half)


def test_no_weights_for_what_has_nothing_to_gain(monkeypatch):
    x = np.full((64, 64, 3), 90, np.uint8)
    data = selfvae_codec.encode(x, quality=30)
    assert error(x, selfvae_codec.decode(data)) < 2
    monkeypatch.setattr(restoring, "wanted", lambda *_: None)
    assert selfvae_codec.encode(x, quality=30) == data


def test_deep_pictures_are_restored_to_what_rounds_to_those_of_8_bits():
    x = blurred_colours()
    data = selfvae_codec.encode(x.astype(np.uint16) * 257, quality=50)
    deep = selfvae_codec.decode(data)
    assert deep.dtype == np.uint16
    assert np.array_equal((deep.astype(int) + 128) // 257, selfvae_codec.decode(selfvae_codec.encode(x, quality=50)))


def test_numbers_that_no_encoder_writes_are_damage():
    rows = [Numbers(15, 0, 0, np.ones(len(terms(0, DELTA)), np.int32)), None, None]
    with pytest.raises(CodecError):
        Restoration(rows).filters(DELTA)
