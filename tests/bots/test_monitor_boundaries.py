"""Every boundary of MonitorBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bots.checking import claiming, findings_with, policy_with, the_fleet
from bots.monitoring import DEPLOYED, Post
from deciding import NOW, raw_event, stamp_of
from executor.workshop import ROOT
from hosting_shop import hosting, shop
from lotabots.adapters.executor.executor import Sandbox
from lotabots.policy.contract import Emitted
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.sandbox.launch import Launcher
    from lotabots.policy.decision import Verdict

RULES = "rules/bots/monitorbot.yaml"
ACTIONS = ("probe", "sample", "watch", "assess")
READ_ONLY = {"Read-only file system", "Permission denied"}
PRELUDE = """
import http.client, json, os, signal, socket, subprocess, sys
job = json.load(sys.stdin)
given = job["event"]["payload"].get("given", {})
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
def ask(verb, path, body=None, **headers):
    connection = http.client.HTTPConnection("monitor", 80, timeout=20)
    connection.request(verb, path, body=body and json.dumps(body), headers=headers)
    tried[f"{verb} {path}"] = connection.getresponse().status
    connection.close()
def emit(event, payload, artifacts=()):
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    os.write(1, json.dumps(line).encode() + b"\\n")
"""
EPILOGUE = "\nprint(json.dumps(tried), file=sys.stderr)\n"


class Rogue(NamedTuple):
    """What became of a program in MonitorBot's place, under its grants."""

    outcome: Outcome
    tried: dict[str, Any]

    @property
    def emitted(self) -> list[str]:
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]


@pytest.fixture
def post(workshop: Workshop) -> Post:
    return Post.at(workshop, "localhost:1")


async def rogue_async(post: Post, script: str, *, action: str = "probe", **given: object) -> Rogue:
    folder = post.workshop.folder / "rogue/monitor"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text((ROOT / "bots/monitor/manifest.yaml").read_text())
    (folder / "__main__.py").write_text(PRELUDE + script + EPILOGUE)
    post.workshop.bots = folder.parent
    prepared = post.prepared(action, {**DEPLOYED, "given": given}, event="deploy.completed")
    ran = await post.workshop.run_async(*prepared)
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    assert lines, (ran.report, ran.log)
    return Rogue(ran, json.loads(lines[-1]))


def rogue(post: Post, script: str, *, action: str = "probe", **given: object) -> Rogue:
    return asyncio.run(rogue_async(post, script, action=action, **given))


def verdict(
    event: str,
    source: str,
    payload: dict[str, object],
    change: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """What the engine decides about an event for MonitorBot, by rules changed so."""
    policy = policy_with(RULES, change)
    raw = raw_event(event, source, payload=payload)
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"MonitorBot", ""}]
    return found


INSIGHT: dict[str, object] = {
    "service": "shop",
    "environment": "staging",
    "template": "x",
    "occurrences": 5,
    "baseline": 1,
    "severity": "high",
    "fingerprint": "f",
}


