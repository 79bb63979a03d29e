"""FORMAT.md says what the code does."""

import re
import struct
from importlib.resources import files

from conftest import repacked

from selfvae_codec.format import container, fields, header, metadata

TEXT = (files("selfvae_codec.format") / "FORMAT.md").read_text()


def section(title):
    return TEXT.split(f"\n## {title}", 1)[1].split("\n## ")[0]


def rows(title):
    lines = [line for line in section(title).splitlines() if re.match(r"\| \d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def declared(table_of):
    offset, table = 0, []
    for field in table_of:
        size = struct.calcsize("<" + field.code)
        legal = fields.legal_text(field)
        table.append([str(offset), str(size), field.code, field.name, field.unit, legal, field.meaning])
        offset += size
    return table


def test_the_header_table_is_the_one_that_the_code_declares():
    assert rows("Header") == declared(fields.FIELDS)


def test_the_level_table_entry_is_the_one_that_the_code_declares():
    found = [row for row in rows("Level table") if len(row) == 7]
    assert found == declared(fields.ENTRY)


def test_sizes_in_the_titles_are_those_of_the_code():
    assert f"## Header: {header.HEADER_BYTES} bytes" in TEXT
    rest = sum(struct.calcsize("<" + field.code) for field in fields.ENTRY)
    assert f"## Level table: a length and {rest} bytes per section" in TEXT


def test_the_example_is_what_the_code_writes_and_reads():
    lines = re.findall(r"^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} )+)", section("A small example"), re.M)
    data = b""
    for offset, content in lines:
        assert int(offset, 16) == len(data)
        data += bytes.fromhex(content)

    head, payloads = container.read_levels(data)
    assert (head.width, head.height, head.grey, head.step, head.planes) == (5, 3, True, 1000, 1)
    assert payloads == [b"level one", b"two"]
    kept = metadata.unpack(container.read_metadata(data, head))
    assert kept == metadata.Metadata(xmp=b"<x/>")

    assert data == repacked(head, payloads, metadata=metadata.pack(kept))


def test_every_error_of_the_reader_is_named():
    for name in ("NotSelfvaeError", "VersionError", "HeaderError", "ChecksumError", "TruncatedError"):
        assert name in section("What a reader does")
    for name in ("TrailingBytesError", "UnknownModelError", "MismatchError", "TruncatedWarning"):
        assert name in section("What a reader does")
