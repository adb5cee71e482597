"""Every boundary of DocumentationBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from bots.checking import Desk, claiming, desk, findings_with, rogue, toolbox, verdict_with
from lotabots.policy.decision import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

FILES = {"app.py": "X = 1\n", "README.md": "# x\n"}
RESULT = (
    "{'outcome': 'success', 'checked': 1, 'suppressed': 0, 'tool': {'name': 'x',"
    " 'version': '1', 'digest': job['tools']['docs']}, 'duration_s': 0, 'reports': [],"
    " 'outputs': [], 'links': {'checked': 0, 'broken': []}"
)
READ_ONLY = {"Read-only file system", "Permission denied"}
NOT_THERE = {"No such file or directory", "Permission denied"}


@pytest.fixture
def here(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("docs")
    return desk(workshop, tmp_path, "DocumentationBot")


@pytest.mark.parametrize(
    ("capability", "reason"),
    [
        ("code.modify", "does not modify code"),
        ("code.modify.logic", "does not modify code"),
        ("deploy.documentation", "does not deploy documentation"),
        (
            "docs.author",
            "does not create new documentation content (only format or generate)",
        ),
    ],
)
@pytest.mark.boundary(
    "DocumentationBot", "code.modify", "deploy.documentation", "docs.author", plane="proof"
)
@pytest.mark.boundary(
    "DocumentationBot", "code.modify", "deploy.documentation", "docs.author", plane="decision"
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(capability: str, reason: str):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "docs.generate", instead=capability)

    assert "LB301" in findings_with("DocumentationBot", change)
    verdict = verdict_with("DocumentationBot", change)
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason) == ("LR105", reason)


CHANGE_THE_CODE = """
before = job["event"]["payload"]["before"]
attempt("append")(lambda: open(repository + "/HEAD", "a"))
attempt("create")(lambda: open(repository + "/refs/heads/new", "w"))
attempt("object")(lambda: git("hash-object", "-w", "--stdin"))
attempt("branch")(lambda: git("update-ref", "refs/heads/main", before))
attempt("note")(lambda: git("notes", "add", "-m", "words of my own", before))
attempt("program")(lambda: open(bot + "/__main__.py", "a"))
attempt("accepted")(lambda: open(bot + "/accepted.txt", "w"))
attempt("tool")(lambda: open(tools + "/markdown_it/main.py", "a"))
"""


@pytest.mark.boundary("DocumentationBot", "code.modify", "docs.author", plane="kernel")
def test_it_cannot_write_into_the_repository_or_into_itself(here: Desk):
    """Plane: kernel (repository, program and toolbox are mounted read-only)."""
    before = here.project.commit(FILES)
    commit = here.project.commit({"README.md": "# y\n"})
    ran = rogue(here, "generate-docs", CHANGE_THE_CODE, change={"id": commit}, before=before)
    assert ran.untouched
    assert len(ran.tried) == 8
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert {ran.tried[one] for one in ("append", "create", "program", "tool")} <= READ_ONLY
    assert here.project.head() == commit


DEPLOY = """
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
known = job["event"]["payload"]
attempt("host")(lambda: connect(socket.AF_INET, ("127.0.0.1", int(known["port"]))))
attempt("pages")(lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("runner")(lambda: connect(socket.AF_UNIX, known["runner"]))
attempt("site")(lambda: os.listdir(known["site"]))
tried["env"] = ",".join(sorted(os.environ))
"""


@pytest.mark.boundary("DocumentationBot", "deploy.documentation", plane="kernel")
def test_it_cannot_put_documentation_anywhere(here: Desk, tmp_path: Path):
    """Plane: kernel (no network, no runner, no folder of a site, no credentials)."""
    site = tmp_path / "site"
    site.mkdir()
    runner = tmp_path / "runner.sock"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(str(runner))
        unix.listen()
        ran = rogue(
            here,
            "generate-docs",
            DEPLOY,
            change={"id": here.project.commit(FILES)},
            port=listener.getsockname()[1],
            runner=str(runner),
            site=str(site),
        )
    environment = ran.tried.pop("env").split(",")
    assert len(ran.tried) == 4
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert ran.tried["site"] in NOT_THERE
    assert set(environment) <= {"HOME", "LC_ALL", "LC_CTYPE", "PATH", "PWD", "TMPDIR", "TZ"}


@pytest.mark.boundary(
    "DocumentationBot", "code.modify", "deploy.documentation", "docs.author", plane="contract"
)
def test_it_cannot_say_that_anything_was_changed_or_deployed(here: Desk):
    """Plane: contract of its output (LR402: it has no such event; `set:` names the change)."""
    events = ("change.pushed", "code.modified", "deploy.requested", "deploy.completed",
              "approval.granted", "build.completed")  # fmt: skip
    script = f"""
for event in {events}:
    emit(event, {{"repository": "p", "purpose": "release"}})
emit("docs.completed", {RESULT}, "text": "words of my own"}})
emit("docs.completed", {RESULT}, "repository": "q", "change": {{"id": "d" * 40}}}})
"""
    commit = here.project.commit(FILES)
    ran = rogue(here, "generate-docs", script, change={"id": commit})
    assert ran.outcome.codes == ["LR402"] * 6 + ["LR403"]
    payload = ran.outcome.payload("docs.completed")
    assert (payload["repository"], payload["change"]) == ("p", {"id": commit})


@pytest.mark.boundary("DocumentationBot", "code.modify", plane="contract")
def test_it_cannot_hand_over_code(here: Desk):
    """Plane: contract of its output (LR404: only what it `produces`)."""
    script = f"""
open(out + "/x", "w").close()
for kind in ("source", "wheel", "format-patch", "message-templates"):
    emit("docs.completed", {RESULT}}}, [{{"path": "x", "kind": kind}}])
"""
    ran = rogue(here, "generate-docs", script, change={"id": here.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 4, [])


def test_a_success_that_looked_at_nothing_is_refused(here: Desk):
    """Plane: contract of its output (LR403)."""
    script = f"emit('docs.completed', {{**{RESULT}}}, 'checked': 0}})"
    ran = rogue(here, "generate-docs", script, change={"id": here.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])
