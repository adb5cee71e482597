"""IncidentBot with things that happen: alerts, acknowledgements, rollbacks, people who resolve."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bots.checking import the_fleet
from executor.workshop import ROOT
from lotabots.policy.contract import Cause, Emitted, Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.executor.executor import SandboxExecutor

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALERT = {
    "alert_id": "a1",
    "service": "shop",
    "environment": "production",
    "rule": "error-burst",
    "metric": "error_share",
    "value": 0.5,
    "severity": "high",
    "state": "firing",
    "fingerprint": "f1",
}
ROLLED_BACK = {
    "action": "rollback",
    "environment": "production",
    "service": "shop",
    "outcome": "success",
    "release": "2-bad",
    "active": "1-good",
}
POLICY = """
version = 1
otherwise = [["on-call"], ["second-line", "management"]]

[[routes]]
services = ["shop*"]
environments = ["production"]
severities = ["critical"]
levels = [["shop-team"], ["on-call"]]
"""
SOURCES = {
    "alert.triggered": "MonitorBot",
    "alert.resolved": "MonitorBot",
    "security.alert": "SecurityBot",
    "compliance.violation": "ComplianceBot",
    "deploy.unstable": "gate.deploy-unstable",
    "deploy.completed": "DeployBot",
    "alert.escalated": "gate.escalation",
}
ACTIONS = {
    "alert.resolved": "track",
    "alert.acknowledged": "track",
    "deploy.completed": "track",
    "alert.escalated": "coordinate",
    "incident.resolved": "report",
}
"""Of other events, incidents are opened."""


class Event(NamedTuple):
    """Something that happens, `minute` minutes after the beginning."""

    type: str
    payload: Mapping[str, Any]
    minute: float = 0
    id: str = ""
    source: str = ""

    @property
    def action(self) -> str:
        return ACTIONS.get(self.type, "open")

    def job(self, number: int) -> Job:
        """The job that it starts; a job of its own each time."""
        cause = Cause(
            self.id or f"event-{number}",
            self.type,
            self.source or SOURCES.get(self.type, "cli.ann"),
            BEGIN + timedelta(minutes=self.minute),
            msgspec.Raw(json.dumps(self.payload).encode()),
            "correlation-1",
        )
        return Job(
            event=cause,
            job=f"job{number}",
            bot="IncidentBot",
            action=self.action,
            decision="d",
            policy="p",
        )


def alert(minute: float = 0, *, id: str = "", **changes: object) -> Event:  # noqa: A002 - an event's
    """An alert of MonitorBot."""
    return Event("alert.triggered", {**ALERT, **changes}, minute, id)


def over(minute: float, **changes: object) -> Event:
    """An alert is over."""
    return Event("alert.resolved", {**ALERT, "value": 0.0, "state": "resolved", **changes}, minute)


def resolved(incident: str, minute: float = 60, **changes: object) -> Event:
    """A person says that it is over."""
    payload = {"incident_id": incident, "resolved_by": "ann", **changes}
    return Event("incident.resolved", payload, minute)


@dataclass
class Room:
    """IncidentBot under its own rules, with the escalation policy of some people."""

    workshop: Workshop
    jobs: int = 0
    ran: list[Outcome] = field(default_factory=list)

    @classmethod
    def of(cls, workshop: Workshop) -> Room:
        """A room for a new team."""
        made = cls(workshop)
        workshop.bots = ROOT / "bots"
        workshop.places = {"responders": workshop.folder / "responders"}
        workshop.places["responders"].mkdir()
        made.policy(POLICY)
        return made

    def policy(self, text: str) -> None:
        """Write the escalation policy."""
        path = self.workshop.places["responders"] / "responders.toml"
        path.write_text(text, encoding="utf-8")

    @cached_property
    def executor(self) -> SandboxExecutor:
        """What runs it."""
        return self.workshop.executor(the_fleet())

    def run(self, event: Event) -> Outcome:
        """What becomes of an event."""
        self.jobs += 1
        return self.workshop.run(self.executor, event.job(self.jobs))

    def said(self, event: Event, *, status: int = 0) -> dict[str, list[dict[str, Any]]]:
        """The payloads by type of what is said about an event; all keep the contract."""
        ran = self.run(event)
        assert (ran.codes, ran.report.status) == ([], status), (ran.judged, ran.report, ran.log)
        self.ran.append(ran)
        found: dict[str, list[dict[str, Any]]] = {}
        for one in ran.judged:
            assert isinstance(one, Emitted)
            found.setdefault(one.type, []).append(msgspec.json.decode(one.payload))
        return found

    def opened(self, event: Event) -> str:
        """The id of the incident that an event opens."""
        (created,) = self.said(event)["incident.created"]
        return str(created["incident_id"])

    def status(self, event: Event) -> str:
        """The state of the incident after an event."""
        (updated,) = self.said(event)["incident.updated"]
        return str(updated["status"])

    @property
    def store(self) -> Path:
        return self.workshop.folder / "state/IncidentBot/incidents.db"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the store holds."""
        with closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as found:
            return found.execute(query).fetchall()

    def file(self, payload: Mapping[str, Any], name: str) -> str:
        """A file that an event handed over."""
        (digest,) = [one["digest"] for one in payload["reports"] if one["name"] == name]
        return self.workshop.blobs.path(digest).read_text(encoding="utf-8")
