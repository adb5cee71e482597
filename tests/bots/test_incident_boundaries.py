"""Every boundary of IncidentBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bots.checking import claiming, findings_with, policy_with, the_fleet
from bots.incidents import ALERT, Event, Room, resolved
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

RULES = "rules/bots/incidentbot.yaml"
READ_ONLY = {"Read-only file system", "Permission denied"}
EVENTS = {
    "open": Event("alert.triggered", ALERT),
    "track": Event("alert.acknowledged", {"alert_id": "a1", "acknowledged_by": "ann"}),
    "coordinate": Event("alert.escalated", {"alert_id": "a1", "severity": "critical"}),
    "report": resolved("INC-1"),
}
PRELUDE = """
import json, os, signal, socket, subprocess, sys
job = json.load(sys.stdin)
given = job["event"]["payload"].get("given", {})
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
    """What became of a program in IncidentBot's place, under its grants."""

    outcome: Outcome
    tried: dict[str, str]

    @property
    def emitted(self) -> list[str]:
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]

    @property
    def done(self) -> list[str]:
        return [name for name, said in self.tried.items() if said.startswith("done")]


@pytest.fixture
def room(workshop: Workshop) -> Room:
    return Room.of(workshop)


def rogue(room: Room, script: str, *, action: str = "open", **given: object) -> Rogue:
    folder = room.workshop.folder / "rogue/incident"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text((ROOT / "bots/incident/manifest.yaml").read_text())
    (folder / "__main__.py").write_text(PRELUDE + script + EPILOGUE)
    room.workshop.bots = folder.parent
    event = EVENTS[action]
    ran = room.run(event._replace(payload={**event.payload, "given": given}))
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    assert lines, (ran.report, ran.log)
    return Rogue(ran, json.loads(lines[-1]))


def verdict(
    event: str,
    source: str,
    payload: dict[str, object],
    change: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """What the engine decides about an event for IncidentBot, by rules changed so."""
    policy = policy_with(RULES, change)
    raw = raw_event(event, source, payload=payload)
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"IncidentBot", ""}]
    return found


@pytest.mark.parametrize(
    ("capability", "reason", "delegate"),
    [
        ("incident.resolve", "does not auto-resolve incidents", ""),
        ("deploy.application", "does not deploy fixes", "DeployBot"),
        ("deploy.rollback", "does not deploy fixes", "DeployBot"),
        ("system.modify", "does not modify systems", ""),
        ("system.modify.capacity", "does not modify systems", ""),
    ],
)
@pytest.mark.boundary("IncidentBot", "incident.resolve", "deploy", "system.modify", plane="proof")
@pytest.mark.boundary(
    "IncidentBot", "incident.resolve", "deploy", "system.modify", plane="decision"
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(
    capability: str, reason: str, delegate: str
):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        if delegate:  # a deployment changes a system, too, and that line would come first
            lines = text.splitlines(keepends=True)
            text = "".join(one for one in lines if "deny: system" not in one)
        return claiming(text, "incident.track", instead=capability)

    assert "LB301" in findings_with("IncidentBot", change)
    payload = {"alert_id": "a", "acknowledged_by": "ann"}
    found = verdict("alert.acknowledged", "cli.ann", payload, change)
    assert isinstance(found, Reject)
    assert found.code == "LR105"
    assert (found.reason, found.delegate) == (reason, delegate)


def test_writing_tickets_is_the_one_change_that_it_may_make():
    """The exception of `system.modify` is as wide as that, and no wider."""
    (bot,) = [one for one in the_fleet().bots if one.name == "IncidentBot"]
    (line,) = [one for one in bot.boundaries if one.deny == "system.modify"]
    assert line.except_ == ("system.modify.tickets",)


@pytest.mark.parametrize("action", EVENTS)
@pytest.mark.boundary(
    "IncidentBot", "incident.resolve", "deploy", "system.modify", plane="contract"
)
def test_it_cannot_say_what_people_and_others_say(room: Room, action: str):
    """All three. Plane: contract of its output (LR402, it has no such event)."""
    events = (
        "incident.resolved",
        "alert.acknowledged",
        "deploy.requested",
        "deploy.completed",
        "approval.granted",
        "scale.requested",
        "migration.approved",
    )
    script = f"for event in {events}: emit(event, {{'incident_id': 'i', 'resolved_by': 'ann'}})"
    ran = rogue(room, script, action=action)
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.boundary("IncidentBot", "incident.resolve", plane="contract")
def test_it_cannot_call_an_incident_resolved(room: Room):
    """`incident.resolve`. Plane: contract (LR403, its status has no such value)."""
    script = """
emit("incident.updated", {"incident_id": "i", "fingerprint": "f", "status": "resolved",
    "timeline_entries": 1})
"""
    ran = rogue(room, script, action="track")
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])


@pytest.mark.boundary("IncidentBot", "incident.resolve", plane="contract")
def test_a_report_is_about_the_incident_that_a_person_resolved(room: Room):
    """`incident.resolve`: not about another one. Plane: contract (`set:`)."""
    script = """
open("x.md", "w").write("x")
import hashlib
digest = "sha256:" + hashlib.sha256(b"x").hexdigest()
emit("incident.postmortem", {"incident_id": "INC-2", "post_mortem": digest, "timeline_entries": 1},
    [{"path": "x.md", "kind": "post-mortem"}])
"""
    ran = rogue(room, script, action="report")
    assert ran.outcome.payload("incident.postmortem")["incident_id"] == "INC-1"


