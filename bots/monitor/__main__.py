"""MonitorBot: looks at what is in service, and says when something is wrong.

Reads one job as JSON from standard input, writes one event per line to standard output. It looks
by way of the host's door for monitoring, which only answers, and changes nothing but its own notes.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import assess
import health
import sampling
import watch
from door import Door
from failure import DoorError, NothingError
from task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from task import Line

RELAY = "monitor"
TRY_AGAIN = 75


def main() -> None:
    """One job, from standard input to standard output."""
    job = json.load(sys.stdin)
    try:
        for line in _lines(job):
            emit(line)
    except NothingError as error:
        sys.exit(f"nothing was looked at: {error}")
    except DoorError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(TRY_AGAIN)


def _lines(job: dict[str, Any]) -> Iterable[Line]:
    places, event = job["paths"].get("places", {}), job["event"]
    moment = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
    task = Task(
        key=job["idempotency_key"],
        at=moment.isoformat(timespec="seconds"),
        event=event["type"],
        payload=event["payload"],
        out=Path(job["paths"]["out"]),
        state=Path(places.get("state", "/nonexistent")),
        timeout_s=float(job["timeout_s"]),
    )
    if job["action"] == "assess":
        return assess.assess(task)
    look = {"probe": health.probe, "sample": sampling.sample, "watch": watch.watch}[job["action"]]
    return look(task, Door(job["paths"]["relays"][RELAY]))


def emit(line: Line) -> None:
    """One line of output."""
    said = {"type": line.type, "payload": line.payload, "artifacts": list(line.artifacts)}
    data = json.dumps(said).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
