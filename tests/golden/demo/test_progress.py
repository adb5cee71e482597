"""What the demonstration shows of its commits, drawn from states that a real run had.

``LOTABOTS_UPDATE_GOLDEN=1 pytest tests/golden/demo`` writes the drawings anew, for review.
"""

from __future__ import annotations

import io
import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from commits import CHANGES, Pushed
from progress import Pipe, Terminal, rows
from words import ending

if TYPE_CHECKING:
    import pytest

HERE = Path(__file__).parent
UPDATE = os.environ.get("LOTABOTS_UPDATE_GOLDEN") == "1"
STATES = json.loads((HERE / "states.json").read_text(encoding="utf-8"))
PUSHED = {
    "lint": Pushed(2, CHANGES[1], "Print a receipt", "c0ffee0" * 5, "git-1"),
    "slow": Pushed(6, CHANGES[5], "Say how many bought something alike", "bedded0" * 5, "git-2"),
}


def drawn(screen: Pipe, out: io.StringIO, name: str) -> str:
    """What `screen` writes of the recorded commits."""
    for commit, pushed in PUSHED.items():
        screen.begin(pushed, len(CHANGES))
        for state in STATES:
            if state["commit"] == commit:
                now = datetime.fromisoformat(state["now"])
                screen.show(state["spans"], now, state["below"])
        screen.end()
    text = out.getvalue().replace("\x1b", "ESC").replace("\r", "CR")
    if UPDATE:
        (HERE / name).write_text(text, encoding="utf-8")
    return text


def test_a_pipe_gets_a_line_for_each_job_when_it_ends() -> None:
    out = io.StringIO()
    assert drawn(Pipe(out), out, "pipe.txt") == (HERE / "pipe.txt").read_text(encoding="utf-8")


def test_a_terminal_gets_one_line_for_each_bot_and_commit_drawn_anew_in_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    text = drawn(Terminal(out, colors=False), out, "terminal.txt")
    assert text == (HERE / "terminal.txt").read_text(encoding="utf-8")
    assert max(len(line.rpartition("ESC[J")[2]) for line in text.splitlines()) < 80


def test_a_line_is_busy_until_all_jobs_of_its_bot_have_ended() -> None:
    first, *_, last = (state for state in STATES if state["commit"] == "lint")
    found = [rows(one["spans"], datetime.fromisoformat(one["now"])) for one in (first, last)]
    assert {row.name for row in found[0] if row.busy} == {"BuildBot", "LintBot"}
    assert {row.name for row in found[1] if row.busy} == set()


def test_what_goes_on_when_the_story_of_a_commit_ends_is_not_left_as_unfinished() -> None:
    state = next(state for state in STATES if state["commit"] == "slow")
    spans = [
        {key: said for key, said in span.items() if key not in {"outcome", "ended_at"}}
        if span.get("bot") in {"MonitorBot", "LintBot"}
        else span
        for span in state["spans"]
        if span.get("type") != "alert.triggered"
    ]
    out = io.StringIO()
    screen = Terminal(out, colors=False)
    screen.show(spans, datetime.fromisoformat(state["now"]), "below")
    busy = [line for line in out.getvalue().splitlines() if "…" in line[:4]]
    assert [line.split()[1] for line in busy] == ["LintBot", "MonitorBot"]
    screen.end()
    *_, last = out.getvalue().split("\x1b[J")
    lines = last.splitlines()
    assert [line for line in lines if line.startswith("  …")] == []
    watching = next(line for line in lines if "MonitorBot" in line)
    assert watching.startswith("  · MonitorBot ")
    assert watching.endswith(" goes on watching the new release")
    assert lines[-1] == "  below"
    shown = out.getvalue()
    screen.end()
    assert out.getvalue() == shown


def test_an_account_keeps_to_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    line = f"{'who':9}  DeployBot: {'what was done and where ' * 4}"
    Terminal(out, colors=False).tell(line)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0].startswith("  who        DeployBot: what")
    assert all(one.startswith("    ") for one in lines[1:])
    out = io.StringIO()
    Pipe(out).tell(line)
    assert out.getvalue().splitlines() == [f"  {line}".rstrip()]


def test_the_end_of_a_commit_names_who_ended_it() -> None:
    (slow,) = (state for state in STATES if state["commit"] == "slow")
    assert ending(slow["spans"]).startswith("withdrawn: 1-")
