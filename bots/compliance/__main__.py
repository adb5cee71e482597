"""ComplianceBot: checks controls against what the engine recorded, reports, flags violations.

Reads one job as JSON from standard input, writes one event per line to standard output. It reads
the record of events and the audit log, and changes nothing but its own notes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import auditlog
import controls
import evaluate
import facts
import record
import report
from failure import LaterError, NothingError
from memory import Line, memory

if TYPE_CHECKING:
    from controls import Policy
    from memory import Memory
    from record import Record

TRY_AGAIN = 75
STALE = timedelta(minutes=5)
"""How far behind the clock of the schedule the record may be."""

MAX_LINES = 500
"""Violations that are said at once; the report has all."""

MAX_NAME = 128


class Task(NamedTuple):
    """A job: the event that started it (`at`: its time, in UTC), and its folders."""

    event_id: str
    event: str
    source: str
    at: datetime
    places: dict[str, Path]

    @property
    def key(self) -> str:
        """The same for the same event, in whichever job it comes again."""
        return sha256(f"{self.source}\0{self.event_id}".encode()).hexdigest()

    @property
    def moment(self) -> str:
        """Its time as text."""
        return self.at.isoformat(timespec="seconds")


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    try:
        lines = handle(_task(job), started)
    except NothingError as error:
        sys.exit(f"nothing was checked: {error}")
    except LaterError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(TRY_AGAIN)
    for line in lines:
        emit(line, Path(job["paths"]["out"]))


def handle(task: Task, started: float) -> tuple[Line, ...]:
    """What is said; what was said before, if the event comes again.

    Raises:
        LaterError: the record does not reach the event yet.
        NothingError: nothing can be checked.
    """
    with memory(task.places["state"]) as kept:
        said = kept.said(task.key)
        if said is None:
            said = _check(task, kept, started)
            kept.say(task.key, said)
        return said


def emit(line: Line, out: Path) -> None:
    """One line of output, with its files."""
    for file in line.files:
        (out / file.path).write_text(file.text, encoding="utf-8")
    entries = [
        {"path": one.path, "kind": one.kind, "media_type": one.media_type} for one in line.files
    ]
    said = {"type": line.type, "payload": line.payload, "artifacts": entries}
    data = json.dumps(said).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _check(task: Task, kept: Memory, started: float) -> tuple[Line, ...]:
    policy = controls.read(task.places["policies"], task.at.date())
    found = record.read(task.places["system-state"], facts.ROWS)
    copies = {one.copy for one in found.events}
    log = auditlog.read(task.places["audit"], copies, key=policy.audit_key)
    _reaches(task, found, log)
    parameters = {**policy.parameters, "now": (task.moment,)}
    known = facts.database(found, log, parameters)
    results = evaluate.evaluate(known, policy, task.at.date())
    deployments = facts.ask(known, "SELECT count(*) FROM production")[0][0]
    if not any(one.checked for one in results):
        problems = [f"`{one.control.id}`: {one.problem}" for one in results if one.problem]
        raise NothingError("; ".join(problems) or "no control has anything to speak of")
    summary = report.Summary(
        task.moment, task.at.date(), found.as_of, deployments, policy, log, results
    )
    return _said(summary, kept, started)


def _reaches(task: Task, found: Record, log: auditlog.Log) -> None:
    """Refuse to judge by a state that does not have what the job is about."""
    if task.event == "deploy.completed":
        of_event = [
            one for one in found.events if (one.id, one.source) == (task.event_id, task.source)
        ]
        if not of_event:
            raise LaterError("the record does not have the deployment yet")
        if not log.fault and not any(one.copy in log.decided for one in of_event):
            raise LaterError("the audit log does not have the deployment yet")
    elif datetime.fromisoformat(found.as_of) < task.at - STALE:
        raise LaterError(f"the record was complete at {found.as_of}, not since")


def _said(summary: report.Summary, kept: Memory, started: float) -> tuple[Line, ...]:
    """Violations that are new, then the report; the memory knows of both."""
    results, policy = summary.results, summary.policy
    numbers = summary.numbers()
    now = {one.fingerprint: one for result in results for one in result.flagged}
    fresh = [name for name in now if name not in kept.open][:MAX_LINES]
    known = {name: at for name, at in kept.open.items() if name in now}
    kept.open = {**known, **dict.fromkeys(fresh, summary.at)}
    kept.history.append(numbers)
    severities = {one.control.id: one.control for one in results}
    lines = [_violation(now[name], severities[now[name].control], policy) for name in fresh]
    errors = any(one.status == evaluate.ERROR for one in results)
    outcome = "error" if errors else "failure" if numbers["violations"] else "success"
    payload = {
        "framework": policy.name,
        "outcome": outcome,
        "checked": numbers["checked"],
        "suppressed": numbers["suppressed"],
        "violations": numbers["violations"],
        "duration_s": round(time.monotonic() - started, 3),
    }
    return (*lines, Line("compliance.report", payload, report.files(summary, kept.history)))


def _violation(one: evaluate.Violation, control: controls.Control, policy: Policy) -> Line:
    references = ", ".join(control.frameworks)
    framework = references if len(references) <= MAX_NAME else policy.name
    payload = {
        "framework": framework,
        "control": control.id,
        "resource": one.resource,
        "severity": control.severity,
        "message": f"{control.title}: {one.message}",
        "fingerprint": one.fingerprint,
        "evidence": list(one.evidence),
    }
    return Line("compliance.violation", payload)


def _task(job: dict[str, Any]) -> Task:
    event = job["event"]
    return Task(
        event["id"],
        event["type"],
        event["source"],
        datetime.fromisoformat(event["timestamp"]).astimezone(UTC),
        {name: Path(path) for name, path in job["paths"]["places"].items()},
    )


if __name__ == "__main__":
    main()