@pytest.mark.parametrize(("event", "payload"), [
    ("incident.resolved", {"incident_id": "i", "resolved_by": "IncidentBot"}),
    ("alert.acknowledged", {"alert_id": "a", "acknowledged_by": "IncidentBot"}),
    ("deploy.requested", {"action": "rollback", "environment": "staging", "service": "shop"}),
    ("scale.requested", {"service": "shop", "environment": "staging", "direction": "up"}),
])  # fmt: skip
@pytest.mark.boundary(
    "IncidentBot", "incident.resolve", "deploy", "system.modify", plane="decision"
)
def test_what_it_might_publish_all_the_same_is_rejected(event: str, payload: dict[str, object]):
    """All three. Plane: decision (LR005)."""
    found = verdict(event, "IncidentBot", payload)
    assert isinstance(found, Reject)
    assert found.code == "LR005"


@pytest.mark.boundary("IncidentBot", "deploy", plane="contract")
def test_it_cannot_hand_over_what_could_be_deployed(room: Room):
    """`deploy`. Plane: contract (LR404, only tickets and reports)."""
    script = """
open("x", "w").close()
for kind in ("wheel", "source", "format-patch"):
    emit("incident.created", {}, [{"path": "x", "kind": kind}])
"""
    ran = rogue(room, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 3, [])


@pytest.mark.boundary("IncidentBot", "deploy", "system.modify", plane="kernel")
def test_it_reaches_no_host_and_no_door(room: Room, short_path: str):
    """`deploy`, `system.modify`. Plane: kernel (a network of its own, with nobody in it)."""
    script = """
attempt("deploy", lambda: socket.getaddrinfo("deploy-production", 80))
attempt("rollback", lambda: socket.getaddrinfo("rollback", 80))
attempt("scale", lambda: connect(socket.AF_INET, ("127.77.0.1", 80)))
attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", given["port"])))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("door", lambda: connect(socket.AF_UNIX, given["door"]))
"""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as door,
    ):
        door.bind(short_path)
        door.listen()
        ran = rogue(room, script, door=short_path, port=server.getsockname()[1])
    assert len(ran.tried) == 6
    assert ran.done == []
    assert [one for one in ran.outcome.report.entries if one["kind"] == "connect"] == []


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("s") / "door.sock")


@pytest.mark.boundary("IncidentBot", "system.modify", "deploy", plane="kernel")
def test_it_touches_nothing_but_its_own_store(room: Room):
    """`system.modify`. Plane: kernel (no other files, programs, processes)."""
    releases = room.workshop.folder / "hosting/production"
    others = room.workshop.folder / "state/DeployBot"
    for one in (releases, others):
        one.mkdir(parents=True)
    script = """
attempt("store", lambda: open(places["state"] + "/x", "w"))
attempt("releases", lambda: os.listdir(given["releases"]))
attempt("others", lambda: os.listdir(given["others"]))
attempt("policy", lambda: os.listdir(given["policy"]))
attempt("rules", lambda: os.listdir(given["rules"]))
attempt("shell", lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("signal", lambda: os.kill(given["process"], signal.SIGTERM))
attempt("root", lambda: open("/x", "w"))
attempt("hosts", lambda: open("/etc/hosts", "a"))
attempt("program", lambda: open(bot + "/__main__.py", "a"))
attempt("library", lambda: open(os.__file__, "a"))
"""
    given = {
        "releases": str(releases),
        "others": str(others),
        "policy": str(room.workshop.places["responders"]),
        "rules": str(ROOT / "rules"),
        "process": os.getpid(),
    }
    ran = rogue(room, script, **given)
    assert len(ran.tried) == 11
    assert ran.done == ["store"]


@pytest.mark.boundary("IncidentBot", "system.modify", plane="kernel")
def test_it_cannot_change_who_is_asked(room: Room):
    """`system.modify`. Plane: kernel (the policy is read-only)."""
    script = """
folder = places["responders"]
attempt("read", lambda: open(folder + "/responders.toml").close())
attempt("change", lambda: open(folder + "/responders.toml", "a"))
attempt("remove", lambda: os.remove(folder + "/responders.toml"))
attempt("add", lambda: open(folder + "/x", "w"))
"""
    ran = rogue(room, script, action="coordinate")
    assert ran.done == ["read"]
    assert {said for name, said in ran.tried.items() if name != "read"} <= READ_ONLY


def test_the_rules_grant_its_store_and_no_more():
    """What the sandbox is told is what is written there, and no more."""
    (bot,) = [one for one in the_fleet().bots if one.name == "IncidentBot"]
    for action in bot.actions:
        grants = action.grants
        reads = ("{responders}",) if action.name == "coordinate" else ()
        assert (grants.read, grants.exec, grants.secrets) == (reads, ("{python}",), ())
        assert set(grants.write) <= {"{out}", "{state}"}
        assert grants.network == ()
