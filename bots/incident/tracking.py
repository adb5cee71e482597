"""Follows what becomes of incidents: somebody takes charge, what was wrong passes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import opening
import report
import states
import wording
from store import Entry

if TYPE_CHECKING:
    from store import Incident, Store
    from task import Line, Task

MAX_TEXT = 1000


def track(task: Task, store: Store) -> tuple[Line, ...]:
    """What is said about an incident to which something happened; nothing if there is none."""
    found, entry, what = {
        "alert.acknowledged": _acknowledged,
        "alert.resolved": _over,
        "deploy.completed": _rolled_back,
    }[task.event](task, store)
    if found is None:
        sys.stderr.write(f"no unresolved incident is about this {task.event}\n")
        return ()
    incident = _step(found, what, task) if what else found
    store.change(incident)
    store.note(incident, entry)
    return (report.updated(incident, store),)


def _acknowledged(task: Task, store: Store) -> tuple[Incident | None, Entry, str]:
    who = task.payload["acknowledged_by"]
    entry = _entry(task, "acknowledged", f"{who} takes charge")
    return store.alerted(task.payload["alert_id"]), entry, states.ACKNOWLEDGE


def _over(task: Task, store: Store) -> tuple[Incident | None, Entry, str]:
    """An alert is over; with the last one the harm ends."""
    alert_id, rule = task.payload["alert_id"], task.payload["rule"]
    found = store.alerted(alert_id)
    said = f"over: {rule}: {task.payload['metric']} = {task.payload['value']} (alert {alert_id})"
    entry = _entry(task, "over", said)
    if found is None:
        return None, entry, ""
    store.fire(found, alert_id, firing=False)
    still = any(store.alerts(found).values())
    return found, entry, "" if still else states.MITIGATE


def _rolled_back(task: Task, store: Store) -> tuple[Incident | None, Entry, str]:
    service, environment = task.payload["service"], task.payload["environment"]
    found = store.unresolved(opening.place(service, environment))
    done = task.payload["outcome"] == "success"
    said = f"rollback of {task.payload['release']}: {task.payload['outcome']}"
    active = f", {task.payload['active']} is in service"
    entry = _entry(task, "rollback", said + active)
    return found, entry, states.MITIGATE if done else ""


def _step(incident: Incident, what: str, task: Task) -> Incident:
    """An incident after `what`; the first time counts."""
    status = states.after(incident.status, what, acknowledged=bool(incident.acknowledged_at))
    incident = incident._replace(status=status)
    if what == states.ACKNOWLEDGE and not incident.acknowledged_at:
        who = wording.line(task.payload["acknowledged_by"], MAX_TEXT)
        incident = incident._replace(acknowledged_at=task.at, acknowledged_by=who)
    if what == states.MITIGATE and not incident.mitigated_at:
        incident = incident._replace(mitigated_at=task.at)
    return incident


def _entry(task: Task, kind: str, text: str) -> Entry:
    return Entry(task.at, kind, task.source, wording.line(text, MAX_TEXT), task.event_id)
