"""Every boundary of NotificationBot, with one that tries to break it and what stops it."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bots.checking import claiming, findings_with, policy_with, the_fleet
from bots.notifying import FAILED_BUILD, RULES, Office, Receiver, Servers, both, office
from deciding import NOW, raw_event, stamp_of
from executor.workshop import ROOT
from lotabots.policy.contract import Emitted
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Reject
from lotabots.policy.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from executor.workshop import Outcome, Workshop
    from lotabots.policy.decision import Verdict

READ_ONLY = {"Read-only file system", "Permission denied"}
NOT_THERE = {"No such file or directory", "Permission denied"}
RESULT = (
    "{'notification_id': 'n', 'outcome': 'success', 'checked': 1, 'deliveries':"
    " [{'channel': 'mail', 'to': 'a', 'status': 'delivered', 'ms': 1}]"
)
PRELUDE = """
import json, os, signal, socket, subprocess, sys
job = json.load(sys.stdin)
given = job["event"]["payload"].get("given", {})
channels, state = (job["paths"]["places"][name] for name in ("channels", "state"))
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
    """What became of a program in NotificationBot's place, under its grants."""

    outcome: Outcome
    tried: dict[str, str]

    @property
    def emitted(self) -> list[str]:
        return [one.type for one in self.outcome.judged if isinstance(one, Emitted)]

    @property
    def done(self) -> list[str]:
        return [name for name, said in self.tried.items() if said.startswith("done")]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with both(tmp_path_factory.mktemp("identity")) as made:
        yield made


@pytest.fixture
def desk(workshop: Workshop, servers: Servers) -> Office:
    return office(workshop, servers)


def rogue(desk: Office, script: str, *, action: str = "notify", **given: object) -> Rogue:
    folder = desk.workshop.folder / "rogue/notification"
    folder.mkdir(parents=True)
    manifest = (ROOT / "bots/notification/manifest.yaml").read_text()
    (folder / "manifest.yaml").write_text(manifest)
    (folder / "text.txt").write_text("a text\n")
    (folder / "__main__.py").write_text(PRELUDE + script + EPILOGUE)
    desk.workshop.bots = folder.parent
    ran = desk.run(payload={**FAILED_BUILD, "given": given}, action=action)
    lines = [line for line in ran.log.splitlines() if line.startswith("{")]
    assert lines, (ran.report, ran.log)
    return Rogue(ran, json.loads(lines[-1]))


def verdict(
    event: str,
    source: str,
    payload: dict[str, object],
    change: Callable[[str], str] = lambda text: text,
) -> Verdict:
    """What the engine decides about an event for NotificationBot, by rules changed so."""
    policy = policy_with(RULES, change)
    raw = raw_event(event, source, payload=payload)
    step = decide_bytes(policy, State(rollout="advanced"), raw, stamp_of(source), NOW)
    (found,) = [one for one in step.decision.verdicts if one.target in {"NotificationBot", ""}]
    return found


ASKED = {"team": "a", "subject": "b", "text": "c", "severity": "low"}
BY_TABLES = "does not make decisions: texts, channels and the next in line come from tables"


@pytest.mark.parametrize(
    ("capability", "reason", "delegate"),
    [
        ("decision.make", BY_TABLES, ""),
        ("system.modify", "does not modify systems", ""),
        ("system.modify.capacity", "does not modify systems", ""),
        ("alert.acknowledge", "does not auto-acknowledge alerts", ""),
        ("ticket.create", "tickets have one owner", "IncidentBot"),
    ],
)
@pytest.mark.boundary(
    "NotificationBot",
    "decision.make",
    "system.modify",
    "alert.acknowledge",
    "ticket.create",
    plane="proof",
)
@pytest.mark.boundary(
    "NotificationBot",
    "decision.make",
    "system.modify",
    "alert.acknowledge",
    "ticket.create",
    plane="decision",
)
def test_rules_that_grant_it_are_findings_and_are_not_obeyed(
    capability: str, reason: str, delegate: str
):
    """Planes: proof (`validate` refuses the rules) and decision (the engine rejects the job)."""

    def change(text: str) -> str:
        if capability == "ticket.create":  # it implies a change of a system, which comes first
            text = "".join(one for one in text.splitlines(True) if "system.modify" not in one)
        return claiming(text, "notify.message", instead=capability)

    assert "LB301" in findings_with("NotificationBot", change)
    found = verdict("message.requested", "cli.ann", ASKED, change)
    assert isinstance(found, Reject)
    assert (found.code, found.reason, found.delegate) == ("LR105", reason, delegate)


