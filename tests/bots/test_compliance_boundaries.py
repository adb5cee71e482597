"""Every boundary of ComplianceBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bots.checking import claiming, findings_with, policy_with, the_fleet
from bots.compliances import Office
from deciding import NOW, raw_event, stamp_of
from executor.workshop import ROOT
from lotabots.policy.contract import Emitted
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from executor.workshop import Outcome, Workshop
    from lotabots.policy.decision import Verdict

RULES = "rules/bots/compliancebot.yaml"

READ_ONLY = {"Read-only file system", "Permission denied"}
PRELUDE = """
import json, os, signal, socket, sqlite3, subprocess, sys
job = json.load(sys.stdin)
given = GIVEN
places = job["paths"]["places"]
bot = os.path.abspath(sys.argv[0])
tried = {}
def attempt(name, action):
    try:
        tried[name] = f"done: {action()}"
    except OSError as error:
        tried[name] = os.strerror(error.errno) if (error.errno or 0) > 0 else str(error)
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
def emit(event, payload, artifacts=()):
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    os.write(1, json.dumps(line).encode() + b"\\n")
"""
EPILOGUE = "\nprint(json.dumps(tried), file=sys.stderr)\n"


class Rogue(NamedTuple):
    """What became of a program in ComplianceBot's place, under its grants."""

    outcome: Outcome
    tried: dict[str, str]

    @property
    def emitted(self) -> list[str]:
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]

    @property
    def done(self) -> list[str]:
        return [name for name, said in self.tried.items() if said.startswith("done")]


@pytest.fixture
def office(workshop: Workshop) -> Office:
    return Office.of(workshop)


def rogue(office: Office, script: str, **given: object) -> Rogue:
    folder = office.workshop.folder / "rogue/compliance"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text((ROOT / "bots/compliance/manifest.yaml").read_text())
    prelude = PRELUDE.replace("GIVEN", repr(given))
    (folder / "__main__.py").write_text(prelude + script + EPILOGUE)
    office.workshop.bots = folder.parent
    ran = office.run(office.system.release())
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    assert lines, (ran.report, ran.log)
    return Rogue(ran, json.loads(lines[-1]))


def verdict(
    event: str,
    source: str,
    payload: dict[str, object],
    change: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """What the engine decides about an event for ComplianceBot, by rules changed so."""
    policy = policy_with(RULES, change)
    named = {"destination": "ComplianceBot"} if source == "schedule" else {}
    raw = raw_event(event, source, payload=payload, **named)
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"ComplianceBot", ""}]
    return found


@pytest.mark.parametrize(
    ("capability", "reason"),
    [
        ("code.modify", "does not modify code"),
        ("code.modify.logic", "does not modify code"),
        ("appdata.modify", "does not modify data"),
        ("change.verdict.approve", "does not approve or reject changes"),
        ("change.verdict.reject", "does not approve or reject changes"),
        ("remediate", "does not auto-remediate violations"),
    ],
)
@pytest.mark.boundary(
    "ComplianceBot", "code.modify", "appdata.modify", "change.verdict", "remediate", plane="proof"
)
@pytest.mark.boundary(
    "ComplianceBot",
    "code.modify",
    "appdata.modify",
    "change.verdict",
    "remediate",
    plane="decision",
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(capability: str, reason: str):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "compliance.verify", instead=capability)

    assert "LB301" in findings_with("ComplianceBot", change)
    payload: dict[str, object] = {"action": "check", "due": NOW.isoformat()}
    found = verdict("schedule.tick", "schedule", payload, change)
    assert isinstance(found, Reject)
    assert (found.code, found.reason) == ("LR105", reason)


@pytest.mark.boundary(
    "ComplianceBot",
    "code.modify",
    "appdata.modify",
    "change.verdict",
    "remediate",
    plane="contract",
)
def test_it_cannot_say_what_people_and_others_say(office: Office):
    """All four. Plane: contract of its output (LR402, it has no such event)."""
    events = (
        "approval.granted",
        "review.completed",
        "change.pushed",
        "deploy.requested",
        "scale.requested",
        "migration.approved",
        "recovery.approved",
        "incident.resolved",
    )
    ran = rogue(office, f"for event in {events}: emit(event, {{'purpose': 'release'}})")
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.boundary("ComplianceBot", "code.modify", "remediate", plane="contract")
def test_it_cannot_hand_over_a_patch_or_a_build(office: Office):
    """`code.modify`, `remediate`. Plane: contract (LR404, only reports)."""
    script = """
open("x", "w").close()
for kind in ("wheel", "source", "format-patch", "security-policy"):
    emit("compliance.report", {}, [{"path": "x", "kind": kind}])
"""
    ran = rogue(office, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 4, [])


