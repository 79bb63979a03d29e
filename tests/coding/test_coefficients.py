"""What stands around networks, in C and in NumPy: the same numbers in any part of z[1], on any number of threads."""

import numpy as np
import pytest
from expectations import unsurprising

import selfvae_codec
from selfvae_codec.choice.native import NativeChooser, move
from selfvae_codec.choice.quantise import Chooser, kept
from selfvae_codec.choice.refine import _move_plainly
from selfvae_codec.coding.coders import Models, Reader, Writer
from selfvae_codec.coding.coefficients import NativeField, NativeSettled
from selfvae_codec.coding.entropy import Decoder, Encoder
from selfvae_codec.coding.field import STEPS_LIMIT, Field
from selfvae_codec.coding.reading import NativeDecoder
from selfvae_codec.coding.settled import Settled
from selfvae_codec.models import tables
from selfvae_codec.models.exact import clibrary, weights

pytestmark = pytest.mark.skipif(not clibrary.library(), reason="the C library is not installed")
SHIPPED = weights.read(weights.default()).tables
SIZE = 24, 1000  # of blocks: rows of more columns than are computed together
REGIONS = (
    (slice(0, 21), slice(0, 24, 2), slice(1, 1000, 2)),
    (slice(104, 192), slice(0, 24), slice(0, 1000)),
    (slice(3, 4), slice(5, 6), slice(7, 8)),
)


def fields(with_map):
    """The same field in NumPy and in C."""
    activity = np.random.default_rng(1).integers(-8, 8, (1, 6, 250)).astype(np.int32) if with_map else None
    return [kind(SHIPPED, 0, activity, 32 if with_map else 0) for kind in (Field, NativeField)]


def shape_of(region):
    return np.empty((192, *SIZE), np.int8)[region].shape


@pytest.fixture(params=[1, 3])
def threads(request):
    selfvae_codec.set_threads(request.param)
    yield
    selfvae_codec.set_threads(None)


@pytest.mark.parametrize("with_map", [False, True])
@pytest.mark.parametrize("region", REGIONS)
def test_steps_change_by_the_same_integers(threads, with_map, region):
    rng, (plain, native) = np.random.default_rng(2), fields(with_map)
    shape = shape_of(region)
    mean, level = rng.integers(-32767, 32768, shape, np.int16), rng.integers(-3, 70, shape, np.int16)
    for ours, theirs in zip(native.local(region, mean, level), plain.local(region, mean, level)):
        assert ours.dtype == np.int32 and np.array_equal(ours, theirs)
    for largest in (5, 32767):
        symbols = rng.integers(-largest, largest + 1, (192, *SIZE), np.int16)
        assert np.array_equal(native.known(region, symbols[region]), plain.known(region, symbols[region]))
        for kind in (np.int8, np.int16):
            beside = rng.integers(-128, 128, (192, *SIZE)).astype(kind)
            given = region, symbols[region], beside[region]
            if region[2].step is None:  # what the synthesis reads is never every other column
                assert np.array_equal(native.whole(*given), plain.whole(*given))
        z = (40 * largest * rng.standard_normal((192, *SIZE))).astype(np.float32)
        for coarser in (None, symbols[region]):
            found = native.in_steps(region, z[region], 0.01, coarser)
            assert np.array_equal(found, plain.in_steps(region, z[region], 0.01, coarser))
            assert np.abs(found).max() <= STEPS_LIMIT + 3 * largest


@pytest.mark.parametrize("widest", [127, 200])
def test_planes_settle_alike_whether_centroids_need_one_byte_or_two(threads, widest):
    rng = np.random.default_rng(3)
    centroids = SHIPPED["centroids"].copy()
    centroids[0, 0] = widest
    both = [kind(*SIZE, centroids) for kind in (Settled, NativeSettled)]
    for refines in (False, True):
        for region in REGIONS:
            shape = shape_of(region)
            symbols, mean = rng.integers(-4, 5, shape).astype(np.int32), rng.integers(-300, 301, shape).astype(np.int32)
            level = rng.integers(0, tables.SCALE_LEVELS, shape).astype(np.int32)
            for settled in both:
                settled.settle(region, symbols, mean, level, refines=refines)
    field = fields(True)[0]
    plain, native = both
    assert np.array_equal(native.symbols, plain.symbols) and native.symbols.any()
    assert np.array_equal(native.z(field, slice(24), slice(1000)), plain.z(field, slice(24), slice(1000)))