@pytest.mark.parametrize(
    ("capability", "reason", "delegate"),
    [
        ("remediate", "does not auto-remediate issues", ""),
        ("system.modify.configuration", "does not modify system configuration", ""),
        ("deploy.application", "does not deploy changes", "DeployBot"),
        ("deploy.rollback", "does not deploy changes", "DeployBot"),
    ],
)
@pytest.mark.boundary(
    "MonitorBot", "remediate", "system.modify.configuration", "deploy", plane="proof"
)
@pytest.mark.boundary(
    "MonitorBot", "remediate", "system.modify.configuration", "deploy", plane="decision"
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(
    capability: str, reason: str, delegate: str
):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        if delegate:  # what implies a change of a system would come first
            text = "".join(
                one
                for one in text.splitlines(keepends=True)
                if "deny: system" not in one and "deny: remediate" not in one
            )
        return claiming(text, "monitor.anomalies", instead=capability)

    assert "LB301" in findings_with("MonitorBot", change)
    found = verdict("log.insight", "LogBot", INSIGHT, change)
    assert isinstance(found, Reject)
    assert found.code == "LR105"
    assert (found.reason, found.delegate) == (reason, delegate)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.boundary(
    "MonitorBot", "remediate", "system.modify.configuration", "deploy", plane="contract"
)
def test_it_cannot_cause_what_others_decide(post: Post, action: str):
    """All three. Plane: contract of its output (LR402, it has no such event)."""
    events = (
        "deploy.requested",
        "deploy.completed",
        "scale.requested",
        "approval.granted",
        "alert.acknowledged",
        "alert.escalated",
        "incident.resolved",
    )
    ran = rogue(post, f"for event in {events}: emit(event, {{'alert_id': 'a'}})", action=action)
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("deploy.requested", {"action": "rollback", "environment": "staging", "service": "shop"}),
        ("scale.requested", {"service": "shop", "environment": "staging", "direction": "up"}),
        ("approval.granted", {"purpose": "release", "approver": "MonitorBot"}),
        ("alert.acknowledged", {"alert_id": "a", "acknowledged_by": "MonitorBot"}),
    ],
)
@pytest.mark.boundary("MonitorBot", "remediate", "deploy", plane="decision")
def test_what_it_might_publish_all_the_same_is_rejected(event: str, payload: dict[str, object]):
    """`remediate`, `deploy`. Plane: decision (LR005)."""
    found = verdict(event, "MonitorBot", payload)
    assert isinstance(found, Reject)
    assert found.code == "LR005"


@pytest.mark.boundary("MonitorBot", "remediate", plane="contract")
def test_an_alert_of_a_watch_is_about_the_release_that_was_deployed(post: Post):
    """`remediate`: it cannot have another release withdrawn. Plane: contract (`set:`)."""
    script = """
emit("alert.triggered", {"alert_id": "a", "rule": "r", "metric": "m", "value": 1, "severity":
    "critical", "fingerprint": "f", "service": "other", "environment": "staging",
    "release": "9-other", "state": "resolved"})
"""
    ran = rogue(post, script, action="watch")
    said = ran.outcome.payload("alert.triggered")
    seen = {name: said[name] for name in ("service", "environment", "release")}
    assert seen == {name: DEPLOYED[name] for name in seen}
    assert said["state"] == "firing"


@pytest.mark.boundary(
    "MonitorBot", "remediate", "system.modify.configuration", "deploy", plane="host"
)
def test_the_door_answers_and_does_nothing_else(
    workshop: Workshop, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
):
    """All three. Plane: host (the door for monitoring has only verbs that look)."""
    folder = tmp_path_factory.mktemp("h")
    script = """
service, release = "/services/shop/production", given["release"]
ask("GET", "/targets")
ask("GET", service)
body = {"job": "j", "reason": "r", "instances": 1, "incoming": "x"}
for verb in ("POST", "PUT", "PATCH", "DELETE"):
    for path in ("", "/scale", "/releases", *(f"/releases/{release}/{what}" for what in
                 ("start", "check", "promote", "discard"))):
        ask(verb, service + path, body)
ask("POST", "/targets", body)
ask("POST", "/probe/shop.production", body)
ask("POST", "/metrics", body, **{"X-HTTP-Method-Override": "GET"})
ask("GET", f"{service}/releases/{release}/promote", body, **{"X-HTTP-Method-Override": "POST"})
ask("GET", "/../deploy-production/services/shop/production/scale")
"""

    async def scene() -> None:
        async with hosting(folder, Sandbox(launcher), (shop("production"),)) as hosted:
            await hosted.deploy("production", version="1")
            release = await hosted.deploy("production", version="2")
            post = Post.at(workshop, f"unix:{hosted.door('monitor')}")
            before, known = await hosted.status("production"), len(hosted.records)
            ran = await rogue_async(post, script, release=release)
            assert await hosted.status("production") == before
            looks = {ran.tried.pop("GET /targets"), ran.tried.pop("GET /services/shop/production")}
            assert looks == {200}
            assert len(ran.tried) == 33
            assert set(ran.tried.values()) <= {403, 404, 405}
            assert {verb for verb, _ in hosted.records[known:]} <= {"refused"}

    asyncio.run(scene())


