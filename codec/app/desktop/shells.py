"""Completion for shells: click's own code, and where each shell looks for it."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ..console import PROGRAM
from .home import Record, config_home, data_home

_VARIABLE = f"_{PROGRAM}_COMPLETE".replace("-", "_").upper()  # what click's code sets when it asks for completions


def code(command: click.Command, shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None
    completion = kind(command, {}, PROGRAM, _VARIABLE)
    return completion.source_template % completion.source_vars()


def place(shell: str) -> Path:
    """The file that the shell loads at the first completion."""
    if shell == "bash":
        return data_home() / "bash-completion" / "completions" / PROGRAM
    if shell == "zsh":
        return data_home() / "zsh" / "site-functions" / f"_{PROGRAM}"
    return config_home() / "fish" / "completions" / f"{PROGRAM}.fish"


def install(shell: str, content: str) -> list[str]:
    """Lines for the user."""
    path = place(shell)
    Record(f"completion-{shell}").put(path, content + "\n")
    said = [f"{path}: written; new shells have it"]
    if shell == "bash":
        said.append("bash loads it where the package bash-completion is installed")
    if shell == "zsh":
        said.append(f"zsh loads it if ~/.zshrc says, before compinit: fpath=({path.parent} $fpath)")
    return said


def uninstall(shell: str) -> list[str]:
    removed = Record(f"completion-{shell}").remove()
    return [f"{path}: removed" for path in removed] or ["nothing is installed"]
