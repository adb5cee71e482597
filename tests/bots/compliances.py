"""ComplianceBot with a system to check: its record and its audit log are of the real writers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from bots.checking import the_fleet
from executor.workshop import ROOT
from lotabots.adapters.files.auditlog import AuditWriter
from lotabots.adapters.files.record import RecordFolder
from lotabots.audit.record import leaf
from lotabots.policy.contract import Cause, Emitted, Job, event_token
from lotabots.policy.project_broker import event_subject
from lotabots.runtime.ports import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.executor.executor import SandboxExecutor

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMMIT, OTHER = "c" * 40, "d" * 40
WHEEL, FOREIGN = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SEED = b"s" * 32
POLICY = "version = 1\n"
SOURCES = {
    "build.completed": "BuildBot",
    "test.completed": "TestBot",
    "test.failed": "TestBot",
    "lint.completed": "LintBot",
    "security.completed": "SecurityBot",
    "deploy.completed": "DeployBot",
    "backup.completed": "BackupBot",
    "backup.failed": "BackupBot",
    "change.pushed": "ingress.git",
}
ACCEPTED = [{"verdict": "dispatch", "target": "NotificationBot"}]
REFUSED = [{"verdict": "reject", "target": "", "code": "LR005"}]
OF_CHANGE = {"repository": "shop", "change": {"id": COMMIT}, "outcome": "success"}
ARTIFACT = {"artifact": {"digest": WHEEL}}


@dataclass
class System:
    """What the service keeps: its record of events and its audit log."""

    record: Path
    audit: Path
    log: list[tuple[str, bytes]] = field(default_factory=list)
    sequence: int = 0
    now: datetime = BEGIN
    last: bytes = b""

    def happens(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        source: str = "",
        minutes: float = 1,
        decided: list[dict[str, Any]] | None = ACCEPTED,
        replayed: bytes = b"",
    ) -> str:
        """An event is sent (or the bytes of another one are) and decided; its id."""
        self.now += timedelta(minutes=minutes)
        self.sequence += 1
        who = source or SOURCES.get(kind, "cli.ann")
        name = f"e{self.sequence}-{kind}"
        event = {"id": name, "type": kind, "source": who, "payload": payload}
        body = replayed or json.dumps(event).encode()
        self.last = body
        subject = event_subject(who, kind)
        at = self.now
        delivery = Delivery(subject, body, {}, "LB_EVENTS", self.sequence, 1, at, "")
        self.sink.publish([delivery], sequence=self.sequence, lost=0, as_of=at)
        if decided is not None:
            digest = sha256(body).hexdigest()
            decision = {"event_id": name, "verdicts": decided}
            about = {"subject": subject, "sequence": self.sequence, "sha256": digest}
            record = {**about, "decision": decision}
            self.log.append((f"lb.dec.{event_token(who, name)}", json.dumps(record).encode()))
        return name

    @cached_property
    def sink(self) -> RecordFolder:
        """The writer of the record."""
        return RecordFolder(self.record)

    def sign(self) -> None:
        """Bring the audit log up to date, as its writer does."""
        with AuditWriter(self.audit, SEED) as writer:
            for number in range(writer.size, len(self.log)):
                subject, body = self.log[number]
                at = BEGIN + timedelta(seconds=number)
                entry = leaf(number + 1, at, subject=subject, origin="LB_DECISIONS", body=body)
                writer.append([entry])
            writer.publish()

    def release(self, *, without: str = "", commit: str = COMMIT, **changes: str) -> str:
        """A release goes to production as it should, but for one event; the deployment's id."""
        change = {**OF_CHANGE, "change": {"id": commit}}
        author, approver = changes.get("author", ""), changes.get("approver", "cli.bob")
        pushed = {"repository": "shop", "change": {"id": commit}}
        events: list[tuple[str, str, dict[str, Any], str]] = [
            ("push", "change.pushed", pushed, author),
            ("build", "build.completed", {**change, **ARTIFACT}, ""),
            ("test", "test.completed", {**change, **ARTIFACT, "counts": {"total": 5}}, ""),
            ("lint", "lint.completed", {**change, "new": 0}, ""),
            ("code", "security.completed", scan("code", commit), ""),
            ("parts", "security.completed", scan("dependencies", commit), ""),
            ("approval", "approval.granted", {**pushed, "purpose": "release"}, approver),
        ]
        for name, kind, payload, source in events:
            if name != without:
                self.happens(kind, payload, source=source)
        where = {"action": "deploy", "environment": "production", "service": "shop"}
        digest = {"artifact": {"digest": changes.get("artifact", WHEEL)}}
        return self.happens(
            "deploy.completed", {**change, **digest, **where, "release": f"r-{commit[:4]}"}
        )