def test_latents_are_rounded_as_far_as_16_bits_go(threads):
    rng, both = np.random.default_rng(5), [kind(*SIZE, SHIPPED["centroids"]) for kind in (Settled, NativeSettled)]
    symbols = rng.integers(-(2**15), 2**15, (192, *SIZE), np.int16)
    beside = rng.integers(-128, 128, (192, *SIZE), np.int8)
    symbols[0, 0, :5], beside[0, 0, :5] = 0, [-3, -2, 1, 2, 6]
    for settled in both:
        settled.symbols, settled.beside = symbols, beside
    rows, columns = slice(2), slice(1000)
    (z, rounded), native = (s.z_and_rounded(field, rows, columns, 2) for s, field in zip(both, fields(False)))
    assert np.array_equal(native[0], z) and np.array_equal(native[1], rounded)
    assert rounded.dtype == native[1].dtype == np.int16 and rounded[0, 0, :5].tolist() == [-1, 0, 0, 1, 2]
    assert rounded.max() == 2**15 - 1 < z.max() >> 2


@pytest.mark.parametrize("finer", [0, 1, 2])
@pytest.mark.parametrize("kind", ["symbols", "digits"])
def test_the_same_symbols_are_chosen(threads, kind, finer):
    rng = np.random.default_rng(4)
    level = rng.integers(0, 50, 70001).astype(np.int32)
    mean = rng.integers(-200, 201, level.shape).astype(np.int32)
    z = (mean / tables.MEAN_UNITS + rng.logistic(0, tables.scale_values()[level])).astype(np.float32)
    plain, native = (getattr(chooser(SHIPPED), kind)(z, mean, level, finer) for chooser in (Chooser, NativeChooser))
    assert np.array_equal(native, plain)
    assert (native != np.rint(z)).any()


@pytest.mark.parametrize("with_map", [False, True])
@pytest.mark.parametrize("spread", [0.02, 8])
def test_later_passes_settle_and_move_the_same(threads, with_map, spread):
    rng = np.random.default_rng(6)
    both = [kind(*SIZE, SHIPPED["centroids"]) for kind in (Settled, NativeSettled)]
    latents = [(20 * rng.standard_normal((192, *SIZE))).astype(np.float32)] * 2
    latents[1] = latents[0].copy()
    for refines in (False, True):
        for region in REGIONS:
            mean = np.rint(64 * spread * rng.standard_normal(shape_of(region))).astype(np.int32)
            level = rng.integers(0, tables.SCALE_LEVELS, mean.shape).astype(np.int32)
            told = kept(mean, level, digits=refines)
            for chooser, field, settled, z in zip((Chooser, NativeChooser), fields(with_map), both, latents):
                chooser(SHIPPED).again(field, settled, region, z[region], 0.1, *told, 1, refines=refines)
    region = slice(None), slice(3, 20), slice(0, 990)
    pull = rng.standard_normal(shape_of(region)).astype(np.float32)
    for moves, field, settled, z in zip((_move_plainly, move), fields(with_map), both, latents):
        moves(field, settled, region, z[region], pull, 0.03, 0.5)
    assert np.array_equal(both[0].symbols, both[1].symbols) and both[0].symbols.any()
    assert np.array_equal(both[0].beside, both[1].beside)
    assert np.array_equal(*latents)


