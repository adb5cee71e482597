"""Every boundary of LogBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bots.checking import claiming, findings_with, the_fleet
from bots.logs import BOT, Archive, stamp
from deciding import NOW, raw_event, stamp_of
from executor.workshop import ROOT
from lotabots.adapters.files.workspace import read_workspace
from lotabots.checks.run import run
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.contract import Emitted
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from executor.workshop import Outcome, Workshop
    from lotabots.policy.decision import Verdict

RULES = "rules/bots/logbot.yaml"
READ_ONLY = {"Read-only file system", "Permission denied", "Operation not permitted"}
ACTIONS = ("index", "search", "find-insights")
ASKED = {"search": "s1", "query": "x", "limit": 10}
PRELUDE = """
import json, os, signal, socket, subprocess, sys
job = json.load(sys.stdin)
given = json.loads(%r)
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
    """What became of a program in LogBot's place, under its grants."""

    outcome: Outcome
    tried: dict[str, str]

    @property
    def emitted(self) -> list[str]:
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]

    @property
    def done(self) -> list[str]:
        return [name for name, said in self.tried.items() if said.startswith("done")]


@pytest.fixture
def archive(workshop: Workshop) -> Archive:
    made = Archive.of(workshop)
    made.write("shop/production/1-abc.log", f"{stamp()} 4711 ERROR one", f"{stamp()} 4711 INFO two")
    made.said("index")
    return made


def rogue(archive: Archive, script: str, *, action: str = "index", **given: object) -> Rogue:
    folder = archive.workshop.folder / f"rogue-{archive.jobs}/log"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text((BOT / "manifest.yaml").read_text())
    (folder / "__main__.py").write_text(PRELUDE % json.dumps(given) + script + EPILOGUE)
    archive.workshop.bots = folder.parent
    archive.__dict__.pop("executor")
    ran = archive.run(action, ASKED if action == "search" else {})
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    assert lines, (ran.report, ran.log)
    return Rogue(ran, json.loads(lines[-1]))


def verdict(
    event: str,
    source: str,
    payload: dict[str, object],
    change: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """What the engine decides about an event for LogBot, by rules changed so."""
    files = dict(read_workspace(ROOT))
    files[RULES] = change(files[RULES].decode()).encode()
    policy = compile_policy(run(load(files)))
    raw = raw_event(event, source, payload=payload)
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"LogBot", ""}]
    return found


@pytest.mark.parametrize(
    ("capability", "reason"),
    [
        ("log.modify", "does not modify logs"),
        ("remediate", "does not take corrective actions"),
        ("deploy.rollback", "does not take corrective actions"),
        ("data.read.sensitive", "does not access sensitive data outside logs"),
    ],
)
@pytest.mark.boundary("LogBot", "log.modify", "remediate", "data.read.sensitive", plane="proof")
@pytest.mark.boundary("LogBot", "log.modify", "remediate", "data.read.sensitive", plane="decision")
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(capability: str, reason: str):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        return claiming(text, "log.search", instead=capability)

    assert "LB301" in findings_with("LogBot", change)
    found = verdict("log.searched", "cli.ann", dict(ASKED), change)
    assert isinstance(found, Reject)
    assert (found.code, found.reason) == ("LR105", reason)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.boundary("LogBot", "remediate", "data.read.sensitive", plane="contract")
def test_it_cannot_cause_what_others_decide(archive: Archive, action: str):
    """Corrections, and reading of what is no log. Plane: contract (LR402, no such event)."""
    events = (
        "deploy.requested",
        "scale.requested",
        "alert.triggered",
        "alert.escalated",
        "incident.resolved",
        "migration.approved",
        "recovery.requested",
        "log.searched",
        "database.measured",
    )
    script = f"for event in {events}: emit(event, {{'service': 'shop', 'action': 'rollback'}})"
    ran = rogue(archive, script, action=action)
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.boundary("LogBot", "remediate", plane="contract")
def test_an_insight_names_no_release_and_asks_for_nothing(archive: Archive):
    """`remediate`. Plane: contract (LR403): by what it says, no release can be withdrawn."""
    script = """
insight = {"service": "shop", "environment": "production", "template": "x", "occurrences": 1,
    "baseline": 0, "severity": "critical", "fingerprint": "f"}
emit("log.insight", insight)
for more in ("release", "action", "approved_by"):
    emit("log.insight", {**insight, more: "1-abc"})
"""
    ran = rogue(archive, script, action="find-insights")
    assert (ran.outcome.codes, ran.emitted) == (["LR403"] * 3, ["log.insight"])