@pytest.mark.parametrize("action", ["notify", "escalate"])
@pytest.mark.boundary(
    "NotificationBot",
    "decision.make",
    "system.modify",
    "alert.acknowledge",
    "ticket.create",
    plane="contract",
)
def test_it_cannot_cause_what_others_decide(desk: Office, action: str):
    """All four. Plane: contract of its output (LR402, it has no such event)."""
    events = (
        "approval.granted",
        "deploy.requested",
        "alert.escalated",
        "alert.acknowledged",
        "alert.resolved",
        "incident.created",
        "incident.updated",
        "scale.requested",
        "message.requested",
    )
    ran = rogue(desk, f"for event in {events}: emit(event, {{'alert_id': 'a'}})", action=action)
    assert (ran.outcome.codes, ran.emitted) == (["LR402"] * len(events), [])


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("alert.acknowledged", {"alert_id": "a", "acknowledged_by": "NotificationBot"}),
        ("incident.resolved", {"incident_id": "i", "resolved_by": "NotificationBot"}),
        ("approval.granted", {"purpose": "release", "approver": "NotificationBot"}),
    ],
)
@pytest.mark.boundary(
    "NotificationBot", "decision.make", "alert.acknowledge", "ticket.create", plane="decision"
)
def test_what_it_might_publish_all_the_same_is_rejected(event: str, payload: dict[str, object]):
    """`alert.acknowledge`, `ticket.create`, `decision.make`. Plane: decision (LR005)."""
    found = verdict(event, "NotificationBot", payload)
    assert isinstance(found, Reject)
    assert found.code == "LR005"


@pytest.mark.boundary(
    "NotificationBot", "decision.make", "alert.acknowledge", "ticket.create", plane="contract"
)
def test_its_result_has_no_place_for_a_decision(desk: Office):
    """`decision.make`, `alert.acknowledge`. Plane: contract (LR403: the payload is closed)."""
    script = f"""
for member in ("approved", "acknowledged_by", "ticket_uri"):
    emit("notification.sent", {RESULT}, member: "x"}})
"""
    ran = rogue(desk, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR403"] * 3, [])


@pytest.mark.boundary("NotificationBot", "ticket.create", plane="contract")
def test_it_cannot_hand_over_anything(desk: Office):
    """`ticket.create`, by a file. Plane: contract (LR404: it produces nothing)."""
    script = f"""
for kind in ("incident-ticket", "message-templates", "post-mortem"):
    emit("notification.sent", {RESULT}}}, [{{"path": "x", "kind": kind}}])
"""
    ran = rogue(desk, script)
    assert (ran.outcome.codes, ran.emitted) == (["LR404"] * 3, [])


def test_a_success_that_told_nobody_is_refused(desk: Office):
    """An alert that nobody heard must not look delivered. Plane: contract (LR403)."""
    ran = rogue(desk, f"emit('notification.sent', {{**{RESULT}}}, 'checked': 0}})")
    assert (ran.outcome.codes, ran.emitted) == (["LR403"], [])


@pytest.mark.boundary("NotificationBot", "decision.make", plane="kernel")
def test_it_cannot_change_what_decides_for_it(desk: Office):
    """`decision.make`. Plane: kernel (table, certificates, texts and program are read-only)."""
    script = """
attempt("table", lambda: open(channels + "/channels.toml", "a"))
attempt("another", lambda: open(channels + "/more.toml", "w"))
attempt("trust", lambda: os.replace(channels + "/ca.pem", channels + "/channels.toml"))
attempt("program", lambda: open(bot + "/__main__.py", "a"))
attempt("text", lambda: os.remove(bot + "/text.txt"))
attempt("library", lambda: open(os.__file__, "a"))
"""
    before = (desk.folder / "channels.toml").read_bytes()
    ran = rogue(desk, script)
    assert len(ran.tried) == 6
    assert set(ran.tried.values()) <= READ_ONLY
    assert (desk.folder / "channels.toml").read_bytes() == before


@pytest.mark.boundary("NotificationBot", "system.modify", plane="kernel")
def test_it_cannot_touch_systems(desk: Office):
    """`system.modify`. Plane: kernel (no other files, programs, processes, devices)."""
    others = desk.workshop.folder / "state/DeployBot"
    others.mkdir(parents=True)
    wheel = desk.workshop.blobs.put_bytes(b"a wheel")
    script = """
attempt("state", lambda: os.listdir(given["state"]))
attempt("blob", lambda: open(given["blob"]))
attempt("rules", lambda: os.listdir(given["rules"]))
attempt("password", lambda: open("/etc/passwd"))
attempt("shell", lambda: subprocess.run(["/bin/sh", "-c", "true"]))
attempt("signal", lambda: os.kill(given["process"], signal.SIGTERM))
attempt("root", lambda: open("/x", "w"))
tried["artifacts"] = str(job["paths"]["artifacts"])
tried["repository"] = str("repository" in job["paths"])
with open(state + "/run.sh", "w") as file:
    file.write("#!" + sys.executable)
os.chmod(state + "/run.sh", 0o700)
attempt("own", lambda: subprocess.run([state + "/run.sh"]))
"""
    given = {
        "state": str(others),
        "blob": str(desk.workshop.blobs.path(wheel.digest)),
        "rules": str(ROOT / "rules"),
        "process": os.getpid(),
        "artifact": {"name": "w", "kind": "wheel", "digest": wheel.digest, "size": wheel.size},
    }
    ran = rogue(desk, script, **given)
    assert (ran.tried.pop("artifacts"), ran.tried.pop("repository")) == ("{}", "False")
    assert len(ran.tried) == 8
    assert ran.done == []


@pytest.mark.boundary(
    "NotificationBot", "system.modify", "alert.acknowledge", "ticket.create", plane="kernel"
)
def test_it_reaches_its_two_servers_and_nobody_else(desk: Office, short_path: str):
    """`system.modify`, `ticket.create`, `alert.acknowledge`: no broker, runner, tracker or pager.

    Plane: kernel (a private network with a relay per grant).
    """
    script = """
def address(name):
    host, port = job["paths"]["relays"][name].split(":")
    return host, int(port)
attempt("mail", lambda: connect(socket.AF_INET, address("mail")))
attempt("chat", lambda: connect(socket.AF_INET, address("chat")))
attempt("mail server", lambda: connect(socket.AF_INET, ("127.0.0.1", given["mail"])))
attempt("chat server", lambda: connect(socket.AF_INET, ("127.0.0.1", given["chat"])))
attempt("tracker", lambda: connect(socket.AF_INET, ("127.0.0.1", given["tracker"])))
attempt("tracker6", lambda: connect(socket.AF_INET6, ("::1", given["tracker"])))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 443)))
attempt("names", lambda: socket.getaddrinfo("example.org", 443))
attempt("runner", lambda: connect(socket.AF_UNIX, given["runner"]))
attempt("agent", lambda: connect(socket.AF_UNIX, "\\0lotabots-notified"))
attempt("packet", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
"""
    tracker = Receiver()
    with (
        tracker.serving() as server,
        socket.socket(socket.AF_UNIX) as runner,
        socket.socket(socket.AF_UNIX) as agent,
    ):
        runner.bind(short_path)
        agent.bind("\0lotabots-notified")
        for one in (runner, agent):
            one.listen()
        ports = {"mail": desk.mail_port, "chat": desk.chat_port, "tracker": server.port}
        ran = rogue(desk, script, runner=short_path, **ports)
    assert len(ran.tried) == 11
    assert ran.done == ["mail", "chat"]
    reached = [one["target"] for one in ran.outcome.report.entries if one["kind"] == "connect"]
    assert sorted(reached) == ["chat:80", "mail:80"]
    assert tracker.requests == []


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("s") / "runner.sock")


