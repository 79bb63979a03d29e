import pytest

from selfvae_codec.errors import FormatError
from selfvae_codec.format import metadata
from selfvae_codec.format.metadata import Metadata

FULL = Metadata(icc=b"profile" * 100, exif=b"II*\0exif", xmp=b"<xmp/>")


def test_metadata_comes_back_and_repetitive_parts_shrink():
    section = metadata.pack(FULL)
    assert metadata.unpack(section) == FULL
    assert len(section) < len(FULL.icc)


def test_nothing_to_keep_is_no_section():
    assert metadata.pack(Metadata()) is None and not Metadata()
    assert metadata.unpack(None) == Metadata()


def test_unknown_chunks_are_skipped():
    unknown = [bytes([tag, 0]) + (3).to_bytes(4, "little") + b"???" for tag in (200, 201)]
    assert metadata.unpack(unknown[0] + metadata.pack(FULL) + unknown[1]) == FULL


def test_a_second_chunk_of_one_kind_is_refused_so_that_a_section_holds_256_at_most():
    for section in (metadata.pack(FULL), bytes([200, 0, 0, 0, 0, 0])):
        with pytest.raises(FormatError, match="two chunks of one kind"):
            metadata.unpack(section * 2)


def test_every_truncation_of_a_section_is_refused_or_ends_between_chunks():
    section = metadata.pack(FULL)
    for length in range(1, len(section)):
        try:
            kept = metadata.unpack(section[:length])
        except FormatError:
            continue
        assert kept in (Metadata(icc=FULL.icc), Metadata(icc=FULL.icc, exif=FULL.exif))


def test_a_chunk_that_inflates_past_the_limit_is_refused(monkeypatch):
    section = metadata.pack(Metadata(icc=bytes(100000)))
    monkeypatch.setattr(metadata, "MAX_CHUNK_BYTES", 1000)
    with pytest.raises(FormatError, match="inflates to more than 1000"):
        metadata.unpack(section)
    with pytest.raises(FormatError, match="limit is 1000"):
        metadata.pack(Metadata(icc=bytes(1001)))


def test_a_broken_or_unknown_way_of_storing_is_refused():
    with pytest.raises(FormatError, match="does not inflate"):
        metadata.unpack(bytes([1, 1]) + (4).to_bytes(4, "little") + b"junk")
    with pytest.raises(FormatError, match="unknown way"):
        metadata.unpack(bytes([1, 7]) + (4).to_bytes(4, "little") + b"junk")
