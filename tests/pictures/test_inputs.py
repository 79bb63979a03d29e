"""What becomes of pictures as people have them: every row of inputs.py, and docs/inputs.md."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from inputs import INPUTS, Input, outcome, table

DOCS = Path(__file__).parents[2] / "docs/inputs.md"


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: f"{given.format}, {given.what}")
def test_a_picture_is_kept_converted_or_named_as_the_table_says(given: Input):
    if given.format == "AVIF" and "10 bits" in given.what and not find_spec("imagecodecs"):
        pytest.skip("imagecodecs is not installed: pip install 'selfvae-codec[bench]'")
    assert outcome(given.make()) == given.becomes


def test_the_page_on_inputs_is_what_the_tests_say():
    assert table() in DOCS.read_text(), "python tests/pictures/inputs.py prints the table"
    assert len(INPUTS) >= 60