@pytest.mark.boundary("LogBot", "data.read.sensitive", "log.modify", plane="contract")
def test_it_hands_over_an_index_and_results_and_nothing_else(archive: Archive):
    """Plane: contract (LR404): no other kind of file, and none from elsewhere."""
    script = """
open("x", "w").close()
os.symlink("/etc/passwd", "passwd")
said = {"checked": 1, "segment": "sha256:" + "0" * 64, "duration_s": 0}
for kind in ("application-logs", "system-logs", "source", "backup-snapshot"):
    emit("log.indexed", said, [{"path": "x", "kind": kind}])
emit("log.indexed", said, [{"path": "passwd", "kind": "log-index"}])
emit("log.indexed", said, [{"path": "/etc/passwd", "kind": "log-index"}])
"""
    ran = rogue(archive, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 6, [])


@pytest.mark.parametrize(("event", "payload"), [
    ("deploy.requested", {"action": "rollback", "environment": "staging", "service": "shop"}),
    ("scale.requested", {"service": "shop", "environment": "staging", "direction": "up"}),
    ("alert.triggered", {"alert_id": "a", "service": "shop", "environment": "staging"}),
])  # fmt: skip
@pytest.mark.boundary("LogBot", "remediate", plane="decision")
def test_what_it_might_publish_all_the_same_is_rejected(event: str, payload: dict[str, object]):
    """`remediate`. Plane: decision (LR005)."""
    found = verdict(event, "LogBot", payload)
    assert isinstance(found, Reject)
    assert found.code == "LR005"


@pytest.mark.boundary("LogBot", "log.modify", plane="kernel")
def test_logs_are_read_and_cannot_be_changed_in_any_way(archive: Archive):
    """`log.modify`. Plane: kernel (the folder is read-only; others do not even see it)."""
    script = """
log = places["logs"] + "/shop/production/1-abc.log"
attempt("read", lambda: open(log).read())
attempt("append", lambda: open(log, "a"))
attempt("change", lambda: open(log, "r+"))
attempt("cut", lambda: os.truncate(log, 0))
attempt("rename", lambda: os.rename(log, log + ".1"))
attempt("remove", lambda: os.remove(log))
attempt("add", lambda: open(log + ".new", "w"))
attempt("mode", lambda: os.chmod(log, 0))
attempt("times", lambda: os.utime(log, (0, 0)))
attempt("link", lambda: os.link(log, job["paths"]["out"] + "/x"))
attempt("folder", lambda: os.rmdir(places["logs"]))
"""
    path = archive.logs / "shop/production/1-abc.log"
    before = (path.read_bytes(), path.stat())
    ran = rogue(archive, script)
    assert ran.done == ["read"]
    said = {one for name, one in ran.tried.items() if name != "read"}
    assert said <= READ_ONLY | {"Invalid cross-device link", "Device or resource busy"}
    assert len(ran.tried) == 11
    after = path.stat()
    kept = (after.st_mode, after.st_nlink, after.st_size, after.st_mtime_ns)
    told = before[1]
    assert kept == (told.st_mode, told.st_nlink, told.st_size, told.st_mtime_ns)
    assert path.read_bytes() == before[0]


