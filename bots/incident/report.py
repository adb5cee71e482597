"""What people read of an incident: its ticket when it is opened, its report when it is resolved.

Both are made from the store and nothing else, so the same incident gives the same bytes. Texts come
from elsewhere; they are text in a page, whatever they say.
"""

from __future__ import annotations

import base64
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import states
import wording
from failure import NothingError
from store import Entry
from task import File, Line

if TYPE_CHECKING:
    from store import Incident, Store
    from task import Task

TICKET, PAGE, POST_MORTEM = "ticket.json", "ticket.md", "post-mortem.md"
PEOPLE = ("cli", "ingress")
MAX_TEXT = 1000
BY_A_PERSON = "*To be written by a person.*"


def created(incident: Incident, store: Store) -> Line:
    """That an incident was opened, with its ticket."""
    ticket = File(TICKET, "incident-ticket", "application/json", _ticket(incident, store))
    page = File(PAGE, "incident-ticket", "text/markdown", _page(incident, store))
    payload = {
        "incident_id": incident.id,
        "fingerprint": incident.fingerprint,
        "title": incident.title,
        "severity": incident.severity,
        "ticket_uri": _uri(ticket),
        "alerts": len(store.alerts(incident)),
        "timeline_entries": store.entries(incident),
    }
    return Line("incident.created", payload, (ticket, page))


def updated(incident: Incident, store: Store) -> Line:
    """That the timeline of an incident grew."""
    payload = {
        "incident_id": incident.id,
        "fingerprint": incident.fingerprint,
        "status": incident.status,
        "timeline_entries": store.entries(incident),
    }
    return Line("incident.updated", payload)


def resolve(task: Task, store: Store) -> tuple[Line, ...]:
    """Resolve an incident because a person says so, and report on it; once.

    Raises:
        NothingError: there is no such incident, or no person said so.
    """
    if task.source.partition(".")[0] not in PEOPLE or not task.payload["resolved_by"].strip():
        raise NothingError(f"{task.source!r} is no person: only people resolve incidents")
    incident = store.named(task.payload["incident_id"])
    if incident is None:
        raise NothingError(f"no incident is called {task.payload['incident_id']!r}")
    if incident.status == states.RESOLVED:
        sys.stderr.write(f"{incident.id} was resolved before\n")
        return ()
    incident = incident._replace(
        status=states.after(incident.status, states.RESOLVE, acknowledged=False),
        resolved_at=task.at,
        resolved_by=wording.line(task.payload["resolved_by"], MAX_TEXT),
        resolution=wording.line(task.payload.get("resolution", ""), MAX_TEXT),
    )
    store.change(incident)
    said = f"{incident.resolved_by} declares it resolved"
    store.note(incident, Entry(task.at, "resolved", task.source, said, task.event_id))
    return (_reported(incident, store),)


def _reported(incident: Incident, store: Store) -> Line:
    file = File(POST_MORTEM, "post-mortem", "text/markdown", post_mortem(incident, store))
    payload = {"post_mortem": file.digest, "timeline_entries": store.entries(incident)}
    return Line("incident.postmortem", payload, (file,))


def post_mortem(incident: Incident, store: Store) -> str:
    """The report of a resolved incident. What only people know is theirs to write."""
    resolution = wording.markdown(incident.resolution) or "Not said."
    return (
        f"# {_text(f'{incident.id}: {incident.title}')}\n\n"
        f"{_facts(incident, store)}\n"
        "## Times\n\n"
        "| from the beginning until somebody | after | at | who |\n|---|---|---|---|\n"
        f"{_time('took charge', incident, incident.acknowledged_at, incident.acknowledged_by)}"
        f"{_time('or something ended the harm', incident, incident.mitigated_at, '')}"
        f"{_time('declared it resolved', incident, incident.resolved_at, incident.resolved_by)}\n"
        f"{_timeline(incident, store)}\n"
        f"## Resolution\n\n{resolution}\n\n"
        f"## Root cause\n\n{BY_A_PERSON}\n\n"
        f"## What to do so that it does not happen again\n\n{BY_A_PERSON}\n"
    )


def _page(incident: Incident, store: Store) -> str:
    return (
        f"# {_text(f'{incident.id}: {incident.title}')}\n\n"
        f"{_facts(incident, store)}\n"
        f"{_timeline(incident, store)}\n"
        "Whoever takes charge acknowledges an alert, or the incident by its id; nobody but a "
        "person resolves it.\n"
    )


def _ticket(incident: Incident, store: Store) -> str:
    found = {
        "version": 1,
        "incident_id": incident.id,
        "fingerprint": incident.fingerprint,
        "title": incident.title,
        "severity": incident.severity,
        "service": incident.service,
        "environment": incident.environment,
        "status": incident.status,
        "opened_at": incident.opened_at,
        "alerts": sorted(store.alerts(incident)),
        "timeline": [one._asdict() for one in store.timeline(incident)],
    }
    return json.dumps(found, indent=1) + "\n"


def _facts(incident: Incident, store: Store) -> str:
    rows = (
        ("Severity", incident.severity),
        ("State", incident.status),
        ("Service", incident.service),
        ("Environment", incident.environment),
        ("Begun", incident.opened_at),
        ("Alerts", ", ".join(store.alerts(incident))),
        ("Fingerprint", incident.fingerprint),
    )
    return "".join(f"- {name}: {_text(value)}\n" for name, value in rows if value)


def _time(what: str, incident: Incident, at: str, who: str) -> str:
    if not at:
        return f"| {what} | never | | |\n"
    after = datetime.fromisoformat(at) - datetime.fromisoformat(incident.opened_at)
    said = wording.duration(after.total_seconds())
    return f"| {what} | {said} | {_text(at)} | {_text(who)} |\n"


def _timeline(incident: Incident, store: Store) -> str:
    entries = store.timeline(incident)
    rows = "".join(
        f"| {_text(one.at)} | {_text(one.kind)} | {_text(one.source)} | {_text(one.text)} |\n"
        for one in entries
    )
    more = store.entries(incident) - len(entries)
    rest = f"\n{more} more entries were counted, but not kept.\n" if more else ""
    return f"## Timeline\n\n| at | what | told by | |\n|---|---|---|---|\n{rows}{rest}"


def _uri(file: File) -> str:
    """RFC 6920, section 3: a file by its digest, wherever it is kept."""
    raw = bytes.fromhex(file.digest.removeprefix("sha256:"))
    name = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return f"ni:///sha-256;{name}?ct={file.media_type}"


def _text(text: str) -> str:
    return wording.markdown(text)
