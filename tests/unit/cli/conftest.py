"""A small, sound workspace, and the command line to use it with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from lotabots.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of this repository's rules, graph and examples, free to be broken."""
    for name in ("rules", "graphs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def lotabots() -> Callable[..., Result]:
    """Runs a command; an exception in it fails the test instead of becoming an exit code."""

    def run(*arguments: object, stdin: str | None = None) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(cli, words, input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def without() -> Callable[[Path, str], int]:
    """Removes the only line of a file that holds a text; gives its number."""

    def remove(path: Path, text: str) -> int:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (number,) = [n for n, line in enumerate(lines) if text in line]
        path.write_text("".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        return number + 1

    return remove
