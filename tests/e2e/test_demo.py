"""The README's first command: its story really happens, and an interruption leaves nothing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commits import CHANGES
from lotabots.adapters.sandbox import bubblewrap
from progress import Pipe
from proof import broken
from story import Facts, Story
from traffic import Answer, Customers
from trespass import Trespass
from words import bad_news, deployed, events, jobs
from workspace import PRODUCTION, STAGING, temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples/demo/demo.py"


def test_the_story_really_happens(subtests: pytest.Subtests) -> None:
    """One run; asserted are events, releases, messages and the audit log, not what is printed."""
    with temporary() as workspace:
        facts = Story(workspace, Pipe(io.StringIO())).play()
    checks = (
        each_bad_commit_is_found_by_one_bot,
        only_good_ones_reach_staging,
        production_serves_the_good_release_the_slow_one_and_the_good_one_again,
        people_approve_what_goes_to_production,
        the_rollback_follows_from_the_alert,
        no_customer_is_lost,
        people_are_told_once,
        what_is_not_allowed_is_stopped_on_four_planes,
        the_audit_log_has_all_of_it,
    )
    for check in checks:
        with subtests.test(check.__name__.replace("_", " ")):
            check(facts)
    with subtests.test("the demonstration sees it the same way"):
        assert broken(facts) == []
    for claim, other in lies(facts):
        with subtests.test("it believes nothing without its facts", claim=claim):
            assert broken(other) == [claim]


def lies(facts: Facts) -> Iterator[tuple[str, Facts]]:
    """What is claimed, and facts in which just that is not true."""
    customers, audited = facts.customers, facts.audited
    assert customers is not None
    assert audited is not None
    refused = Customers(0, [*customers.answers, Answer(0, 0, 503)])
    yield "no request of a customer is lost", replace(facts, customers=refused)
    few = Customers(0, customers.answers[:10])
    yield "no request of a customer is lost", replace(facts, customers=few)
    twice = [*facts.received, facts.received[0]]
    yield "people are told once", replace(facts, received=twice)
    yield "people are told once", replace(facts, received=facts.received[1:])
    free = [*facts.trespasses, Trespass("somebody", "", "")]
    yield "what is not allowed is stopped by four planes", replace(facts, trespasses=free)
    damaged = audited._replace(faults=("an entry was changed",))
    yield "the audit log is whole and has all of it", replace(facts, audited=damaged)
    shorter = audited._replace(entries=audited.entries[:-20])
    yield "the audit log is whole and has all of it", replace(facts, audited=shorter)
    slow = replace(facts, current={**facts.current, PRODUCTION: "3-000000000000"})
    yield "the slow release is withdrawn because of an alert", slow
    stopped = facts.pushed[1].commit
    request = [one for one in facts.trace("released") if one.get("type") == "deploy.requested"]
    through = {**facts.traces, stopped: [*facts.traces[stopped], *request]}
    yield "what is stopped goes nowhere", replace(facts, traces=through)
    unseen = [one for one in facts.traces[stopped] if one.get("type") != "lint.completed"]
    blind = {**facts.traces, stopped: unseen}
    yield (
        "each bad commit is found by one bot, and the good one by none",
        replace(facts, traces=blind),
    )


def each_bad_commit_is_found_by_one_bot(facts: Facts) -> None:
    found = [
        {(event["source"], event["type"]) for event in bad_news(facts.traces[one.commit])}
        for one in facts.pushed
    ]
    assert found == [
        set(),
        {("LintBot", "lint.completed")},
        {("TestBot", "test.failed")},
        {("SecurityBot", "security.completed")},
        {("DeployBot", "deploy.failed")},
        {("MonitorBot", "alert.triggered")},
    ]


def only_good_ones_reach_staging(facts: Facts) -> None:
    staged = [len(deployed(facts.traces[one.commit], STAGING)) for one in facts.pushed]
    asked = [len(events(facts.traces[one.commit], "deploy.requested")) for one in facts.pushed]
    assert (staged, asked) == ([1, 0, 0, 0, 1, 1], [2, 0, 0, 0, 2, 3])


def production_serves_the_good_release_the_slow_one_and_the_good_one_again(facts: Facts) -> None:
    commits = {one.commit: one.number for one in facts.pushed}
    sealed = {
        line["release"]: commits[line["change"]]
        for line in facts.history[PRODUCTION]
        if line["verb"] == "sealed"
    }
    said = [
        (line["verb"], sealed[line["release"]], sealed.get(line.get("withdrew", "")))
        for line in facts.history[PRODUCTION]
        if line["verb"] != "pruned"
    ]
    assert said == [
        ("sealed", 1, None),
        ("promoted", 1, None),
        ("sealed", 5, None),
        ("discarded", 5, None),
        ("sealed", 6, None),
        ("promoted", 6, None),
        ("promoted", 1, 6),
    ]
    assert sealed[facts.current[PRODUCTION]] == 1


def people_approve_what_goes_to_production(facts: Facts) -> None:
    by_gate = [
        one.number
        for one in facts.pushed
        for event in events(facts.traces[one.commit], "deploy.requested")
        if event["source"] == "gate.release-production"
    ]
    approved = [one.number for one in facts.pushed if one.commit in facts.approvals]
    assert by_gate == approved == [1, 5, 6]


def the_rollback_follows_from_the_alert(facts: Facts) -> None:
    spans = facts.trace("withdrawn")
    (released,) = deployed(spans, PRODUCTION)
    alert = next(e for e in events(spans, "alert.triggered") if e["payload"]["severity"] == "high")
    (request,) = (e for e in events(spans) if e["source"] == "gate.rollback")
    (back,) = deployed(spans, PRODUCTION, "rollback")
    assert alert["payload"]["release"] == released["payload"]["release"]
    assert alert["id"] in request["causes"]
    assert released["at"] < alert["at"] < request["at"] < back["at"]
    assert back["payload"]["active"] == facts.current[PRODUCTION]


def no_customer_is_lost(facts: Facts) -> None:
    assert facts.customers is not None
    assert [one for one in facts.customers.answers if one.lost] == []
    assert len(facts.customers.answers) > 100


def people_are_told_once(facts: Facts) -> None:
    arrived = Counter((one.kind, one.to) for one in facts.received)
    resolved = len(events(facts.others, "alert.resolved"))
    assert arrived == {
        ("chat", "releases"): 6,
        ("chat", "changes"): 4,
        ("mail", "developers@example.org"): 4,
        ("chat", "alerts"): 1 + resolved,
        ("mail", "on-call@example.org"): 1 + resolved,
    }
    assert len({one.ident for one in facts.received}) == len(facts.received)


def what_is_not_allowed_is_stopped_on_four_planes(facts: Facts) -> None:
    planes = Counter(one.plane for one in facts.trespasses)
    assert planes == {"broker": 1, "decision": 1, "kernel": 7, "contract": 1}


def the_audit_log_has_all_of_it(facts: Facts) -> None:
    audited = facts.audited
    assert audited is not None
    assert audited.faults == ()
    done = {subject.rpartition(".")[2] for subject in audited.subjects("lb.out.")}
    assert {job["job"] for job in jobs(facts.all()) if "outcome" in job} <= done
    dead = {subject.split(".")[3] for subject in audited.subjects("lb.out.dead.")}
    assert dead == {"IntruderBot"}  # which said what it may not say
    promoted = audited.subjects("lb.ctl.host.promote")
    assert len(promoted) == 3 + 3


@pytest.mark.parametrize("moment", ["The rules, proved", f"2 of {len(CHANGES)}"])
def test_an_interruption_leaves_nothing_behind(moment: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(DEMO)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if moment in line:
                break
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert (process.returncode, said) == (130, "\ninterrupted; nothing is left behind\n")
    assert list(tmp_path.iterdir()) == []
    assert list(processes_of(str(tmp_path))) == []


def test_a_host_without_a_sandbox_gets_the_cure_at_once(tmp_path: Path) -> None:
    """Inside of a sandbox that allows no further one, as in many containers."""
    tool = bubblewrap.find()
    assert tool is not None
    outer = [tool.path, "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-user"]
    done = subprocess.run(
        [*outer, "--uid", "1000", "--disable-userns", "--", sys.executable, str(DEMO)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "error: the demonstration needs the strict sandbox\n",
    )
    assert done.stdout.startswith("strict: does not hold: ")
    assert "\nhelp: " in done.stdout
    assert list(tmp_path.iterdir()) == []


def processes_of(folder: str) -> Iterator[str]:
    """The command lines of processes that name `folder` in them or in their environment."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if folder.encode() in text:
                yield text.decode(errors="replace")
