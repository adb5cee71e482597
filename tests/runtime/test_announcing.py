"""What `lotabots run` says when it is ready: to people, and to programs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from running import lay_out

if TYPE_CHECKING:
    from pathlib import Path

BOTS = ("CheckBot", "MakeBot", "ShipBot", "SlowBot")
NOTHING = "no bots/*/manifest.yaml is that of"


def said(root: Path, *options: str, ready: str) -> tuple[list[str], list[str]]:
    """All lines on standard output and on standard error of a service ended when it is `ready`."""
    one_pipe = subprocess.Popen(
        [sys.executable, "-m", "lotabots", "run", "-C", str(root), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with one_pipe as process:
        assert process.stdout is not None
        assert process.stderr is not None
        announced = process.stderr if "json" in options else process.stdout
        first = []
        for line in announced:
            first.append(line)
            if ready in line:
                break
        process.send_signal(signal.SIGTERM)
        out, err = process.stdout.read(), process.stderr.read()
    assert process.returncode == 0, (first, out, err)
    begun = "".join(first)
    both = (out, begun + err) if announced is process.stderr else (begun + out, err)
    return both[0].splitlines(), both[1].splitlines()


# Without a sandbox that, and not the missing program, is the reason.
@pytest.mark.usefixtures("launcher")
def test_people_are_told_on_a_line_for_each_reason_which_bots_cannot_run(tmp_path: Path):
    out, err = said(lay_out(tmp_path), ready="ready")
    assert out[0].startswith("lotabots serves chain (4 bots) at nats://127.0.0.1:")
    assert out[1:] == [
        "4 of 4 enabled bots cannot run here, their jobs would be dead letters (LR408):",
        f"  {NOTHING} the bot: {', '.join(BOTS)}",
        "ready; Ctrl-C ends it",
        "stopped; what was in flight continues at the next start",
    ]
    assert err == []


@pytest.mark.usefixtures("launcher")
def test_programs_find_it_in_the_log_and_nothing_on_standard_output(tmp_path: Path):
    out, err = said(lay_out(tmp_path), "--log-format", "json", ready="service.ready")
    assert out == []
    serves, cannot, ready, stopped = map(json.loads, err)
    assert (serves["event"], serves["fleet"], serves["bots"]) == ("service.serves", "chain", 4)
    assert cannot["level"] == "warning"
    assert cannot["event"] == "service.cannot_run"
    assert cannot["bots"] == {name: f"{NOTHING} `{name}`" for name in BOTS}
    assert (ready["event"], stopped["event"]) == ("service.ready", "service.stopped")


def test_a_process_that_runs_no_jobs_does_not_judge_programs(tmp_path: Path):
    out, _ = said(lay_out(tmp_path), "--role", "engine", ready="ready")
    assert [line for line in out if "cannot run" in line] == []
