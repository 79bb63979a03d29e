"""Residuals around that are known move means and scale levels, as FORMAT.md says."""

import numpy as np
import pytest

from selfvae_codec.coding.neighbours import Around, corrections, counts, logarithm
from selfvae_codec.coding.surroundings import NativeAround
from selfvae_codec.errors import WeightsError
from selfvae_codec.models.exact import clibrary
from selfvae_codec.models.tables import scale_values
from selfvae_codec.models.walk import LATTICE

KINDS = [Around, NativeAround] if clibrary.library() else [Around]


def plain_logarithm(v):
    n = v.bit_length() - 1
    return 8 * n + 8 * (v - (1 << n)) // (1 << n)


def plain(weights, distances, surprises, quarter, colour, mean, level, at):
    """FORMAT.md, "Corrections by neighbours", word by word: one position."""
    row, column = at

    def around(values, *offsets):
        return sum(values.get((row + i, column + j), 0) for i, j in offsets)

    beside, above = [(0, -1), (0, 1)], [(-1, 0), (1, 0)]
    aslant = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    own = [[], [aslant], [beside, above], [beside, above, aslant]][quarter]
    by_mean = [around(distances[colour], *group) for group in own]
    by_mean += [around(distances[c], *group) for c in range(colour) for group in (beside, above, aslant)]
    by_level = [around(surprises[colour], *(aslant if quarter == 1 else beside + above))] if quarter else []
    by_level += [4 * surprises[c][at] for c in range(colour)]
    if by_level:
        by_level.append(64)

    def moved(some, features):
        return (sum(int(w) * f for w, f in zip(some, features, strict=True)) + 2048) // 4096

    return mean + moved(weights[0], by_mean), min(max(level + moved(weights[1], by_level), 0), 63)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(9, 12), (1, 1), (2, 7)])
def test_means_and_levels_are_moved_as_the_format_says(size, kind):
    rng = np.random.default_rng(0)
    rows = [rng.integers(-900, 900, count) for count in counts()]
    correcting, around = corrections(rows, "pixels.0"), kind(*size)
    distances, surprises = [], []
    for colour in range(3):
        mean, level = rng.integers(-500, 500, size, np.int32), rng.integers(0, 64, size, np.int32)
        residual = rng.integers(-60, 60, size).astype(np.int16)
        around.begin()
        distances.append({})
        surprises.append({})
        for quarter, (i, j) in enumerate(LATTICE):
            here = np.s_[i::2, j::2]
            found = around.corrected(correcting[quarter][colour], quarter, mean[here], level[here])
            positions = [(r, c) for r in range(i, size[0], 2) for c in range(j, size[1], 2)]
            weights = rows[2 * (3 * quarter + colour) :][:2]
            known = weights, distances, surprises, quarter, colour
            wanted = [plain(*known, int(mean[p]), int(level[p]), p) for p in positions]
            assert list(zip(*(v.ravel().tolist() for v in found))) == wanted
            around.know(quarter, mean[here], level[here], residual[here])
            for p in positions:
                distance = min(max(64 * int(residual[p]) - int(mean[p]), -2047), 2047)
                scale = int(64 * scale_values()[level[p]] + 0.5)
                distances[-1][p] = distance
                surprises[-1][p] = plain_logarithm(abs(distance) + 20) - plain_logarithm(scale + 20)


def test_logarithms_are_those_of_whole_numbers_and_scales_round_the_same_everywhere():
    v = np.arange(1, 1 << 16)
    assert logarithm(v).tolist() == [plain_logarithm(n) for n in v.tolist()]
    assert np.abs(64 * scale_values() % 1 - 0.5).min() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_moved_without_weights(kind):
    around = kind(8, 8)
    around.begin()
    correcting = corrections([np.zeros(count, int) for count in counts()], "pixels.0")
    mean, level = np.full((4, 4), 77, np.int32), np.full((4, 4), 9, np.int32)
    around.know(0, mean, level, np.full((4, 4), 50, np.int16))
    found = around.corrected(correcting[1][0], 1, mean, level)
    assert np.array_equal(found[0], mean)
    assert np.array_equal(found[1], level)


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
def test_what_the_library_is_handed_stays_while_other_threads_take_memory(monkeypatch):
    library = clibrary.library()

    class Busy:
        def selfvae_correct(self, *arguments):
            others = [np.full(n, 77, kind) for n in range(64) for kind in (np.int32, np.int64) for _ in range(8)]
            library.selfvae_correct(*arguments)
            del others

        selfvae_know = library.selfvae_know

    rng = np.random.default_rng(0)
    rows = [rng.integers(-900, 900, count) for count in counts()]
    correcting, found = corrections(rows, "pixels.0"), []
    mean, level = np.full((8, 8), 77, np.int32), np.full((8, 8), 9, np.int32)
    residual = rng.integers(-60, 60, (8, 8)).astype(np.int16)
    for kind in (Around, NativeAround):
        around = kind(16, 16)
        for colour in range(3):
            around.begin()
            for quarter in range(4):
                with monkeypatch.context() as patched:
                    patched.setattr(clibrary, "library", Busy)
                    found.append(around.corrected(correcting[quarter][colour], quarter, mean, level))
                around.know(quarter, mean, level, residual)
    for plain, native in zip(found[:12], found[12:], strict=True):
        assert np.array_equal(plain, native)


@pytest.mark.parametrize("row", [row for row, count in enumerate(counts()) if count])
def test_weights_by_which_a_sum_could_be_too_large_are_refused_by_name(row):
    rows = [np.zeros(count, int) for count in counts()]
    rows[row][-1] = 127 << 15
    quarter, colour = divmod(row // 2, 3)
    if row % 2:
        rows[row][0] = 127 << 15
    with pytest.raises(WeightsError, match=rf"in quarter {quarter + 1}, colour {colour + 1} of pixels\.3 can reach"):
        corrections(rows, "pixels.3")
