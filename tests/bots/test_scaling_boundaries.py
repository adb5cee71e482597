"""Every boundary of ScalingBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from bots.checking import claiming, findings_with, policy_with, the_fleet
from bots.scaling import BUSY, Post
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

RULES = "rules/bots/scalingbot.yaml"
ACTIONS = ("scale", "record", "forecast")
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
def ask(verb, path, body=None):
    connection = http.client.HTTPConnection("scale", 80, timeout=20)
    connection.request(verb, path, body=body and json.dumps(body))
    tried[f"{verb} {path} {len(tried)}"] = connection.getresponse().status
    connection.close()
def emit(event, payload, artifacts=()):
    line = {"type": event, "payload": payload, "artifacts": list(artifacts)}
    os.write(1, json.dumps(line).encode() + b"\\n")
"""
EPILOGUE = "\nprint(json.dumps(tried), file=sys.stderr)\n"


class Rogue(NamedTuple):
    """What became of a program in ScalingBot's place, under its grants."""

    outcome: Outcome
    tried: dict[str, Any]

    @property
    def emitted(self) -> list[str]:
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]


@pytest.fixture
def post(workshop: Workshop) -> Post:
    return Post.at(workshop, "localhost:1")


async def rogue_async(post: Post, script: str, *, action: str = "scale", **given: object) -> Rogue:
    folder = post.workshop.folder / "rogue/scaling"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text((ROOT / "bots/scaling/manifest.yaml").read_text())
    (folder / "__main__.py").write_text(PRELUDE + script + EPILOGUE)
    post.workshop.bots = folder.parent
    prepared = post.prepared(action, {**BUSY, "given": given}, event="scale.requested")
    ran = await post.workshop.run_async(*prepared)
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    assert lines, (ran.report, ran.log)
    return Rogue(ran, json.loads(lines[-1]))


def rogue(post: Post, script: str, *, action: str = "scale", **given: object) -> Rogue:
    return asyncio.run(rogue_async(post, script, action=action, **given))


def verdict(
    event: str,
    source: str,
    payload: dict[str, object],
    change: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """What the engine decides about an event for ScalingBot, by rules changed so."""
    policy = policy_with(RULES, change)
    raw = raw_event(event, source, payload=payload)
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"ScalingBot", ""}]
    return found


@pytest.mark.parametrize(
    ("capability", "reason", "delegate"),
    [
        ("deploy.application", "does not deploy new code", "DeployBot"),
        ("code.modify.logic", "does not modify application logic", ""),
        (
            "infrastructure.resize",
            "does not change infrastructure permanently: every change is a lease that runs out",
            "",
        ),
    ],
)
@pytest.mark.boundary(
    "ScalingBot", "deploy.application", "code.modify.logic", "infrastructure.resize", plane="proof"
)
@pytest.mark.boundary(
    "ScalingBot",
    "deploy.application",
    "code.modify.logic",
    "infrastructure.resize",
    plane="decision",
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(
    capability: str, reason: str, delegate: str
):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "scale.apply", instead=capability)

    assert "LB301" in findings_with("ScalingBot", change)
    found = verdict("scale.requested", "gate.scale-up", dict(BUSY), change)
    assert isinstance(found, Reject)
    assert (found.code, found.reason, found.delegate) == ("LR105", reason, delegate)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.boundary("ScalingBot", "deploy.application", "code.modify.logic", plane="contract")
def test_it_cannot_cause_what_others_decide(post: Post, action: str):
    """Plane: contract of its output (LR402, it has no such event)."""
    events = (
        "deploy.requested",
        "deploy.completed",
        "change.pushed",
        "build.completed",
        "approval.granted",
        "scale.requested",
        "metrics.sampled",
    )
    ran = rogue(post, f"for event in {events}: emit(event, {{'service': 's'}})", action=action)
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.boundary("ScalingBot", "infrastructure.resize", plane="contract")
def test_what_it_says_is_about_the_service_that_it_was_asked_about(post: Post):
    """Plane: contract (`set:`)."""
    script = """
emit("scale.completed", {"service": "other", "environment": "staging", "direction": "down",
     "outcome": "success", "from": 1, "to": 99, "metric": "m", "value": 1, "target": 1})
"""
    said = rogue(post, script).outcome.payload("scale.completed")
    seen = {name: said[name] for name in ("service", "environment", "direction")}
    assert seen == {name: BUSY[name] for name in seen}


