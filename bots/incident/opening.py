"""Opens an incident for what happened, or adds to the one that is about the same already.

Alerts of a service in an environment are one incident, as are its failing deployments; findings and
reports by people are one for each fingerprint.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import report
import states
import wording
from store import Entry, Incident

if TYPE_CHECKING:
    from store import Store
    from task import Line, Task

SEVERITIES = ("low", "medium", "high", "critical")
MAX_TITLE, MAX_TEXT = 256, 1000
MAX_FINGERPRINT = 128


class Matter(NamedTuple):
    """What an event is about. `alert_id` is empty for what is no alert."""

    fingerprint: str
    title: str
    severity: str
    text: str
    service: str = ""
    environment: str = ""
    alert_id: str = ""


def open_incident(task: Task, store: Store) -> tuple[Line, ...]:
    """What is said about an event that is, or belongs to, an incident."""
    matter = matter_of(task.event, task.payload)
    known = store.unresolved(matter.fingerprint)
    entry = Entry(task.at, "alert", task.source, matter.text, task.event_id)
    if known is None:
        incident = _new(matter, task)
        store.add(incident)
        _remember(store, incident, matter, entry)
        return (report.created(incident, store),)
    incident = _worse(known, matter.severity)
    status = states.after(
        incident.status, states.RELAPSE, acknowledged=bool(incident.acknowledged_at)
    )
    mitigated = "" if status != incident.status else incident.mitigated_at
    incident = incident._replace(status=status, mitigated_at=mitigated)
    store.change(incident)
    _remember(store, incident, matter, entry)
    return (report.updated(incident, store),)


def matter_of(event: str, payload: dict[str, Any]) -> Matter:
    """What an event is about, by its type."""
    return _MATTERS.get(event, _reported)(payload)


def place(service: str, environment: str) -> str:
    """The fingerprint of incidents of a service in an environment."""
    return _short(f"{service}|{environment}")


def _alert(payload: dict[str, Any]) -> Matter:
    service, environment, rule = (payload[one] for one in ("service", "environment", "rule"))
    usual = f", usual {payload['baseline']}" if "baseline" in payload else ""
    release = f", release {payload['release']}" if "release" in payload else ""
    said = f"{payload['severity']}: {rule}: {payload['metric']} = {payload['value']}"
    return Matter(
        place(service, environment),
        _title(f"{rule} of {service} in {environment}"),
        payload["severity"],
        _text(f"{said}{usual}{release} (alert {payload['alert_id']})"),
        service,
        environment,
        payload["alert_id"],
    )


def _security(payload: dict[str, Any]) -> Matter:
    title = f"{payload['rule']} in {payload['repository']}"
    said = f"{payload['severity']}: {title}: {payload['message']} (alert {payload['alert_id']})"
    return Matter(
        _short(f"security|{payload['fingerprint']}"),
        _title(title),
        payload["severity"],
        _text(said),
        service=payload["repository"],
        alert_id=payload["alert_id"],
    )


def _violation(payload: dict[str, Any]) -> Matter:
    title = f"{payload['framework']} {payload['control']} does not hold for {payload['resource']}"
    return Matter(
        _short(f"compliance|{payload['fingerprint']}"),
        _title(title),
        payload["severity"],
        _text(f"{payload['severity']}: {title}: {payload['message']}"),
    )


def _unstable(payload: dict[str, Any]) -> Matter:
    service, environment = payload["service"], payload["environment"]
    title = f"deployments of {service} in {environment} fail again and again"
    return Matter(
        place(service, environment),
        _title(title),
        payload["severity"],
        _text(f"{payload['severity']}: {title}"),
        service,
        environment,
    )


def _reported(payload: dict[str, Any]) -> Matter:
    said = f"{payload['severity']}: {payload['title']}"
    title = _title(payload["title"]) or "an incident without a title"
    return Matter(payload["fingerprint"], title, payload["severity"], _text(said))


_MATTERS = {
    "alert.triggered": _alert,
    "security.alert": _security,
    "compliance.violation": _violation,
    "deploy.unstable": _unstable,
    "incident.reported": _reported,
}


def _new(matter: Matter, task: Task) -> Incident:
    return Incident(
        task.incident_id,
        matter.fingerprint,
        matter.title,
        matter.severity,
        matter.service,
        matter.environment,
        task.at,
    )


def _worse(incident: Incident, severity: str) -> Incident:
    worst = max(incident.severity, severity, key=SEVERITIES.index)
    return incident._replace(severity=worst)


def _remember(store: Store, incident: Incident, matter: Matter, entry: Entry) -> None:
    store.note(incident, entry)
    if matter.alert_id:
        store.fire(incident, matter.alert_id, firing=True)


def _short(text: str) -> str:
    """A text as it is, or what stands for it where it is too long for a fingerprint."""
    return text if len(text) <= MAX_FINGERPRINT else sha256(text.encode()).hexdigest()


def _title(text: str) -> str:
    return wording.line(text, MAX_TITLE)


def _text(text: str) -> str:
    return wording.line(text, MAX_TEXT)
