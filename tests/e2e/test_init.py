"""What `lotabots init` writes runs, as its README says, on the real server and in the sandbox."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from docs.tutorial import Reader, Step, alike, steps_of

if TYPE_CHECKING:
    from pathlib import Path

TRACE = """\
hello.asked from cli.ann         █ 2 ms
  HelloBot.greet: success        █ 53 ms
hello.said from HelloBot         █ 5 ms"""


@pytest.mark.usefixtures("launcher")
def test_a_new_workspace_runs_as_its_readme_says(tmp_path: Path):
    with Reader(tmp_path) as reader:
        written = reader.do(Step("", "lotabots init", 0, ()))
        steps = list(steps_of((tmp_path / "README.md").read_text(encoding="utf-8")))
        following = written.partition("next:\n")[2].splitlines()
        assert [line.strip() for line in following] == [step.command for step in steps]
        said = [reader.do(step) for step in steps]
        assert said[0] == "1 bot, 2 events, 0 gates, 0 edges: no findings\n"
        assert said[1] == "3 tests in 1 file: all pass\n"
        assert "cannot run here" not in said[2]
        assert said[3].startswith("first\naccepted; `lotabots why first`")
        trace = Step("", "lotabots trace first", 0, tuple(TRACE.splitlines()))
        assert alike(reader.do(trace)) == alike(TRACE)
        command = [sys.executable, "-m", "lotabots", "trace", "first", "--format", "json"]
        assert "Hello, Ann" in subprocess.check_output(command, cwd=tmp_path, text=True)
        reader.do(Step("", "^C", 0, ()))
