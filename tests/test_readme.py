"""The README's Python examples run as they stand, and files that documents name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(path for room in ("benchmarks", "codec", "docs", "models") for path in (ROOT / room).rglob("*.md")),
]
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("example", EXAMPLES)
def test_python_examples_run(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    for extra in re.findall(r"^import (\w+)", example, flags=re.M):
        pytest.importorskip(extra)
    exec(compile(example, str(README), "exec"), {})


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_documents_name_are_there(document):
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:benchmarks|bin|codec|docs|models|tests)/[A-Za-z0-9_./-]+)`", text)
    named = [name for name in named if "NAME" not in name]
    linked = [document.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
    assert [path for path in [*map(ROOT.joinpath, named), *linked] if not path.exists()] == []