@pytest.mark.boundary("MonitorBot", "remediate", "deploy", plane="kernel")
def test_other_doors_and_networks_are_not_there(post: Post, short_path: str):
    """`deploy`, `remediate`. Plane: kernel (a private network with one relay)."""
    script = """
attempt("deploy", lambda: connect(socket.AF_INET, ("deploy-production", 80)))
attempt("rollback", lambda: socket.getaddrinfo("rollback", 80))
attempt("scale", lambda: connect(socket.AF_INET, ("127.77.0.2", 80)))
attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", given["port"])))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("door", lambda: connect(socket.AF_UNIX, given["door"]))
attempt("agent", lambda: connect(socket.AF_UNIX, "\\0lotabots-monitored"))
attempt("packet", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
"""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as door,
        socket.socket(socket.AF_UNIX) as agent,
    ):
        door.bind(short_path)
        agent.bind("\0lotabots-monitored")
        for one in (door, agent):
            one.listen()
        ran = rogue(post, script, door=short_path, port=server.getsockname()[1])
    assert len(ran.tried) == 8
    assert not [name for name, said in ran.tried.items() if said.startswith("done")]
    assert [one for one in ran.outcome.report.entries if one["kind"] == "connect"] == []


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("s") / "door.sock")


def test_assessing_needs_no_network_and_has_none(post: Post):
    """Plane: kernel (not even the relay of the other actions)."""
    script = """
attempt("monitor", lambda: socket.getaddrinfo("monitor", 80))
attempt("relay", lambda: connect(socket.AF_INET, ("127.77.0.1", 80)))
tried["relays"] = str(job["paths"]["relays"])
"""
    ran = rogue(post, script, action="assess")
    assert ran.tried.pop("relays") == "{}"
    assert len(ran.tried) == 2
    assert not [name for name, said in ran.tried.items() if said.startswith("done")]


@pytest.mark.boundary("MonitorBot", "remediate", "system.modify.configuration", plane="kernel")
def test_it_cannot_touch_systems(post: Post):
    """`system.modify.configuration`. Plane: kernel (no other files, programs, processes)."""
    others = post.workshop.folder / "state/DeployBot"
    releases = post.workshop.folder / "hosting/production"
    for one in (others, releases):
        one.mkdir(parents=True)
    script = """
attempt("state", lambda: os.listdir(given["state"]))
attempt("rules", lambda: os.listdir(given["rules"]))
attempt("releases", lambda: os.listdir(given["releases"]))
attempt("password", lambda: open("/etc/passwd"))
attempt("shell", lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("signal", lambda: os.kill(given["process"], signal.SIGTERM))
attempt("root", lambda: open("/x", "w"))
attempt("hosts", lambda: open("/etc/hosts", "a"))
"""
    given = {
        "state": str(others),
        "rules": str(ROOT / "rules"),
        "releases": str(releases),
        "process": os.getpid(),
    }
    ran = rogue(post, script, **given)
    assert len(ran.tried) == 8
    assert not [name for name, said in ran.tried.items() if said.startswith("done")]


@pytest.mark.boundary("MonitorBot", "system.modify.configuration", plane="kernel")
def test_it_cannot_change_what_decides_for_it(post: Post):
    """`system.modify.configuration`. Plane: kernel (program and library are read-only)."""
    script = """
attempt("program", lambda: open(bot + "/__main__.py", "a"))
attempt("manifest", lambda: os.remove(bot + "/manifest.yaml"))
attempt("library", lambda: open(os.__file__, "a"))
"""
    ran = rogue(post, script)
    assert len(ran.tried) == 3
    assert set(ran.tried.values()) <= READ_ONLY


def test_a_report_that_looked_at_nothing_is_refused(post: Post):
    """All is well only if somebody looked. Plane: contract (LR403)."""
    script = """
emit("health.reported", {"outcome": "success", "checked": 0, "duration_s": 1, "reports": []})
"""
    ran = rogue(post, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])


def test_the_rules_grant_one_relay_and_its_own_notes():
    """What the sandbox is told is what is written there, and no more."""
    (bot,) = [one for one in the_fleet().bots if one.name == "MonitorBot"]
    for action in bot.actions:
        grants = action.grants
        assert (grants.read, grants.exec, grants.secrets) == ((), ("{python}",), ())
        assert set(grants.write) <= {"{out}", "{state}"}
        relays = () if action.name == "assess" else ("{relay:monitor}",)
        assert grants.network == relays