@pytest.mark.parametrize(("event", "payload"), [
    ("approval.granted", {"purpose": "release", "approver": "ComplianceBot"}),
    ("deploy.requested", {"action": "rollback", "environment": "staging", "service": "shop"}),
    ("change.pushed", {"repository": "shop", "change": {"id": "c" * 40}}),
    ("recovery.requested", {"recovery": "r", "target": "t", "snapshot_id": "s"}),
])  # fmt: skip
@pytest.mark.boundary(
    "ComplianceBot",
    "code.modify",
    "appdata.modify",
    "change.verdict",
    "remediate",
    plane="decision",
)
def test_what_it_might_publish_all_the_same_is_rejected(event: str, payload: dict[str, object]):
    """All four. Plane: decision (LR005)."""
    found = verdict(event, "ComplianceBot", payload)
    assert isinstance(found, Reject)
    assert found.code == "LR005"


@pytest.mark.boundary("ComplianceBot", "appdata.modify", "change.verdict", plane="kernel")
def test_it_cannot_change_what_it_judges_by(office: Office):
    """`appdata.modify`. Plane: kernel (record, log and policy are read-only)."""
    script = """
for name, file in (("system-state", "head.json"), ("audit", "checkpoint"),
                   ("policies", "policy.toml")):
    path = f"{places[name]}/{file}"
    attempt(f"read {name}", lambda: open(path).close())
    attempt(f"change {name}", lambda: open(path, "a"))
    attempt(f"remove {name}", lambda: os.remove(path))
    attempt(f"add {name}", lambda: open(f"{places[name]}/x", "w"))
"""
    ran = rogue(office, script)
    assert ran.done == ["read system-state", "read audit", "read policies"]
    assert len(ran.tried) == 12
    assert {said for said in ran.tried.values() if not said.startswith("done")} <= READ_ONLY


@pytest.mark.boundary(
    "ComplianceBot", "code.modify", "appdata.modify", "change.verdict", "remediate", plane="kernel"
)
def test_it_reaches_no_host_no_database_and_no_repository(office: Office, short_path: str):
    """All four. Plane: kernel (a network of its own, with nobody in it)."""
    script = """
attempt("deploy", lambda: socket.getaddrinfo("deploy-production", 80))
attempt("git", lambda: socket.getaddrinfo("git", 9418))
attempt("relay", lambda: connect(socket.AF_INET, ("127.77.0.1", 80)))
attempt("database", lambda: connect(socket.AF_INET, ("127.0.0.1", given["port"])))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("door", lambda: connect(socket.AF_UNIX, given["door"]))
"""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as door,
    ):
        door.bind(short_path)
        door.listen()
        ran = rogue(office, script, door=short_path, port=server.getsockname()[1])
    assert len(ran.tried) == 6
    assert ran.done == []
    assert [one for one in ran.outcome.report.entries if one["kind"] == "connect"] == []


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("s") / "door.sock")


@pytest.mark.boundary("ComplianceBot", "code.modify", "remediate", plane="kernel")
def test_it_touches_no_code_no_program_and_no_process(office: Office):
    """`code.modify`, `remediate`. Plane: kernel (no other files, programs, processes)."""
    repository = office.workshop.folder / "shop.git"
    releases = office.workshop.folder / "hosting/production"
    others = office.workshop.folder / "state/DeployBot"
    for one in (repository, releases, others):
        one.mkdir(parents=True)
    script = """
attempt("notes", lambda: open(places["state"] + "/x", "w"))
attempt("repository", lambda: os.listdir(given["repository"]))
attempt("releases", lambda: os.listdir(given["releases"]))
attempt("others", lambda: os.listdir(given["others"]))
attempt("rules", lambda: os.listdir(given["rules"]))
attempt("shell", lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("signal", lambda: os.kill(given["process"], signal.SIGTERM))
attempt("root", lambda: open("/x", "w"))
attempt("program", lambda: open(bot + "/__main__.py", "a"))
attempt("controls", lambda: open(bot + "/controls.toml", "a"))
attempt("library", lambda: open(os.__file__, "a"))
"""
    given = {
        "repository": str(repository),
        "releases": str(releases),
        "others": str(others),
        "rules": str(ROOT / "rules"),
        "process": os.getpid(),
    }
    ran = rogue(office, script, **given)
    assert len(ran.tried) == 11
    assert ran.done == ["notes"]


def test_a_report_that_checked_nothing_is_refused(office: Office):
    """All is well only if somebody looked. Plane: contract (LR403)."""
    script = """
emit("compliance.report", {"framework": "x", "outcome": "success", "checked": 0, "suppressed": 0,
    "violations": 0, "duration_s": 1, "reports": []})
"""
    ran = rogue(office, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])


def test_the_rules_grant_three_places_and_its_notes():
    """What the sandbox is told is what is written there, and no more."""
    (bot,) = [one for one in the_fleet().bots if one.name == "ComplianceBot"]
    (action,) = bot.actions
    grants = action.grants
    assert grants.read == ("{policies}", "{system-state}", "{audit}")
    assert (grants.write, grants.exec) == (("{out}", "{state}"), ("{python}",))
    assert (grants.network, grants.secrets) == ((), ())
