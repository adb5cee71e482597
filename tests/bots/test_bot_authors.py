"""The bots of docs/bot-authors.md, run as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from executor.workshop import ROOT, Workshop, job
from lotabots.checks.run import run
from lotabots.diagnostics.diagnostic import Severity
from lotabots.model.load import load

if TYPE_CHECKING:
    from pathlib import Path

FILES = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```\n", re.DOTALL)


def unpack(folder: Path) -> dict[str, bytes]:
    """Write the files of the page below `folder`; the rules among them."""
    page = (ROOT / "docs/bot-authors.md").read_text(encoding="utf-8")
    found = dict(FILES.findall(page))
    for name, text in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {name: text.encode() for name, text in found.items() if name.startswith("rules/")}


def test_the_rules_of_the_page_are_sound(tmp_path: Path):
    loaded = load(unpack(tmp_path))
    assert loaded.diagnostics == ()
    errors = [one for one in run(loaded).diagnostics if one.severity is Severity.ERROR]
    # The page leaves out the rest of a fleet: two bots with one capability, and no graph.
    assert [error.message for error in errors] == []


@pytest.mark.parametrize(
    ("bot", "text"), [("HelloBot", "Dear Ann,\n"), ("ShellBot", "Dear Sir or Madam,\n")]
)
def test_a_bot_of_the_page_keeps_its_contract(workshop: Workshop, bot: str, text: str):
    executor = workshop.executor(load(unpack(workshop.folder)).fleet)
    assert executor.refusal(bot, "greet") == ""
    ran = workshop.run(executor, job({"who": "Ann"}, bot=bot, action="greet", type="letter.asked"))
    payload = ran.payload("letter.written")
    (artifact,) = payload.pop("artifacts")
    assert workshop.blobs.path(artifact["digest"]).read_text() == text
    assert (payload["who"], payload["outcome"], ran.report.status) == ("Ann", "success", 0)


def test_the_python_bot_runs_by_hand(tmp_path: Path):
    unpack(tmp_path)
    (tmp_path / "out").mkdir()
    asked = {"event": {"payload": {"who": "Ann"}}, "paths": {"out": "out"}}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "bots/hello"],
        cwd=tmp_path,
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["type"] == "letter.written"
