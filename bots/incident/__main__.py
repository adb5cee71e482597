"""IncidentBot: opens incidents, follows them, asks the next in line, reports on them.

Reads one job as JSON from standard input, writes one event per line to standard output. It keeps
its incidents in a store of its own, and changes nothing else; it resolves no incident by itself.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coordination
import opening
import report
import tracking
from failure import LaterError, NothingError, StoreError
from store import store
from task import Task

if TYPE_CHECKING:
    from task import Line

TRY_AGAIN = 75
ACTIONS = {
    "open": opening.open_incident,
    "track": tracking.track,
    "coordinate": coordination.coordinate,
    "report": report.resolve,
}


def main() -> None:
    """One job, from standard input to standard output."""
    job = json.load(sys.stdin)
    task = _task(job)
    try:
        lines = handle(task)
    except (NothingError, StoreError) as error:
        sys.exit(str(error))
    except LaterError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(TRY_AGAIN)
    for line in lines:
        emit(line, Path(job["paths"]["out"]))


def handle(task: Task) -> tuple[Line, ...]:
    """What is said about an event; what was said before, if it comes again.

    Raises:
        LaterError: another attempt may have a result.
        NothingError: there is nothing that this could be about.
        StoreError: the store cannot be used.
    """
    with store(task.state) as kept:
        said = kept.said(task.key)
        if said is None:
            said = ACTIONS[task.action](task, kept)
            kept.say(task.key, task.at, said)
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


def _task(job: dict[str, Any]) -> Task:
    event, places = job["event"], job["paths"]["places"]
    moment = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
    return Task(
        action=job["action"],
        event_id=event["id"],
        event=event["type"],
        source=event["source"],
        at=moment.isoformat(timespec="seconds"),
        payload=event["payload"],
        state=Path(places["state"]),
        responders=Path(places["responders"]) if "responders" in places else None,
    )


if __name__ == "__main__":
    main()
