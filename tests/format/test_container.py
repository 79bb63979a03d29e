import warnings
import zlib

import pytest

from selfvae_codec import errors
from selfvae_codec.format import container, fields, header
from selfvae_codec.models.config import planes_for, y_step_for

PAYLOADS = [b"thumbnail", b"bigger thumbnail", b"", b"plane one"]
FIELDS = dict(width=37, height=21, model_id=b"\x01\x02\x03\x04\x05\x06\x07\x08", step=512, fall=1, quality=70)
LOSSLESS = dict(lossless=True, fall=0, quality=100)


def pack(payloads=PAYLOADS, **changes):
    checks = list(range(1000, 1000 + len(payloads)))
    settings = FIELDS | {"payloads": payloads, "symbol_checks": checks} | changes
    return container.pack(**{"y_step": fields.y_step_of(settings["step"])} | settings)


def test_a_file_gives_back_what_went_in():
    data = pack(grey=True, activity=True, metadata=b"meta")
    head, payloads = container.read_levels(data)
    assert payloads == PAYLOADS
    assert {name: getattr(head, name) for name in FIELDS} == FIELDS
    assert (head.y_step, head.grey, head.activity, head.lossless, head.version) == (1, True, True, False, 4)
    assert [level.symbol_check for level in head.levels] == [1000, 1001, 1002, 1003]
    assert head.level_names() == ["y2", "y1", "z.0", "z.1"]
    assert [level.index for level in head.levels] == [1, 2, 3, 4]
    assert container.read_metadata(data, head) == b"meta"
    assert head.file_bytes == len(data)
    assert head.step_size == pytest.approx(9.0)


def test_without_metadata_there_is_no_section_for_it():
    data = pack()
    head = container.read_header(data)
    assert head.metadata is None and container.read_metadata(data, head) is None
    assert head.levels[0].offset == header.HEADER_BYTES + len(PAYLOADS) * 5


