"""ScalingBot: as many instances as are needed, for as long as they are needed, within the bounds.

Reads one job as JSON from standard input, writes one event per line to standard output. It asks
the host by a door that scales and does nothing else; every change is a lease that runs out.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import policy
import samples
from failure import NothingError, UnfitError
from forecasting import HOUR_S, forecast
from samples import Place
from scaling import scale
from task import Line, Task
from wanted import Sample, is_sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
RELAY = "scale"
DAY_S = 24 * HOUR_S


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    try:
        for line in _lines(job, started):
            emit(line)
    except NothingError as error:
        sys.exit(f"nothing was looked at: {error}")
    except UnfitError as error:
        sys.exit(str(error))


def _lines(job: dict[str, Any], started: float) -> Iterable[Line]:
    event, paths = job["event"], job["paths"]
    task = Task(
        key=job["idempotency_key"],
        at=datetime.fromisoformat(event["timestamp"]).timestamp(),
        payload=event["payload"],
        state=Path(paths["places"]["state"]),
        relay=paths.get("relays", {}).get(RELAY, ""),
        until=started + 0.8 * float(job["timeout_s"]),
        policy=policy.read(HERE / "policy.toml"),
    )
    return {"scale": scale, "record": record, "forecast": foresee}[job["action"]](task)


def record(task: Task) -> Iterator[Line]:
    """Remember how busy a service was. There is nothing to say about that."""
    payload = task.payload
    if not is_sound(payload["instances"], payload["utilization"]):
        raise UnfitError("the sample is not sound")
    place = Place(payload["service"], payload["environment"])
    sample = Sample(task.at, payload["instances"], payload["utilization"])
    samples.record(task.state, place, sample, keep_s=task.policy.keep_days * DAY_S)
    yield from ()


def foresee(task: Task) -> Iterator[Line]:
    """A `scale.forecast` for every service of which anything was measured lately."""
    asked = 0
    for place in samples.places(task.state):
        known = samples.between(task.state, place, task.at - task.policy.keep_days * DAY_S, task.at)
        if not known or known[-1].at < task.at - DAY_S:
            continue
        asked += 1
        found = forecast(known, now=task.at, hours=task.policy.forecast_hours)
        yield Line(
            "scale.forecast",
            {
                **place._asdict(),
                "checked": len(known),
                "hours": task.policy.forecast_hours,
                "instances": found.instances,
                "error": round(found.error, 4),
                "season_h": found.season,
            },
        )
    if not asked:
        raise NothingError("no service was measured within a day")


def emit(line: Line) -> None:
    """One line of output."""
    data = (
        json.dumps({"type": line.type, "payload": line.payload, "artifacts": []}).encode() + b"\n"
    )
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
