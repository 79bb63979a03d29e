"""The README's Python examples run as they stand."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("example", EXAMPLES)
def test_python_examples_run(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    for extra in re.findall(r"^import (\w+)", example, flags=re.M):
        pytest.importorskip(extra)
    exec(compile(example, str(README), "exec"), {})


def test_there_are_examples():
    assert EXAMPLES
