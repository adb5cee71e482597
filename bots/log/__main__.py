"""LogBot: indexes logs, searches in them, says what is new or frequent in them.

Reads one job as JSON from standard input, writes one event per line to standard output. It reads
logs and changes nothing but its own index.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import index
import insights
import search
from failure import LaterError, NothingError, QueryError, StoreError
from task import Task

if TYPE_CHECKING:
    from task import Line

TRY_AGAIN = 75
ACTIONS = {"index": index.index, "search": search.search, "find-insights": insights.find_insights}


def main() -> None:
    """One job, from standard input to standard output."""
    job = json.load(sys.stdin)
    try:
        for line in ACTIONS[job["action"]](_task(job)):
            emit(line, Path(job["paths"]["out"]))
    except NothingError as error:
        sys.exit(f"nothing was looked at: {error}")
    except (QueryError, StoreError) as error:
        sys.exit(str(error))
    except LaterError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(TRY_AGAIN)


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
    event, places = job["event"], job["paths"].get("places", {})
    return Task(
        key=job["idempotency_key"],
        at=datetime.fromisoformat(event["timestamp"]).astimezone(UTC),
        payload=event["payload"],
        state=Path(places.get("state", "/nonexistent")),
        logs=Path(places.get("logs", "/nonexistent")),
        timeout_s=float(job["timeout_s"]),
    )


if __name__ == "__main__":
    main()