def scan(kind: str, commit: str = COMMIT, *, critical: int = 0, new: int = 0) -> dict[str, Any]:
    """A result of SecurityBot."""
    return {
        **OF_CHANGE,
        "change": {"id": commit},
        "scan": kind,
        "new": new,
        "by_severity": {"critical": critical},
    }


@dataclass
class Office:
    """ComplianceBot under its own rules, with a system and a policy."""

    workshop: Workshop
    system: System
    jobs: int = 0
    ran: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, workshop: Workshop) -> Office:
        """An office before a system in which nothing happened yet."""
        folder = workshop.folder
        system = System(folder / "record", folder / "audit")
        workshop.bots = ROOT / "bots"
        places = {"policies": "policies", "system-state": "record", "audit": "audit"}
        workshop.places = {name: folder / path for name, path in places.items()}
        for place in workshop.places.values():
            place.mkdir()
        made = cls(workshop, system)
        made.policy(POLICY)
        return made

    def policy(self, text: str) -> None:
        """Write the policy."""
        path = self.workshop.places["policies"] / "policy.toml"
        path.write_text(text, encoding="utf-8")

    @cached_property
    def executor(self) -> SandboxExecutor:
        """What runs it."""
        made = self.workshop.executor(the_fleet())
        assert made.refusal("ComplianceBot", "check") == ""
        return made

    def run(self, deployment: str = "", *, after: float = 0, key: str = "") -> Outcome:
        """Check when a deployment is done, or (without one) when the schedule is due."""
        self.jobs += 1
        self.system.sign()
        kind, source = "deploy.completed", "DeployBot"
        if not deployment:
            kind, source = "schedule.tick", "schedule"
            # The service says now and then that the record is complete.
            as_of = self.system.now + timedelta(minutes=after)
            at = self.system.sequence
            self.system.sink.publish([], sequence=at, lost=0, as_of=as_of)
        cause = Cause(
            deployment or key or f"tick-{self.jobs}",
            kind,
            source,
            self.system.now + timedelta(minutes=after),
            msgspec.Raw(b'{"environment": "production"}'),
            "correlation-1",
        )
        asked = Job(
            event=cause,
            job=f"job{self.jobs}",
            bot="ComplianceBot",
            action="check",
            decision="d",
            policy="p",
        )
        ran = self.workshop.run(self.executor, asked)
        self.ran.append(ran)
        return ran

    def check(self, deployment: str = "", *, after: float = 0, status: int = 0) -> Found:
        """What a check says."""
        ran = self.run(deployment, after=after)
        assert (ran.codes, ran.report.status) == ([], status), (ran.judged, ran.report, ran.log)
        return Found(self.workshop, ran)


@dataclass
class Found:
    """What a check said; all lines keep the contract."""

    workshop: Workshop
    ran: Outcome

    def payloads(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of a type."""
        said = [one for one in self.ran.judged if isinstance(one, Emitted) and one.type == kind]
        return [msgspec.json.decode(one.payload) for one in said]

    @property
    def summary(self) -> dict[str, Any]:
        """The payload of the report, but for what is not about the controls."""
        (found,) = self.payloads("compliance.report")
        return {name: found[name] for name in ("outcome", "checked", "suppressed", "violations")}

    @property
    def flagged(self) -> list[tuple[str, str]]:
        """Control and resource of each violation that was said."""
        said = self.payloads("compliance.violation")
        return [(one["control"], one["resource"]) for one in said]

    def file(self, ending: str) -> str:
        """A file of the report."""
        (report,) = self.payloads("compliance.report")
        (digest,) = [one["digest"] for one in report["reports"] if one["name"].endswith(ending)]
        return self.workshop.blobs.path(digest).read_text(encoding="utf-8")

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each control."""
        controls = json.loads(self.file(".json"))["controls"]
        return {one["id"]: one["status"] for one in controls}