@pytest.mark.boundary("NotificationBot", "system.modify", plane="kernel")
def test_only_its_own_secrets_are_there(desk: Office):
    """Of others' systems it knows no password. Plane: kernel (a bare environment)."""
    desk.workshop.secrets["database-migrate"] = "of-somebody-else"
    ran = rogue(desk, 'tried["names"] = ",".join(sorted(os.environ))')
    usual = {"HOME", "LC_ALL", "LC_CTYPE", "PATH", "PWD", "TMPDIR", "TZ"}
    assert set(ran.tried["names"].split(",")) - usual == {"smtp", "chat"}


def test_a_secret_that_is_printed_does_not_come_out(desk: Office):
    """Plane: contract (what is printed is masked, in lines and in the log)."""
    script = f"""
for name in ("smtp", "chat"):
    secret = os.environ[name]
    print(secret, file=sys.stderr)
    emit("notification.sent", {RESULT}, "notification_id": secret}})
"""
    ran = rogue(desk, script)
    assert [json.loads(line)["payload"]["notification_id"] for line in ran.outcome.lines] == [
        "<secret smtp>",
        "<secret chat>",
    ]
    assert ran.outcome.log.splitlines()[:2] == ["<secret smtp>", "<secret chat>"]


def test_the_rules_grant_two_destinations_and_a_folder_to_write():
    """What the sandbox is told is what is written there, and no more."""
    (bot,) = [one for one in the_fleet().bots if one.name == "NotificationBot"]
    for action in bot.actions:
        grants = action.grants
        assert (grants.read, grants.write) == (("{channels}",), ("{state}",))
        assert (grants.exec, grants.secrets) == (("{python}",), ("smtp", "chat"))
        assert grants.network == ("{relay:mail}", "{relay:chat}")
