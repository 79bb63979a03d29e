"""rANS with our integer tables: round trips, sizes near the entropy, and words that never change."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from ctypes import addressof

import numpy as np
import pytest
from expectations import unsurprising

from selfvae_codec.coding.coders import Expect, Models, Reader, Sample, Writer
from selfvae_codec.coding.entropy import Decoder, Encoder, Tables
from selfvae_codec.coding.reading import NativeDecoder
from selfvae_codec.coding.writing import ROW_CODED, NativeEncoder, ready
from selfvae_codec.errors import ChecksumError, MismatchError
from selfvae_codec.models.exact import clibrary
from selfvae_codec.models.tables import MEAN_UNITS, PRECISION, SCALE_LEVELS, build_tables, to_frequencies

TOTAL = 1 << PRECISION


def random_tables(rows, symbols, seed=0):
    return to_frequencies(np.random.default_rng(seed).dirichlet(np.ones(symbols), rows))


def draw(frequencies, ids, seed=0):
    point = np.random.default_rng(seed).integers(0, TOTAL, len(ids))
    return (point[:, None] >= np.cumsum(frequencies[ids].astype(np.int64), axis=1)).sum(1)


@pytest.fixture(scope="module")
def models():
    return Models(build_tables([0.7, 0.3], [1.0, 2.0]))


@pytest.fixture(params=[Decoder, NativeDecoder] if clibrary.library() else [Decoder])
def decodes(request):
    """What reads a stream: constriction, or the C library."""
    return request.param


@pytest.fixture(params=[Encoder, NativeEncoder] if clibrary.library() else [Encoder])
def encodes(request):
    """What writes one."""
    return request.param


def rans_words(symbols, ids, frequencies):
    """An independent rANS coder in Python integers: 64-bit state, 32-bit words, pushed in reverse."""
    state, words = 0, []
    for symbol, table in zip(symbols[::-1], ids[::-1]):
        f = [int(v) for v in frequencies[table]]
        left, frequency = sum(f[:symbol]), f[symbol]
        if state >= frequency << (64 - PRECISION):
            words.append(state & 0xFFFFFFFF)
            state >>= 32
        state = (state // frequency << PRECISION) + left + state % frequency
    while state:
        words.append(state & 0xFFFFFFFF)
        state >>= 32
    return words


@pytest.mark.parametrize("symbols_per_table", [3, 256])
def test_integer_tables_are_used_as_they_are(symbols_per_table, encodes):
    frequencies = random_tables(5, symbols_per_table)
    ids = np.sort(np.random.default_rng(1).integers(0, 5, 400))  # sorted: the coder groups symbols by table
    symbols = draw(frequencies, ids)
    encoder = encodes()
    encoder.put(Tables(frequencies), ids, symbols)
    words = rans_words(symbols.tolist(), ids.tolist(), frequencies)
    assert encoder.finish() == np.array(words[::-1], ">u4").tobytes().lstrip(b"\0")


@pytest.mark.parametrize("symbols_per_table", [3, 256])
def test_symbols_come_back_and_cost_their_entropy(symbols_per_table, encodes, decodes):
    frequencies = random_tables(300, symbols_per_table)
    ids = np.random.default_rng(1).integers(0, 300, 20_000)
    symbols = draw(frequencies, ids)
    tables = Tables(frequencies)
    encoder = encodes()
    encoder.put(tables, ids, symbols)
    encoder.put_raw(np.array([0, 65535, 7]))
    encoder.put_raw(np.array([1, 0]), bits=1)
    data = encoder.finish()
    decoder = decodes(data)
    assert np.array_equal(decoder.get(tables, ids), symbols)
    assert decoder.get_raw(3).tolist() == [0, 65535, 7]
    assert decoder.get_raw(2, bits=1).tolist() == [1, 0]
    assert decoder.exhausted
    ideal_bits = -np.log2(frequencies[ids, symbols] / TOTAL).sum() + 3 * 16 + 2
    assert ideal_bits <= 8 * len(data) <= ideal_bits * 1.001 + 8
    assert np.isclose(-np.log2(encoder.likelihoods()).sum(), ideal_bits)


@pytest.mark.parametrize("count", range(12))
def test_no_stream_begins_with_a_zero(count, encodes, decodes):
    encoder = encodes()
    encoder.put_raw(np.ones(count))
    data = encoder.finish()
    assert len(data) <= 2 * count and not data.startswith(b"\0")
    decoder = decodes(data)
    assert (decoder.get_raw(count) == 1).all() and decoder.exhausted
    with pytest.raises(ChecksumError, match="begins with a zero"):
        decodes(b"\0" + data)


@pytest.mark.parametrize("symbols_per_table", [3, 256])
def test_a_prefix_of_a_stream_gives_a_prefix_of_its_arrays_and_knows_where_it_ends(symbols_per_table, decodes):
    frequencies = random_tables(4, symbols_per_table)
    tables, encoder = Tables(frequencies), Encoder()
    ids = np.random.default_rng(1).integers(0, 4, (40, 25))
    symbols = np.stack([draw(frequencies, row, seed) for seed, row in enumerate(ids)])
    for row, array in zip(ids, symbols):
        encoder.put(tables, row, array)
    data = encoder.finish()
    read = []
    for length in range(len(data) + 1):
        decoder, count = decodes(data[:length], len(data)), 0
        for row, array in zip(ids, symbols):
            found = decoder.get(tables, row)
            if not decoder.sound:
                break
            assert np.array_equal(found, array)
            count += 1
        read.append(count)
    assert read == sorted(read) and read[0] == 0 and read[-1] == 40
    late = [count - 40 * max(0, length - 16) // len(data) for length, count in enumerate(read)]
    assert min(late) >= -3, "what is there is read, but for two words of state and what follows the last whole array"


def test_every_table_is_a_distribution(models):
    for tables in (models.symbols, models.pixels, models.digits):
        frequencies = tables.weights + 1
        assert frequencies.min() >= 1
        assert (frequencies.sum(1) == TOTAL).all()


@pytest.mark.parametrize("expected", [False, True])
@pytest.mark.parametrize("may_skip", [False, True])
def test_writer_and_reader_agree_on_symbols_digits_and_escapes(models, may_skip, expected, decodes):
    rng = np.random.default_rng(0)
    shape = (7, 30, 20)
    level = rng.integers(0, SCALE_LEVELS, shape).astype(np.int32)
    mean = rng.integers(-300, 300, shape).astype(np.int32)
    actual = np.rint(mean / MEAN_UNITS + rng.logistic(0, 0.05 * 2 ** (0.15 * level))).astype(np.int32)
    actual[0, 0, :3] = [32000, -32000, 400]
    level[0, 0, :3] = 20
    digits = rng.integers(-1, 2, shape).astype(np.int32)
    if expected:
        actual = unsurprising(models, mean, level, actual, digits=False)
        digits = unsurprising(models, mean // 8, level, digits, digits=True)
    writer = Writer(models, may_skip=may_skip)
    assert np.array_equal(writer.symbols(mean, level, actual), actual)
    assert np.array_equal(writer.digits(mean // 8, level, digits), digits)
    assert writer.skips is (may_skip and expected), "digits drawn at random defy near-certain predictions"
    reader = Reader(models, decodes(writer.finish()), writer.check, "test", skips=True)
    assert reader.skip is writer.skips
    assert np.array_equal(reader.symbols(mean, level), actual)
    assert np.array_equal(reader.digits(mean // 8, level), digits)
    reader.finish()
    assert writer.bits <= 8 * len(writer.finish()) <= 1.001 * writer.bits + 64
    if writer.skips:
        said = Writer(models, may_skip=False)
        said.symbols(mean, level, actual), said.digits(mean // 8, level, digits)
        assert writer.bits < said.bits


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
@pytest.mark.parametrize("expected", [False, True])
@pytest.mark.parametrize("may_skip", [False, True])
def test_both_encoders_write_the_same_bytes(models, may_skip, expected):
    rng = np.random.default_rng(5)
    level = rng.integers(0, SCALE_LEVELS, (5, 40, 30)).astype(np.int32)
    mean = rng.integers(-300, 300, level.shape).astype(np.int32)
    actual = np.rint(mean / MEAN_UNITS + rng.logistic(0, 0.1 * 2 ** (0.15 * level))).astype(np.int32)
    actual[0, :2, :3] = [[32000, -32000, 400], [-128, 127, 128]]
    digits = actual.clip(-1, 1)
    if expected:
        actual = unsurprising(models, mean, level, actual, digits=False)
        digits = unsurprising(models, mean // 8, level, digits, digits=True)
    written = []
    for encodes in (Encoder, NativeEncoder):
        writer = Writer(models, may_skip=may_skip, encoder=encodes())
        writer.symbols(mean, level, actual), writer.digits(mean // 8, level, digits)
        writer.pixels(mean[1:2], level[1:2], actual[1:2].astype(np.int16))
        written.append((writer.skips, writer.check, writer.finish(), writer.bits))
    assert written[0][:3] == written[1][:3]
    assert np.isclose(written[0][3], written[1][3], rtol=1e-12)


def test_threads_that_write_at_once_write_what_one_does(models):
    """What the C library is given lives as long as it is looked at: another thread would write over it."""

    def written(seed):
        rng = np.random.default_rng(seed)
        level = rng.integers(0, SCALE_LEVELS, (2, 8, 8)).astype(np.int32)
        mean = rng.integers(-300, 300, level.shape).astype(np.int32)
        writer = Writer(models, may_skip=seed % 2 == 0)
        writer.symbols(mean, level, np.rint(mean / MEAN_UNITS))
        writer.digits(mean // 8, level, np.zeros_like(mean))
        return writer.finish()

    alone, interval = [written(seed) for seed in range(8)], sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(written, list(range(8)) * 200))
    finally:
        sys.setswitchinterval(interval)
    assert found == alone * 200


@pytest.mark.parametrize("may_skip", [None, True])
def test_pixels_are_written_exactly_even_where_symbols_would_be_skipped(models, may_skip, decodes):
    rng = np.random.default_rng(0)
    level = np.zeros((1, 30, 20), np.int32)  # so sure of the mean that a symbol would go unsaid
    mean = rng.integers(-300, 300, level.shape).astype(np.int32)
    residual = rng.integers(-255, 256, level.shape).astype(np.int32)
    writer = Writer(models, may_skip=may_skip)
    writer.pixels(mean, level, residual)
    reader = Reader(models, decodes(writer.finish()), writer.check, "x", skips=may_skip is not None)
    assert np.array_equal(reader.pixels(mean, level), residual)
    reader.finish()


def test_a_decoder_that_computes_other_means_is_found_out(models, decodes):
    mean, level = np.full((3, 40, 40), 5, np.int32), np.full((3, 40, 40), 30, np.int32)
    writer = Writer(models, may_skip=False)
    writer.symbols(mean, level, np.zeros_like(mean))
    payload = writer.finish()
    wrong = level.copy()
    wrong[0, 3, 3] += 1
    reader = Reader(models, decodes(payload), writer.check, "3 (z.0)", skips=True)
    reader.symbols(mean, wrong)
    with pytest.raises(MismatchError, match="z.0"):
        reader.finish()


def test_expectation_is_the_nearest_integer_and_samples_follow_the_prior(models):
    mean = np.full((1, 200, 200), MEAN_UNITS * 5 + MEAN_UNITS // 4, np.int32)
    level = np.full(mean.shape, 34, np.int32)  # scale 1.7
    assert (Expect(models).symbols(mean, level) == 5).all()
    drawn = Sample(models, seed=3).symbols(mean, level)
    scale = 0.05 * 2 ** (0.15 * 34)
    assert abs(drawn.mean() - 5.25) < 0.1
    assert abs(drawn.std() / (scale * np.pi / np.sqrt(3)) - 1) < 0.05
    assert np.array_equal(drawn, Sample(models, seed=3).symbols(mean, level))
    assert not np.array_equal(drawn, Sample(models, seed=4).symbols(mean, level))


def test_what_tables_can_code_but_the_model_finds_impossible_is_not_drawn(models):
    mean = np.zeros((1, 1000, 1000), np.int32)
    level = np.full(mean.shape, 4, np.int32)  # scale 0.08
    assert np.abs(Sample(models, seed=1).symbols(mean, level)).max() <= 1
    assert np.abs(Sample(models, seed=1).digits(mean, level)).max() <= 1


def test_words_of_a_fixed_message_never_change():
    frequencies = random_tables(3, 3, seed=5)
    ids = np.arange(60) % 3
    encoder = Encoder()
    encoder.put(Tables(frequencies), ids, draw(frequencies, ids, seed=6))
    assert encoder.finish().hex() == GOLDEN_WORDS


GOLDEN_WORDS = "66b7e4ef7034757834f34682"


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
@pytest.mark.parametrize("seed", range(5))
def test_bytes_that_nobody_wrote_decode_to_the_same_symbols_in_c(models, seed):
    rng = np.random.default_rng(seed)
    data = b"\1" + rng.bytes(int(rng.integers(0, 4000)))
    for length in (None, len(data) + 100):
        ours, theirs = NativeDecoder(data, length), Decoder(data, length)
        for _ in range(4):
            level = rng.integers(0, SCALE_LEVELS, (2, 9, 30)).astype(np.int32)
            mean = rng.integers(-300, 300, level.shape).astype(np.int32)
            certain, likeliest = models.symbol_certain if seed % 2 else None, models.likeliest_digit
            assert np.array_equal(
                ours.around(models.symbols, mean, level, certain), theirs.around(models.symbols, mean, level, certain)
            )
            certain = models.digit_certain if seed % 2 else None
            assert np.array_equal(
                ours.digits(models.digits, mean, level, likeliest, certain),
                theirs.digits(models.digits, mean, level, likeliest, certain),
            )
            assert ours.get_raw(3).tolist() == theirs.get_raw(3).tolist()
            assert (ours.sound, ours.exhausted) == (theirs.sound, theirs.exhausted)


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
def test_a_table_that_is_not_there_is_never_read(models):
    mean, level = np.zeros((1, 2, 2), np.int32), np.full((1, 2, 2), SCALE_LEVELS, np.int32)
    for read in (
        lambda d: d.around(models.symbols, mean, level),
        lambda d: d.around(models.symbols, mean, -level),
        lambda d: d.digits(models.digits, mean, level, models.likeliest_digit),
        lambda d: d.get(models.digits, level.ravel() * 10**6),
    ):
        with pytest.raises(IndexError):
            read(NativeDecoder(b"\1234567"))


@pytest.mark.skipif(not clibrary.library(), reason="the native library is not installed")
def test_threads_that_make_tables_ready_at_the_same_time_read_the_same_ones(monkeypatch):
    """Or one would read what goes when the other's take its place."""
    tables = Tables(np.full((3, ROW_CODED + 1), 2**PRECISION // (ROW_CODED + 1), np.uint32))
    library, both = clibrary.library(), threading.Barrier(2)

    class Slow:
        def selfvae_starts(self, *arguments):
            library.selfvae_starts(*arguments)
            both.wait()

    monkeypatch.setattr(clibrary, "library", Slow)
    found = []
    threads = [threading.Thread(target=lambda: found.append(addressof(ready(tables)._obj))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and found[0] == found[1] == addressof(ready(tables)._obj)