@pytest.mark.boundary(
    "ScalingBot", "deploy.application", "code.modify.logic", "infrastructure.resize", plane="host"
)
def test_the_door_scales_for_a_time_within_bounds_and_does_nothing_else(
    workshop: Workshop, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
):
    """All three. Plane: host (its verbs; a lease has an end; the bounds are declared)."""
    folder = tmp_path_factory.mktemp("h")
    script = """
service, release = "/services/shop/production", given["release"]
body = {"job": "j", "reason": "r", "incoming": "x", "artifact": "sha256:" + "0" * 64}
for verb in ("POST", "PUT", "PATCH", "DELETE"):
    for path in ("", "/releases", *(f"/releases/{release}/{what}" for what in
                 ("start", "check", "promote", "discard"))):
        ask(verb, service + path, body)
for scale in ({}, {"instances": 2}, {"instances": 2, "for_s": 0}, {"instances": 2, "for_s": -1},
              {"instances": 2, "for_s": 10**9}, {"instances": 2, "for_s": None},
              {"instances": 3, "for_s": 60}, {"instances": 0, "for_s": 60},
              {"instances": 2, "for_s": 60, "until": "9999-01-01T00:00:00+00:00"}):
    ask("POST", service + "/scale", {"job": "j", **scale})
for path in ("/targets", "/metrics", "/probe/shop.production"):
    ask("GET", path)
"""

    async def scene() -> None:
        services = (shop("production", most=2),)
        async with hosting(folder, Sandbox(launcher), services) as hosted:
            await hosted.deploy("production", version="1")
            release = await hosted.deploy("production", version="2")
            post = Post.at(workshop, f"unix:{hosted.door('scale')}")
            before, known = await hosted.status("production"), len(hosted.records)
            ran = await rogue_async(post, script, release=release)
            assert await hosted.status("production") == before
            assert len(ran.tried) == 4 * 6 + 9 + 3
            assert set(ran.tried.values()) <= {403, 404, 405, 422}
            assert {about["status"] for _, about in hosted.records[known:]} <= {403, 404, 405, 422}

    asyncio.run(scene())


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.boundary(
    "ScalingBot", "deploy.application", "code.modify.logic", "infrastructure.resize", plane="kernel"
)
def test_it_reaches_no_other_door_and_no_code(post: Post, action: str):
    """All three. Plane: kernel (one relay for one action; no other files and programs)."""
    releases = post.workshop.folder / "hosting/production"
    releases.mkdir(parents=True)
    script = """
attempt("deploy", lambda: connect(socket.AF_INET, ("deploy-production", 80)))
attempt("monitor", lambda: socket.getaddrinfo("monitor", 80))
attempt("relay", lambda: connect(socket.AF_INET, ("127.77.0.2", 80)))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("door", lambda: socket.socket(socket.AF_UNIX))
attempt("releases", lambda: os.listdir(given["releases"]))
attempt("configuration", lambda: open(given["configuration"]))
attempt("rules", lambda: os.listdir(given["rules"]))
attempt("policy", lambda: open(bot + "/policy.toml", "w"))
attempt("program", lambda: open(bot + "/__main__.py", "a"))
attempt("shell", lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("signal", lambda: os.kill(given["process"], signal.SIGTERM))
"""
    given = {
        "releases": str(releases),
        "rules": str(ROOT / "rules"),
        "configuration": str(ROOT / "pyproject.toml"),
        "process": os.getpid(),
    }
    ran = rogue(post, script, action=action, **given)
    assert len(ran.tried) == 12
    assert not [name for name, said in ran.tried.items() if said.startswith("done")]
    assert [one for one in ran.outcome.report.entries if one["kind"] == "connect"] == []


@pytest.mark.boundary("ScalingBot", "infrastructure.resize", plane="kernel")
def test_who_decides_cannot_change_what_was_measured(post: Post):
    """Plane: kernel (`scale` reads the samples, and only `record` writes them)."""
    post.record(1.0)
    script = """
notes = job["paths"]["places"]["state"]
attempt("read", lambda: len(os.listdir(notes)))
attempt("write", lambda: open(notes + "/samples.sqlite3", "a"))
attempt("add", lambda: open(notes + "/more", "w"))
"""
    for action in ("scale", "forecast"):
        post.workshop.bots = ROOT / "bots"
        folder = post.workshop.folder / "rogue"
        if folder.exists():
            folder.rename(post.workshop.folder / "before")
        tried = rogue(post, script, action=action).tried
        assert tried.pop("read") == "done: 1"
        assert set(tried.values()) == {"Read-only file system"}


def test_the_rules_grant_one_relay_to_one_action_and_its_own_notes():
    """What the sandbox is told is what is written there, and no more."""
    (bot,) = [one for one in the_fleet().bots if one.name == "ScalingBot"]
    for action in bot.actions:
        grants = action.grants
        assert (grants.exec, grants.secrets) == (("{python}",), ())
        assert {*grants.read, *grants.write} == {"{state}"}
        assert grants.write == (("{state}",) if action.name == "record" else ())
        assert grants.network == (("{relay:scale}",) if action.name == "scale" else ())
