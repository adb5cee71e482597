"""Every boundary of ReviewBot, with one that tries to break it and the plane that stops it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from bots.checking import Desk, claiming, desk, findings_with, rogue, toolbox, verdict_with
from lotabots.policy.decision import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

FILES = {"app.py": "X = 1\n"}
RESULT = (
    "{'outcome': 'success', 'checked': 1, 'suppressed': 0, 'tool': {'name': 'review',"
    " 'version': '1', 'digest': job['tools']['review']}, 'duration_s': 0, 'reports': [],"
    " 'files': 1, 'added': 1, 'removed': 0, 'comments': []"
)
READ_ONLY = {"Read-only file system", "Permission denied"}


@pytest.fixture
def here(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("review")
    return desk(workshop, tmp_path, "ReviewBot")


@pytest.mark.parametrize(
    ("capability", "reason"),
    [
        ("change.verdict.approve", "does not approve pull requests"),
        ("change.merge", "does not merge pull requests"),
        ("code.modify", "does not modify code"),
        ("code.modify.formatting", "does not modify code"),
        ("policy.enforce", "does not enforce policies (advisory only)"),
    ],
)
@pytest.mark.boundary(
    "ReviewBot",
    "change.verdict.approve",
    "change.merge",
    "code.modify",
    "policy.enforce",
    plane="proof",
)
@pytest.mark.boundary(
    "ReviewBot",
    "change.verdict.approve",
    "change.merge",
    "code.modify",
    "policy.enforce",
    plane="decision",
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(capability: str, reason: str):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "review.analyze", instead=capability)

    assert "LB301" in findings_with("ReviewBot", change)
    verdict = verdict_with("ReviewBot", change)
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == ("LR105", reason)


CHANGE_THE_CODE = """
before = job["event"]["payload"]["before"]
attempt("append")(lambda: open(repository + "/HEAD", "a"))
attempt("create")(lambda: open(repository + "/refs/heads/new", "w"))
attempt("object")(lambda: git("hash-object", "-w", "--stdin"))
attempt("merge")(lambda: git("merge-tree", "--write-tree", "refs/heads/main", before))
attempt("branch")(lambda: git("update-ref", "refs/heads/main", before))
attempt("hook")(lambda: git("config", "core.hooksPath", out))
attempt("program")(lambda: open(bot + "/__main__.py", "a"))
attempt("accepted")(lambda: open(bot + "/accepted.txt", "w"))
attempt("tool")(lambda: open(tools + "/x.py", "w"))
"""


@pytest.mark.boundary("ReviewBot", "code.modify", "change.merge", plane="kernel")
def test_it_cannot_change_or_merge_anything_in_the_repository(here: Desk):
    """Plane: kernel (repository, program and toolbox are mounted read-only)."""
    before = here.project.commit(FILES)
    commit = here.project.commit({"README.md": "x\n"})
    ran = rogue(here, "review", CHANGE_THE_CODE, change={"id": commit}, before=before)
    assert ran.untouched
    assert len(ran.tried) == 9
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert {ran.tried[one] for one in ("append", "create", "program", "tool")} <= READ_ONLY
    assert here.project.head() == commit


@pytest.mark.boundary(
    "ReviewBot", "change.verdict.approve", "change.merge", "policy.enforce", plane="kernel"
)
def test_it_cannot_reach_a_forge_the_engine_or_anybody(here: Desk):
    """Plane: kernel (no network, no credentials: there is nobody to tell a verdict)."""
    script = """
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
port = int(job["event"]["payload"]["port"])
attempt("broker")(lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
attempt("forge")(lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("names")(lambda: socket.getaddrinfo("example.org", 443))
tried["env"] = ",".join(sorted(os.environ))
"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        commit = here.project.commit(FILES)
        ran = rogue(here, "review", script, change={"id": commit}, port=port)
    environment = ran.tried.pop("env").split(",")
    assert len(ran.tried) == 3
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert set(environment) <= {"HOME", "LC_ALL", "LC_CTYPE", "PATH", "PWD", "TMPDIR", "TZ"}


@pytest.mark.boundary(
    "ReviewBot",
    "change.verdict.approve",
    "change.merge",
    "code.modify",
    "policy.enforce",
    plane="contract",
)
def test_it_cannot_say_what_only_others_may(here: Desk):
    """Plane: contract of its output (LR402: it has no such event)."""
    events = ("approval.granted", "change.approved", "change.merged", "change.pushed",
              "security.completed", "lint.completed", "deploy.requested")  # fmt: skip
    script = f"for event in {events}: emit(event, {{'purpose': 'release', 'repository': 'p'}})"
    ran = rogue(here, "review", script, change={"id": here.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * 7, [])


@pytest.mark.boundary(
    "ReviewBot", "change.verdict.approve", "change.merge", "policy.enforce", plane="contract"
)
def test_its_result_has_no_place_for_a_verdict_and_is_always_advice(here: Desk):
    """Plane: contract (LR403: the payload is closed; `set:` writes `advisory` and the change)."""
    script = f"""
for member in ("approved", "verdict", "merge", "blocking"):
    emit("review.completed", {RESULT}, member: True}})
emit("review.completed", {{**{RESULT}}}, "checked": 0}})
emit("review.completed", {RESULT}, "advisory": False, "repository": "q",
     "change": {{"id": "d" * 40}}}})
"""
    commit = here.project.commit(FILES)
    ran = rogue(here, "review", script, change={"id": commit})
    assert ran.outcome.codes == ["LR403"] * 5
    payload = ran.outcome.payload("review.completed")
    assert (payload["advisory"], payload["repository"]) == (True, "p")
    assert payload["change"] == {"id": commit}


@pytest.mark.boundary("ReviewBot", "code.modify", plane="contract")
def test_it_cannot_hand_over_code(here: Desk):
    """Plane: contract of its output (LR404: only what it `produces`)."""
    script = f"""
open(out + "/x", "w").close()
for kind in ("source", "wheel", "format-patch", "docs-patch"):
    emit("review.completed", {RESULT}}}, [{{"path": "x", "kind": kind}}])
"""
    ran = rogue(here, "review", script, change={"id": here.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 4, [])
