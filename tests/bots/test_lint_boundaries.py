"""Every boundary of LintBot, with a LintBot that tries to break it and the plane that stops it."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from bots.checking import Desk, claiming, desk, findings_with, rogue, toolbox, verdict_with
from lotabots.policy.decision import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

FILES = {"app/__init__.py": "", "app/code.py": "X  =  1\n"}
RESULT = (
    "{'outcome': 'success', 'checked': 1, 'suppressed': 0, 'tool': {'name': 'ruff',"
    " 'version': '1', 'digest': 'sha256:' + '0' * 64}, 'duration_s': 0, 'reports': [],"
    " 'new': 0, 'total': 0, 'by_rule': [], 'top': []"
)


READ_ONLY = {"Read-only file system", "Permission denied"}


@pytest.fixture
def lint(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("lint")
    return desk(workshop, tmp_path, "LintBot")


@pytest.mark.parametrize(
    ("capability", "reason"),
    [
        ("code.modify", "does not auto-fix code (except formatting)"),
        ("code.modify.logic", "does not modify logic"),
        ("change.verdict.approve", "does not approve or reject pull requests"),
        ("change.verdict.reject", "does not approve or reject pull requests"),
    ],
)
@pytest.mark.boundary(
    "LintBot", "code.modify", "code.modify.logic", "change.verdict", plane="proof"
)
@pytest.mark.boundary(
    "LintBot", "code.modify", "code.modify.logic", "change.verdict", plane="decision"
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(capability: str, reason: str):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        if capability == "code.modify.logic":  # the wider boundary would be named first
            text = re.sub("  - {deny: code.modify, .*\n", "", text)
        return claiming(text, "lint.run", instead=capability)

    assert "LB301" in findings_with("LintBot", change)
    verdict = verdict_with("LintBot", change)
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == ("LR105", reason)


CHANGE_THE_CODE = """
attempt("append")(lambda: open(repository + "/HEAD", "a"))
attempt("create")(lambda: open(repository + "/refs/heads/new", "w"))
attempt("remove")(lambda: os.remove(repository + "/HEAD"))
attempt("allow")(lambda: os.chmod(repository, 0o777))
attempt("object")(lambda: git("hash-object", "-w", "--stdin"))
attempt("branch")(lambda: git("update-ref", "refs/heads/main", job["event"]["payload"]["before"]))
attempt("tag")(lambda: git("tag", "v9"))
attempt("setting")(lambda: git("config", "core.hooksPath", out))
attempt("ruff")(lambda: subprocess.run(
    [tools + "/bin/ruff", "format", "--no-cache", repository], check=True, capture_output=True))
"""


@pytest.mark.boundary("LintBot", "code.modify", "code.modify.logic", plane="kernel")
def test_it_cannot_change_the_repository(lint: Desk):
    """`code.modify`. Plane: kernel (the repository is mounted read-only)."""
    before = lint.project.commit(FILES)
    commit = lint.project.commit({"README.md": "x\n"})
    ran = rogue(lint, "lint", CHANGE_THE_CODE, change={"id": commit}, before=before)
    assert ran.untouched
    refused = {name: said for name, said in ran.tried.items() if name != "ruff"}
    assert len(refused) == 8
    assert {refused["append"], refused["create"], refused["remove"]} <= READ_ONLY
    assert [said for said in refused.values() if said.startswith("done")] == []
    assert lint.project.head() == commit


def test_it_cannot_change_itself_or_its_tools(lint: Desk):
    """Its own behaviour is not its own. Plane: kernel (program and toolbox are read-only)."""
    script = """
