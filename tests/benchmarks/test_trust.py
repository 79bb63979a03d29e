"""The studies of what strangers and servers do: they find what they look for."""

import json
import random
import re
import warnings
from pathlib import Path

import pytest
from conftest import make_picture

import selfvae_codec
from selfvae_codec.benchmarks.studies import soak
from selfvae_codec.benchmarks.studies.fuzz import __main__ as fuzz
from selfvae_codec.benchmarks.studies.fuzz import damage

DATA = selfvae_codec.encode(make_picture(9, 7), effort=0)


def test_anything_but_a_result_and_an_error_of_ours_counts_as_outside():
    def refuse():
        raise selfvae_codec.HeaderError("")

    def warn():
        warnings.warn("a library speaks", UserWarning, stacklevel=1)

    assert fuzz.outcome(lambda: 1) == "result"
    assert fuzz.outcome(refuse) == "HeaderError"
    assert fuzz.outcome(lambda: 1 // 0).startswith("outside: ZeroDivisionError")
    assert fuzz.outcome(warn).startswith("outside: warning UserWarning")


def test_damage_is_the_same_for_the_same_number_and_may_have_right_checksums():
    files = [DATA, selfvae_codec.encode(make_picture(24, 16), levels=2, effort=0)]
    first = [damage.damaged(files, random.Random(f"3 {i}")) for i in range(40)]
    assert first == [damage.damaged(files, random.Random(f"3 {i}")) for i in range(40)] and len(set(first)) > 30
    changed = bytearray(DATA)
    changed[-2] ^= 8
    with pytest.raises(selfvae_codec.ChecksumError):
        selfvae_codec.decode(bytes(changed))
    repaired = damage.sealed(changed)
    assert selfvae_codec.read_header(repaired).n_levels
    with pytest.raises(selfvae_codec.MismatchError):
        selfvae_codec.decode(repaired)


def test_every_way_in_is_tried():
    names = set()
    for i in range(150):
        names |= {name for name, call in fuzz.ways(DATA, random.Random(i)) if fuzz.outcome(call) == "result"}
    assert {"decode", "decode, partial", "representation", "Image.load", "ImageFile.Parser", "read_metadata"} <= names


def test_no_file_that_was_measured_took_more_memory_than_is_promised():
    checkout = Path(__file__).parents[2]
    rows = json.loads((checkout / "benchmarks/results/limits.json").read_text())["rows"]
    (promised,) = re.findall(r"(\d+) bytes a pixel at most", (checkout / "README.md").read_text())
    assert max(row["bytes_per_padded_pixel"] for row in rows) <= int(promised)
    assert f"each takes up to {promised} bytes" in " ".join(selfvae_codec.decode.__doc__.split())


def test_a_soak_counts_what_differs(monkeypatch):
    wrong = iter(range(100))
    monkeypatch.setattr(soak, "tasks", lambda backend: [lambda: b"same", lambda: bytes([next(wrong)])])
    found = soak.soak("auto", 1, 1, 20)
    selfvae_codec.set_threads(None)
    assert found["calls"] == 20 and 0 < found["wrong"] < 20


def test_calls_are_added_to_those_of_the_same_build_alone(tmp_path, monkeypatch):
    found = {"counts": {"decode: result": 5}, "outside": [], "slowest_s": {"decode": 0.1}, "peak_mib": 1}
    monkeypatch.setattr(fuzz, "tried", lambda number: found)
    output = tmp_path / "fuzz.json"
    assert fuzz.run(5, output, [])["calls"] == 5
    assert fuzz.run(8, output, [])["calls"] == 10
    monkeypatch.setattr(fuzz, "code_id", lambda *packages: "other")
    assert fuzz.run(5, output, [])["calls"] == 5