@pytest.mark.parametrize("length", [0, 127, 128, 16383, 16384, 2**21 - 1, 2**21])
def test_a_length_takes_seven_bits_a_byte(length):
    data = pack([b"a", bytes(length)])
    bytes_of_length = max(1, -(-length.bit_length() // 7))
    head = container.read_header(data)
    assert head.levels[0].offset == header.HEADER_BYTES + 5 + bytes_of_length + 4
    assert [level.length for level in head.levels] == [1, length] and head.file_bytes == len(data)


def test_a_lossless_stream_has_one_level_more():
    head = container.read_header(pack(step=900, **LOSSLESS))
    assert head.level_names() == ["y2", "y1", "z.0", "x"] and head.lossless and head.exact
    cut = container.read_header(pack(PAYLOADS[:3], step=900, **LOSSLESS))
    assert cut.lossless and not cut.exact
    with pytest.raises(errors.CodecError, match="a step of 900 makes 3 levels"):
        pack(step=900)


def test_a_lossless_stream_of_sixteen_bits_has_two_levels_more():
    head = container.read_header(pack([*PAYLOADS, b"low bits"], step=900, deep=True, **LOSSLESS))
    assert head.level_names() == ["y2", "y1", "z.0", "x", "x16"] and head.deep and head.exact
    shallow = container.read_header(pack(step=900, deep=True, **LOSSLESS))
    assert shallow.deep and not shallow.exact
    assert container.read_header(pack(PAYLOADS[:3], step=900, deep=True)).deep


def test_a_step_says_how_many_planes_there_are_and_the_step_of_y_as_training_makes_them():
    for step in range(fields.FINEST_STEP, fields.COARSEST_STEP + 1):
        planes = planes_for(step / 256)
        assert fields.planes_of(step) == planes
        assert fields.y_step_of(step) == y_step_for(step / 256 + planes - 1)
    most = fields.level_names(fields.FINEST_STEP, lossless=True, deep=True)
    assert len(most) == fields.MAX_LEVELS


def test_bpp_counts_bits_per_pixel():
    assert container.read_header(pack()).bpp(37 * 21) == 8


def test_a_prefix_with_the_table_is_enough_to_read_the_header():
    data = pack([b"x"] * fields.MAX_LEVELS, step=256, deep=True, **LOSSLESS, metadata=b"y")
    assert container.read_header(data[: container.MAX_HEADER_BYTES]) == container.read_header(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_bytes_like_object_is_read(kind):
    assert container.read_levels(kind(pack()))[1] == PAYLOADS


def test_a_path_is_not_bytes():
    with pytest.raises(TypeError, match="read it first"):
        container.read_header("photo.svae")


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_a_file_cut_after_a_level_reads_as_that_level_was_asked_for(levels):
    data = pack(metadata=b"meta")
    cut = container.cut(data, levels)
    assert data.startswith(cut)
    assert container.read_levels(cut, levels) == container.read_levels(data, levels)


@pytest.mark.parametrize("metadata", [None, b"meta"])
def test_every_truncation_point_gives_whole_levels_or_its_own_error(metadata):
    data = pack(metadata=metadata)
    head = container.read_header(data)
    with pytest.raises(errors.NotSelfvaeError):
        container.read_levels(b"")
    for length in range(1, len(data)):
        whole = sum(level.end <= length for level in head.levels)
        if whole == 0:
            with pytest.raises(errors.TruncatedError):
                container.read_levels(data[:length])
        else:
            with pytest.warns(errors.TruncatedWarning, match=f"levels 1 to {whole} of 4"):
                assert container.read_levels(data[:length])[1] == PAYLOADS[:whole]


def test_a_cut_off_file_that_still_holds_what_was_asked_for_is_no_cause_for_a_warning():
    data = pack()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert container.read_levels(data[:-1], 2)[1] == PAYLOADS[:2]


def expected_error(data, position):
    head = container.read_header(data)
    if position < 4:
        return errors.NotSelfvaeError
    if position == 4:
        return errors.VersionError
    if position < (head.metadata or head.levels[0]).offset:
        # A larger n_levels, a metadata flag or a longer length can make the table seem longer than this small file.
        in_table = position >= header.HEADER_BYTES
        return (errors.HeaderError, errors.TruncatedError) if position in (5, 6) or in_table else errors.HeaderError
    return errors.ChecksumError


@pytest.mark.parametrize("metadata", [None, b"meta"])
def test_every_flipped_bit_is_detected_and_named(metadata):
    data = pack(metadata=metadata)
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(expected_error(data, position)):
                head, _ = container.read_levels(damaged)
                container.read_metadata(damaged, head)


def test_a_damaged_level_is_named_with_the_levels_that_still_decode():
    data = pack()
    damaged = bytearray(data)
    damaged[container.read_header(data).levels[1].offset] ^= 1
    with pytest.raises(errors.ChecksumError, match=r"level 2 \(y1\).*--levels 1 decodes"):
        container.read_levels(damaged)
    assert container.read_levels(damaged, 1)[1] == PAYLOADS[:1]


def test_trailing_bytes_are_refused_even_when_one_level_is_read():
    with pytest.raises(errors.TrailingBytesError, match="bytes follow the end of the file: it is"):
        container.read_levels(pack() + b"\0", 1)


@pytest.mark.parametrize("levels", [0, -1, 5, 99])
def test_levels_that_the_file_does_not_hold_are_out_of_range(levels):
    with pytest.raises(errors.CodecError, match=f"levels={levels} is out of range: this file holds 4 levels"):
        container.read_levels(pack(), levels)


def test_another_version_is_refused_before_anything_else_is_looked_at():
    data = bytearray(pack())
    data[4] = 1
    with pytest.raises(errors.VersionError, match="format number 1"):
        container.read_header(data[:5])


def test_another_format_is_told_by_its_first_bytes():
    with pytest.raises(errors.NotSelfvaeError, match="89 50 4e 47"):
        container.read_header(b"\x89PNG\r\n\x1a\n")


ILLEGAL = [
    {"width": 0}, {"width": 65536}, {"height": 0}, {"width": 65535, "height": 65535}, {"y_step": 3}, {"y_step": 2},
    {"step": 255}, {"step": 1409}, {"step": 900},
    {"fall": 8}, {"quality": 101}, {"quality": 100},
    {"lossless": True}, LOSSLESS | {"quality": 99},
    LOSSLESS | {"fall": 1}, LOSSLESS | {"activity": True}, {"model_id": b"short"},
    {"payloads": [], "symbol_checks": []}, {"symbol_checks": [1]},
]  # fmt: skip


@pytest.mark.parametrize("changes", ILLEGAL, ids=str)
def test_an_illegal_field_is_not_written(changes):
    with pytest.raises(errors.CodecError):
        pack(**changes)


def resealed(data, end=None):
    """The file with a header checksum that fits whatever its header says. end: of its table."""
    end = header.HEADER_BYTES + 5 * data[6] if end is None else end
    data[24:28] = zlib.crc32(data[:24] + data[28:end]).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (5, 32, "flags is 32"),
        (6, 8, "claims 8 levels"),
        (7, 8, "fall is 8"),
        (8, 0, "width is 0"),
        (10, 0, "height is 0"),
        (21, 16, "step is"),
        (22, 3, "y_step is 3"),
        (22, 8, "y_step is 8, but a step of 512 goes with 1"),
        (23, 101, "quality is 101"),
        (23, 100, "quality is 100, but it is 100 in lossless files and in no others"),
        (5, 4, "quality is 70, but it is 100 in lossless files and in no others"),
    ],
)
def test_an_illegal_field_under_a_fitting_checksum_is_refused_by_name(position, value, message):
    data = bytearray(pack())
    data[position] = value
    with pytest.raises(errors.HeaderError, match=message):
        container.read_header(resealed(data))


@pytest.mark.parametrize("length", [bytes([255] * 5 + [1]), bytes([128] * 5 + [0])])
def test_a_length_that_takes_too_many_bytes_is_refused(length):
    data = pack()
    with pytest.raises(errors.HeaderError, match="a length takes more than 5 bytes"):
        container.read_header(data[: header.HEADER_BYTES] + length + data[header.HEADER_BYTES + 1 :])


def test_a_file_beyond_the_limit_of_the_format_is_refused():
    data = bytearray(pack([b"", b""]))
    data[header.HEADER_BYTES : header.HEADER_BYTES + 1] = bytes([255, 255, 255, 255, 15])  # 2^32 - 1
    with pytest.raises(errors.HeaderError, match="beyond the limit"):
        container.read_header(resealed(data, end=len(data)))


def test_the_pixel_limit_holds_for_legal_sides():
    data = bytearray(pack())
    data[8:12] = (65535).to_bytes(2, "little") * 2
    with pytest.raises(errors.HeaderError, match="65535x65535 pixels are more than"):
        container.read_header(resealed(data))


def test_every_error_is_a_codec_error_and_so_a_value_error():
    for name, value in vars(errors).items():
        if name.endswith("Error"):
            assert issubclass(value, errors.CodecError) and issubclass(value, ValueError)
            assert name in errors.__doc__
        if name.endswith("Warning"):
            assert issubclass(value, UserWarning) and name in errors.__doc__