def test_what_is_kept_of_digits_chooses_the_same_digits():
    rng = np.random.default_rng(7)
    level = rng.integers(0, tables.SCALE_LEVELS, 50000).astype(np.int32)
    mean = rng.integers(-2000, 2001, level.shape).astype(np.int32)
    z = (3 * rng.standard_normal(level.shape)).astype(np.float32)
    packed, none = kept(mean, level, digits=True)
    assert packed.dtype == np.int16 and none is None and np.array_equal(packed & 63, level)
    chosen = [Chooser(SHIPPED).digits(z, m, level, 0) for m in (mean, packed.astype(np.int32) >> 6)]
    assert np.array_equal(*chosen) and (chosen[0] != np.rint(z).clip(-1, 1)).any()


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("with_map", [False, True])
def test_what_is_read_and_settled_at_once_is_what_is_read_and_settled_step_by_step(threads, with_map, skip):
    """Rows longer than a chunk, parts that threads share and one that they do not, symbols that are escaped."""
    rng, models, size = np.random.default_rng(7), Models(SHIPPED), (16, 300)
    plain, native = (
        kind(SHIPPED, 0, rng.integers(-8, 8, (1, 4, 75)).astype(np.int32) if with_map else None, 32 if with_map else 0)
        for kind, rng in ((Field, np.random.default_rng(8)), (NativeField, np.random.default_rng(8)))
    )
    regions = (slice(0, 2), slice(0, 16, 2), slice(1, 300, 2)), (slice(2, 12), slice(0, 16), slice(0, 300))
    given = []
    for region in regions:
        shape = np.empty((192, *size), np.int8)[region].shape
        mean = (rng.standard_normal(shape) * 90).astype(np.int16)
        given.append((region, mean, rng.integers(-3, 40, shape, np.int16)))
    writer = Writer(models, may_skip=skip, encoder=Encoder())
    for refines in (False, True):
        for region, mean, level in given:
            local = plain.local(region, mean, level)
            wanted = local[0] / tables.MEAN_UNITS + rng.standard_normal(mean.shape)
            wanted[0, 0, :3] = 400, -400, 0
            if skip:
                wanted = unsurprising(models, *local, wanted, digits=refines)
            (writer.digits if refines else writer.symbols)(*local, wanted)
    payload = writer.finish()

    centroids = SHIPPED["centroids"]
    ours, theirs = NativeSettled(*size, centroids), Settled(*size, centroids)
    at_once = Reader(models, NativeDecoder(payload), writer.check, "1", skips=True)
    stepwise = Reader(models, Decoder(payload), writer.check, "1", skips=True)
    for refines in (False, True):
        for region, mean, level in given:
            assert at_once.fills(native, ours, region, mean, level, refines=refines)
            assert not stepwise.fills(plain, theirs, region, mean, level, refines=refines)
            local = plain.local(region, mean, level)
            read = (stepwise.digits if refines else stepwise.symbols)(*local)
            theirs.settle(region, read, *local, refines=refines)
    at_once.finish(), stepwise.finish()
    assert np.array_equal(ours.symbols, theirs.symbols)
    assert np.array_equal(ours.beside, theirs.beside)


def test_symbols_beyond_16_bits_are_left_to_be_read_step_by_step():
    models, region = Models(SHIPPED), (slice(0, 1), slice(0, 1), slice(0, 3))
    field, settled = NativeField(SHIPPED, 0), NativeSettled(1, 3, SHIPPED["centroids"])
    mean, level = np.full((1, 1, 3), 32767, np.int16), np.full((1, 1, 3), 5, np.int16)
    writer = Writer(models, may_skip=False)
    writer.symbols(*field.local(region, mean, level), np.array([[[0, 33000, 1]]], np.float32))
    reader = Reader(models, NativeDecoder(writer.finish()), writer.check, "1", skips=True)
    assert not reader.fills(field, settled, region, mean, level, refines=False)
    assert not settled.symbols.any() and not settled.beside.any()
    assert reader.symbols(*field.local(region, mean, level)).ravel().tolist() == [0, 33000, 1]
    reader.finish()