@pytest.mark.parametrize("action", ["search", "find-insights"])
@pytest.mark.boundary("LogBot", "log.modify", plane="kernel")
def test_who_searches_changes_no_index_and_sees_no_log_file(archive: Archive, action: str):
    """`log.modify`: neither what was indexed. Plane: kernel (its state is read-only)."""
    script = """
index = places["state"] + "/index.db"
attempt("read", lambda: open(index, "rb").read(16))
attempt("change", lambda: open(index, "r+b"))
attempt("remove", lambda: os.remove(index))
attempt("replace", lambda: open(index + ".new", "w"))
attempt("logs", lambda: os.listdir(given["logs"]))
"""
    ran = rogue(archive, script, action=action, logs=str(archive.logs))
    assert (ran.done, len(ran.tried), "logs" in ran.tried) == (["read"], 5, True)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.boundary("LogBot", "data.read.sensitive", plane="kernel")
def test_it_sees_nothing_but_logs_and_its_own_index(archive: Archive, action: str):
    """`data.read.sensitive`. Plane: kernel (nothing else is there)."""
    folder = archive.workshop.folder
    secret = {name: folder / name for name in ("state/DatabaseBot", "audit", "record", "home")}
    for one in secret.values():
        one.mkdir(parents=True)
        (one / "secret").write_text("secret")
    (archive.logs / "out.log").symlink_to(secret["home"] / "secret")
    archive.workshop.secrets = {"mail": "a secret"}
    script = """
for name, path in given["secret"].items():
    attempt(name, lambda: open(path + "/secret").read())
attempt("link", lambda: open(places.get("logs", "/nonexistent") + "/out.log").read())
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("blobs", lambda: os.listdir(given["blobs"]))
attempt("process", lambda: open(f"/proc/{given['process']}/environ").read())
attempt("rules", lambda: os.listdir(given["rules"]))
tried["variables"] = " ".join(sorted(set(os.environ) - {"HOME", "TMPDIR", "LC_ALL", "TZ", "PATH"}))
"""
    given = {
        "secret": {name: str(path) for name, path in secret.items()},
        "blobs": str(folder / "blobs"),
        "process": os.getpid(),
        "rules": str(ROOT / "rules"),
    }
    ran = rogue(archive, script, action=action, **given)
    assert (ran.done, len(ran.tried), ran.tried["variables"]) == ([], 10, "")


@pytest.mark.boundary("LogBot", "remediate", "data.read.sensitive", plane="kernel")
def test_it_reaches_nobody_starts_nothing_and_changes_no_system(
    archive: Archive, tmp_path_factory: pytest.TempPathFactory
):
    """Plane: kernel (a network of its own, with nobody in it; no programs, no other files)."""
    script = """
attempt("rollback", lambda: socket.getaddrinfo("rollback", 80))
attempt("scale", lambda: connect(socket.AF_INET, ("127.77.0.1", 80)))
attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", given["port"])))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("door", lambda: connect(socket.AF_UNIX, given["door"]))
attempt("shell", lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("signal", lambda: os.kill(given["process"], signal.SIGTERM))
attempt("hosts", lambda: open("/etc/hosts", "a"))
attempt("program", lambda: open(bot + "/__main__.py", "a"))
attempt("library", lambda: open(os.__file__, "a"))
"""
    path = str(tmp_path_factory.mktemp("s") / "door.sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as door,
    ):
        door.bind(path)
        door.listen()
        port = server.getsockname()[1]
        ran = rogue(archive, script, door=path, port=port, process=os.getpid())
    assert (ran.done, len(ran.tried)) == ([], 10)
    assert [one for one in ran.outcome.report.entries if one["kind"] == "connect"] == []


def test_the_rules_grant_logs_and_its_own_index_and_no_more():
    """What the sandbox is told is what is written there, and no more."""
    (bot,) = [one for one in the_fleet().bots if one.name == "LogBot"]
    granted = {one.name: (one.grants.read, one.grants.write) for one in bot.actions}
    assert granted == {
        "index": (("{logs}",), ("{out}", "{state}")),
        "search": (("{state}",), ("{out}",)),
        "find-insights": (("{state}",), ("{out}",)),
    }
    for action in bot.actions:
        grants = action.grants
        assert (grants.exec, grants.secrets, grants.network) == (("{python}",), (), ())