attempt("program")(lambda: open(bot + "/__main__.py", "a"))
attempt("rules")(lambda: open(bot + "/rules.toml", "w"))
attempt("accepted")(lambda: open(bot + "/accepted.txt", "w"))
attempt("tool")(lambda: open(tools + "/bin/ruff", "r+b"))
attempt("cache")(lambda: open(tools + "/ruff/x.py", "w"))
"""
    ran = rogue(lint, "lint", script, change={"id": lint.project.commit(FILES)})
    assert ran.untouched
    assert len(ran.tried) == 5
    assert set(ran.tried.values()) <= READ_ONLY


@pytest.mark.boundary("LintBot", "code.modify", "change.verdict", plane="kernel")
def test_it_cannot_reach_anything_that_could_push_for_it(lint: Desk):
    """`code.modify`, by way of others. Plane: kernel (no network, no credentials)."""
    script = """
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
port = int(job["event"]["payload"]["port"])
attempt("broker")(lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
attempt("outside")(lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("names")(lambda: socket.getaddrinfo("example.org", 443))
attempt("agent")(lambda: connect(socket.AF_UNIX, "\\0lotabots-test"))
tried["env"] = ",".join(sorted(os.environ))
"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        commit = lint.project.commit(FILES)
        ran = rogue(lint, "lint", script, change={"id": commit}, port=port)
    environment = ran.tried.pop("env").split(",")
    assert len(ran.tried) == 4
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert set(environment) <= {"HOME", "LC_ALL", "LC_CTYPE", "PATH", "PWD", "TMPDIR", "TZ"}


@pytest.mark.boundary("LintBot", "code.modify", "code.modify.logic", plane="contract")
def test_it_cannot_say_that_code_was_changed(lint: Desk):
    """`code.modify.logic`. Plane: contract of its output (LR402, nothing else is declared)."""
    events = ("change.pushed", "code.modified", "docs.completed", "deploy.requested")
    script = f"for event in {events}: emit(event, {{}})"
    ran = rogue(lint, "lint", script, change={"id": lint.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * 4, [])


@pytest.mark.boundary("LintBot", "code.modify.logic", plane="contract")
def test_it_cannot_hand_over_code(lint: Desk):
    """`code.modify.logic`. Plane: contract of its output (LR404, only what it `produces`)."""
    script = f"""
open(out + "/x", "w").close()
for kind in ("source", "wheel", "docs-patch", "migration-script"):
    emit("lint.completed", {RESULT}}}, [{{"path": "x", "kind": kind}}])
"""
    ran = rogue(lint, "lint", script, change={"id": lint.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 4, [])


@pytest.mark.boundary("LintBot", "change.verdict", plane="contract")
def test_it_cannot_give_a_verdict(lint: Desk):
    """`change.verdict`. Plane: contract of its output (LR402: it has no such event)."""
    events = ("approval.granted", "approval.denied", "change.approved", "review.completed")
    script = f"for event in {events}: emit(event, {{'purpose': 'release', 'repository': 'p'}})"
    ran = rogue(lint, "lint", script, change={"id": lint.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * 4, [])


@pytest.mark.boundary("LintBot", "change.verdict", plane="contract")
def test_its_result_has_no_place_for_a_verdict(lint: Desk):
    """`change.verdict`. Plane: contract of its output (LR403: the payload is closed)."""
    script = f"""
for member in ("approved", "verdict", "merge"):
    emit("lint.completed", {RESULT}, member: True}})
"""
    ran = rogue(lint, "lint", script, change={"id": lint.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR403"] * 3, [])


@pytest.mark.boundary("LintBot", "change.verdict", plane="contract")
def test_it_cannot_speak_about_another_change_or_repository(lint: Desk):
    """`change.verdict`, for a change that it was not asked about. Plane: contract (`set:`)."""
    script = f"emit('lint.completed', {RESULT}, 'repository': 'q', 'change': {{'id': 'd' * 40}}}})"
    commit = lint.project.commit(FILES)
    ran = rogue(lint, "lint", script, change={"id": commit})
    payload = ran.outcome.payload("lint.completed")
    assert (payload["repository"], payload["change"]) == ("p", {"id": commit})


def test_a_success_that_looked_at_nothing_is_refused(lint: Desk):
    """Its green result opens a gate. Plane: contract of its output (LR403)."""
    script = f"emit('lint.completed', {{**{RESULT}}}, 'checked': 0}})"
    ran = rogue(lint, "lint", script, change={"id": lint.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])


def test_the_quality_report_sees_no_source(lint: Desk):
    """The second action has less: no repository, and its state cannot be written."""
    script = """
attempt("state")(lambda: open(paths["places"]["state"] + "/x", "w"))
tried["repository"] = str("repository" in paths)
"""
    ran = rogue(
        lint,
        "report-quality",
        script,
        event="test.completed",
        change={"id": lint.project.commit(FILES)},
    )
    assert ran.tried["repository"] == "False"
    assert ran.tried["state"] in READ_ONLY
