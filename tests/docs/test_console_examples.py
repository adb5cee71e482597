"""Every console example of the documentation is run, and prints what the page says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs/tutorial.md"
"""One workspace from its first line to its last; see test_tutorial.py."""

PAGES = [ROOT / "README.md", *sorted({*(ROOT / "docs").glob("*.md")} - {TUTORIAL})]
RUNNABLE = ("$ lotabots ", "$ sed ", "$ cat ")
NEEDS_MORE = tuple(
    f"lotabots {name}"
    for name in (
        "run",
        "emit",
        "status",
        "trace",
        "why",
        "dlq",
        "logs",
        "audit",
        "sandbox",
        "tools",
    )
)
"""What these print depends on the host or a running service; they are tested where those are."""


class Example(NamedTuple):
    page: str
    line: int
    commands: tuple[str, ...]
    output: str


def examples_of(page: Path) -> list[Example]:
    found: list[Example] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if line == "```console":
            start = number + 1
        elif line == "```" and start is not None:
            body, start_line, start = lines[start:number], start, None
            commands = tuple(text[2:] for text in body if text.startswith("$ "))
            runnable = all(text.startswith(RUNNABLE) for text in body if text.startswith("$ "))
            if runnable and commands and not any(c.startswith(NEEDS_MORE) for c in commands):
                output = "\n".join(text for text in body if not text.startswith("$ "))
                found.append(Example(page.name, start_line, commands, output))
    return found


EXAMPLES = [example for page in PAGES for example in examples_of(page)]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of what a reader has: the rules, the graph and the examples of this repository."""
    for name in ("rules", "graphs", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.page}:{e.line}")
def test_a_console_example_prints_what_the_page_says(example: Example, workspace: Path) -> None:
    beside = str(Path(sys.executable).parent)
    env = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}", "COLUMNS": "100"}
    done = subprocess.run(
        ["sh", "-c", "\n".join(example.commands)],
        cwd=workspace,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.rstrip("\n") == example.output.rstrip("\n"), done.stderr


def test_the_readme_has_examples_that_are_run() -> None:
    assert [example for example in EXAMPLES if example.page == "README.md"]
