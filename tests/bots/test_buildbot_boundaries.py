"""Every boundary of BuildBot, with a BuildBot that tries to break it and the plane that stops it.

What a project's own code tries while it is built stands in test_buildbot.py.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from bots.checking import Desk, claiming, desk, findings_with, rogue, toolbox, verdict_with
from executor.workshop import TOOLS
from lotabots.policy.decision import Dispatch, Reject

if TYPE_CHECKING:
    from pathlib import Path

    from executor.workshop import Workshop

FILES = {"app/__init__.py": "", "tests/test_app.py": "def test_app(): pass\n"}
READ_ONLY = {"Read-only file system", "Permission denied"}
NOT_THERE = {"No such file or directory", "Permission denied"}


@pytest.fixture
def build(workshop: Workshop, tmp_path: Path) -> Desk:
    toolbox("build")
    return desk(workshop, tmp_path, "BuildBot")


@pytest.mark.parametrize(
    ("capability", "reason", "delegate"),
    [
        ("deploy", "does not deploy code", "DeployBot"),
        ("deploy.application", "does not deploy code", "DeployBot"),
        ("deploy.rollback", "does not deploy code", "DeployBot"),
        ("test.run", "does not run tests (delegated to TestBot)", "TestBot"),
        ("test.run.unit", "does not run tests (delegated to TestBot)", "TestBot"),
        ("code.modify", "does not modify source code", ""),
        ("code.modify.formatting", "does not modify source code", ""),
    ],
)
@pytest.mark.boundary("BuildBot", "deploy", "test.run", "code.modify", plane="proof")
@pytest.mark.boundary("BuildBot", "deploy", "test.run", "code.modify", plane="decision")
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(
    capability: str, reason: str, delegate: str
):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "build.execute", instead=capability)

    assert "LB301" in findings_with("BuildBot", change)
    verdict = verdict_with("BuildBot", change)
    assert isinstance(verdict, Reject)
    assert (verdict.code, verdict.reason, verdict.delegate) == ("LR105", reason, delegate)


def test_the_action_as_it_is_is_started():
    """What is refused above is refused for its capability, not for something else."""
    verdict = verdict_with("BuildBot", lambda text: text + "\n")
    assert isinstance(verdict, Dispatch)


CHANGE_THE_CODE = """
attempt("append")(lambda: open(repository + "/HEAD", "a"))
attempt("create")(lambda: open(repository + "/refs/heads/new", "w"))
attempt("remove")(lambda: os.remove(repository + "/HEAD"))
attempt("allow")(lambda: os.chmod(repository, 0o777))
attempt("object")(lambda: git("hash-object", "-w", "--stdin"))
attempt("branch")(lambda: git("update-ref", "refs/heads/main", job["event"]["payload"]["before"]))
attempt("tag")(lambda: git("tag", "v9"))
attempt("setting")(lambda: git("config", "core.hooksPath", out))
attempt("program")(lambda: open(bot + "/__main__.py", "a"))
attempt("tool")(lambda: open(tools + "/build/__init__.py", "a"))
"""


@pytest.mark.boundary("BuildBot", "code.modify", plane="kernel")
def test_it_cannot_change_the_source_or_what_builds_it(build: Desk):
    """Plane: kernel (repository, program and tools are mounted read-only)."""
    before = build.project.commit(FILES)
    commit = build.project.commit({"README.md": "x\n"})
    ran = rogue(build, "build", CHANGE_THE_CODE, change={"id": commit}, before=before)
    assert ran.untouched
    assert len(ran.tried) == 10
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert {ran.tried[name] for name in ("append", "create", "program", "tool")} <= READ_ONLY
    assert build.project.head() == commit


DEPLOY = """
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
known = job["event"]["payload"]
attempt("host")(lambda: connect(socket.AF_INET, ("127.0.0.1", int(known["port"]))))
attempt("outside")(lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("relay")(lambda: socket.getaddrinfo("deploy-production", 80))
attempt("door")(lambda: connect(socket.AF_UNIX, known["door"]))
attempt("agent")(lambda: connect(socket.AF_UNIX, "\\0lotabots-deployed"))
attempt("releases")(lambda: os.listdir(known["releases"]))
attempt("release")(lambda: os.mkdir(known["releases"] + "/own"))
attempt("install")(lambda: subprocess.run(["pip", "install", "x"], check=True))
tried["relays"] = str(paths["relays"])
tried["places"] = ",".join(paths["places"])
"""


@pytest.mark.boundary("BuildBot", "deploy", plane="kernel")
def test_it_has_no_way_to_where_releases_are(build: Desk, short_path: str, tmp_path: Path):
    """Plane: kernel (no network, no door of the host, no place of releases)."""
    releases = tmp_path / "releases"
    releases.mkdir()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as door,
        socket.socket(socket.AF_UNIX) as agent,
    ):
        door.bind(short_path)
        agent.bind("\0lotabots-deployed")
        for one in (door, agent):
            one.listen()
        ran = rogue(
            build,
            "build",
            DEPLOY,
            change={"id": build.project.commit(FILES)},
            port=listener.getsockname()[1],
            door=short_path,
            releases=str(releases),
        )
    assert (ran.tried.pop("relays"), ran.tried.pop("places")) == ("{}", "")
    assert len(ran.tried) == 8
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert ran.tried["releases"] in NOT_THERE
    assert list(releases.iterdir()) == []


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("s") / "door.sock")


@pytest.mark.boundary("BuildBot", "test.run", plane="kernel")
def test_it_has_nothing_to_run_tests_with(build: Desk):
    """Plane: kernel (the tools of tests are not among what it sees, and cannot be brought)."""
    packages = toolbox("test").packages
    assert packages.is_relative_to(TOOLS)
    script = """
import shutil
known = job["event"]["payload"]
def load(name): __import__(name)
sys.path += [tools, known["packages"]]
for name in ("pytest", "coverage", "_pytest"):
    attempt(name)(lambda: load(name))
attempt("tools")(lambda: os.listdir(known["packages"]))
attempt("program")(lambda: subprocess.run([known["packages"] + "/bin/pytest"]))
own = out + "/pytest"
shutil.copy(sys.executable, own)
os.chmod(own, 0o755)
attempt("own")(lambda: subprocess.run([own, "-c", "pass"]))
attempt("shell")(lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("build")(lambda: load("build"))
"""
    commit = build.project.commit(FILES)
    ran = rogue(build, "build", script, change={"id": commit}, packages=str(packages))
    assert ran.tried.pop("build") == "done: None"
    assert len(ran.tried) == 7
    assert [name for name, said in ran.tried.items() if said.startswith("done")] == []
    assert {ran.tried[name] for name in ("tools", "program", "own", "shell")} <= NOT_THERE


@pytest.mark.boundary("BuildBot", "deploy", "test.run", "code.modify", plane="contract")
def test_it_cannot_speak_for_those_who_may(build: Desk):
    """Plane: contract of its output (LR402, nothing else is declared)."""
    events = (
        "deploy.requested",
        "deploy.completed",
        "approval.granted",
        "test.started",
        "test.completed",
        "test.failed",
        "change.pushed",
        "code.modified",
    )
    script = f"for event in {events}: emit(event, {{'outcome': 'success', 'checked': 1}})"
    ran = rogue(build, "build", script, change={"id": build.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.boundary("BuildBot", "test.run", "code.modify", plane="contract")
def test_it_cannot_hand_over_test_results_or_code(build: Desk):
    """Plane: contract of its output (LR404, only what it `produces`)."""
    script = """
open(out + "/x", "w").close()
for kind in ("test-report", "coverage-report", "source", "format-patch"):
    emit("build.started", {"build_id": "b"}, [{"path": "x", "kind": kind}])
"""
    ran = rogue(build, "build", script, change={"id": build.project.commit(FILES)})
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 4, [])


@pytest.mark.boundary("BuildBot", "code.modify", plane="contract")
def test_it_cannot_say_that_it_built_another_commit(build: Desk):
    """Other source than was asked for, by its word alone. Plane: contract (`set:`)."""
    script = """
emit("build.started", {"build_id": "b", "repository": "q", "change": {"id": "d" * 40}})
"""
    commit = build.project.commit(FILES)
    ran = rogue(build, "build", script, change={"id": commit})
    payload = ran.outcome.payload("build.started")
    assert (payload["repository"], payload["change"]) == ("p", {"id": commit})
