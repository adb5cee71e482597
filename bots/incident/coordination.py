"""Asks the next in line, as the escalation policy says.

It decides nothing: the engine's gate says that nobody took charge in time, the policy who is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import report
import responders
import wording
from failure import LaterError, NothingError
from store import Entry
from task import Line

if TYPE_CHECKING:
    from store import Incident, Store
    from task import Task

MAX_SUBJECT, MAX_TEXT = 256, 2000


def coordinate(task: Task, store: Store) -> tuple[Line, ...]:
    """Ask the teams of the incident's level, and go up one level.

    Raises:
        LaterError: no incident has the alert; the job that opens it may be on its way.
        NothingError: the policy cannot be used.
    """
    if task.responders is None:
        raise NothingError("there is no escalation policy")
    policy = responders.read(task.responders)
    incident = store.alerted(task.payload["alert_id"])
    if incident is None:
        raise LaterError(f"no unresolved incident has the alert {task.payload['alert_id']!r}")
    teams = policy.teams(incident)
    asked = f"level {incident.level + 1} is asked: {', '.join(teams)}"
    text = wording.line(asked, MAX_TEXT)
    raised = incident._replace(level=incident.level + 1)
    store.change(raised)
    store.note(raised, Entry(task.at, "asked", task.source, text, task.event_id))
    return (*(_message(incident, team) for team in teams), report.updated(raised, store))


def _message(incident: Incident, team: str) -> Line:
    charge = (
        f"{incident.acknowledged_by} has taken charge of it before."
        if incident.acknowledged_at
        else "Nobody has taken charge of it."
    )
    where = f"{incident.service} in {incident.environment}. " if incident.environment else ""
    text = (
        f"{where}Incident {incident.id}, {incident.severity}, since {incident.opened_at}: "
        f"{incident.title}. {charge} You are asked as level {incident.level + 1}."
    )
    payload = {
        "team": team,
        "subject": wording.line(f"Incident {incident.id}: {incident.title}", MAX_SUBJECT),
        "text": wording.line(text, MAX_TEXT),
        "severity": incident.severity,
    }
    return Line("message.requested", payload)
