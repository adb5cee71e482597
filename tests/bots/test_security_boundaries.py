"""Every boundary of SecurityBot, with one that tries to break it and the plane that stops it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from bots.checking import Desk, claiming, desk, findings_with, rogue, toolbox, verdict_with
from lotabots.policy.decision import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

FILES = {"app/__init__.py": "", "app/code.py": "eval(x)\n"}
RESULT = (
    "{'outcome': 'success', 'checked': 1, 'suppressed': 0, 'tool': {'name': 'ruff',"
    " 'version': '1', 'digest': 'sha256:' + '0' * 64}, 'duration_s': 0, 'reports': [],"
    " 'new': 0, 'total': 0, 'findings': [],"
    " 'by_severity': {'low': 0, 'medium': 0, 'high': 0, 'critical': 0}"
)


READ_ONLY = {"Read-only file system", "Permission denied"}
NOT_THERE = {"No such file or directory", "Permission denied"}


@pytest.fixture
def security(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("security")
    (tmp_path / "advisories").mkdir()
    (tmp_path / "advisories/advisories.sqlite").write_bytes(b"data")
    workshop.places = {"advisories": tmp_path / "advisories"}
    return desk(workshop, tmp_path, "SecurityBot")


@pytest.mark.parametrize(
    ("capability", "reason", "delegate"),
    [
        ("security.fix", "does not auto-fix vulnerabilities", ""),
        ("code.modify", "does not modify code", ""),
        ("code.modify.logic", "does not modify code", ""),
        ("deploy", "does not deploy patches", "DeployBot"),
        ("deploy.application", "does not deploy patches", "DeployBot"),
    ],
)
@pytest.mark.boundary("SecurityBot", "security.fix", "code.modify", "deploy", plane="proof")
@pytest.mark.boundary("SecurityBot", "security.fix", "code.modify", "deploy", plane="decision")
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(
    capability: str, reason: str, delegate: str
):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "security.scan.code", instead=capability)

    assert "LB301" in findings_with("SecurityBot", change)
    verdict = verdict_with("SecurityBot", change)
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason, verdict.delegate) == ("LR105", reason, delegate)


MEND = """
attempt("append")(lambda: open(repository + "/HEAD", "a"))
attempt("object")(lambda: git("hash-object", "-w", "--stdin"))
attempt("branch")(lambda: git("update-ref", "refs/heads/main", job["event"]["payload"]["before"]))
attempt("prune")(lambda: git("update-ref", "-d", "refs/heads/main"))
attempt("pack")(lambda: git("gc", "--prune=now"))
attempt("program")(lambda: open(bot + "/rules.toml", "w"))
attempt("tool")(lambda: open(tools + "/bin/ruff", "r+b"))
"""


@pytest.mark.boundary("SecurityBot", "security.fix", "code.modify", plane="kernel")
def test_it_cannot_mend_what_it_finds(security: Desk):
    """`security.fix`, `code.modify`. Plane: kernel (repository, program, tools are read-only)."""
    before = security.project.commit(FILES)
    commit = security.project.commit({"README.md": "x\n"})
    ran = rogue(security, "scan-code", MEND, change={"id": commit}, before=before)
    assert ran.untouched
    assert len(ran.tried) == 7
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert ran.tried["append"] in READ_ONLY
    assert security.project.head() == commit


BUILT = {"name": "x.whl", "kind": "wheel", "media_type": "application/zip"}


@pytest.mark.boundary("SecurityBot", "security.fix", plane="kernel")
def test_it_cannot_change_what_was_built_or_what_is_known(security: Desk):
    """`security.fix`: no other pins, no shorter list of advisories. Plane: kernel."""
    wheel = security.workshop.blobs.put_bytes(b"a wheel")
    artifact = {**BUILT, "digest": wheel.digest, "size": wheel.size}
    script = """
(blob,) = paths["artifacts"].values()
place = paths["places"]["advisories"]
attempt("blob")(lambda: open(blob, "r+b"))
attempt("data")(lambda: open(place + "/advisories.sqlite", "r+b"))
attempt("remove")(lambda: os.remove(place + "/advisories.sqlite"))
tried["repository"] = str("repository" in paths)
"""
    ran = rogue(
        security,
        "check-dependencies",
        script,
        event="build.completed",
        change={"id": "c" * 40},
        artifact=artifact,
        artifacts=[artifact],
    )
    assert ran.tried.pop("repository") == "False"
    assert len(ran.tried) == 3
    assert set(ran.tried.values()) <= READ_ONLY
    assert security.workshop.blobs.path(wheel.digest).read_bytes() == b"a wheel"


DEPLOY = """
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
known = job["event"]["payload"]
attempt("host")(lambda: connect(socket.AF_INET, ("127.0.0.1", int(known["port"]))))
attempt("outside")(lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("runner")(lambda: connect(socket.AF_UNIX, known["runner"]))
attempt("releases")(lambda: os.listdir(known["releases"]))
attempt("install")(lambda: subprocess.run(["pip", "install", "x"], check=True))
"""


@pytest.mark.boundary("SecurityBot", "deploy", plane="kernel")
def test_it_cannot_deploy(security: Desk, tmp_path: Path):
    """`deploy`. Plane: kernel (no network, no runner, no releases, no installer)."""
    releases = tmp_path / "releases"
    releases.mkdir()
    runner = tmp_path / "runner.sock"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(str(runner))
        unix.listen()
        ran = rogue(
            security,
            "scan-code",
            DEPLOY,
            change={"id": security.project.commit(FILES)},
            port=listener.getsockname()[1],
            runner=str(runner),
            releases=str(releases),
        )
    assert len(ran.tried) == 5
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert ran.tried["releases"] in NOT_THERE


@pytest.mark.parametrize(
    ("action", "event"), [("scan-code", "change.pushed"), ("recheck", "advisories.updated")]
)
@pytest.mark.boundary("SecurityBot", "security.fix", "code.modify", "deploy", plane="contract")
def test_it_cannot_ask_for_what_it_must_not_do(security: Desk, action: str, event: str):
    """All three. Plane: contract of its output (LR402, nothing else is declared)."""
    events = ("deploy.requested", "deploy.completed", "change.pushed", "approval.granted")
    script = f"for event in {events}: emit(event, {{'action': 'deploy'}})"
    commit = security.project.commit(FILES)
    ran = rogue(security, action, script, event=event, change={"id": commit})
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * 4, [])


@pytest.mark.boundary("SecurityBot", "security.fix", "code.modify", plane="contract")
def test_it_cannot_hand_over_a_fix(security: Desk):
    """`security.fix`. Plane: contract of its output (LR404, only what it `produces`)."""
    script = f"""
open(out + "/x", "w").close()
for kind in ("wheel", "format-patch", "source"):
    emit("security.completed", {RESULT}}}, [{{"path": "x", "kind": kind}}])
"""
    ran = rogue(security, "scan-code", script, change={"id": security.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 3, [])


def test_one_scan_cannot_pass_for_the_other(security: Desk):
    """A gate needs both. Plane: contract (`set:` says which scan it was, whatever it says)."""
    script = f"emit('security.completed', {RESULT}, 'scan': 'dependencies'}})"
    ran = rogue(security, "scan-code", script, change={"id": security.project.commit(FILES)})
    assert ran.outcome.payload("security.completed")["scan"] == "code"


def test_a_success_that_looked_at_nothing_is_refused(security: Desk):
    """Its green result opens a gate. Plane: contract of its output (LR403)."""
    script = f"emit('security.completed', {{**{RESULT}}}, 'checked': 0}})"
    ran = rogue(security, "scan-code", script, change={"id": security.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])
