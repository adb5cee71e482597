"""Makes alerts of what databases and logs show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alerts import Alert, memory
from task import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from task import Task

LONG_S = 600
WRAPAROUND = 1_000_000_000
AGAIN = timedelta(hours=1)
"""Nobody says when these have passed; what still holds after so long is said again."""


def assess(task: Task) -> Iterator[Line]:
    """The alerts that the event of this job gives rise to, but for those that are open."""
    found = _database(task) if task.event == "database.measured" else _log(task)
    again = (datetime.fromisoformat(task.at) - AGAIN).isoformat(timespec="seconds")
    with memory(task.state) as kept:
        said = [kept.trigger(alert, key=task.key, at=task.at, again=again) for alert in found]
    for payload in said:
        if payload is not None:
            # The engine fills it in, with the same value.
            del payload["environment"]
            yield Line("alert.triggered", payload)


def _database(task: Task) -> list[Alert]:
    measured = task.payload
    limits = [
        ("database-deadlocks", "deadlocks", 0, "high"),
        ("database-long-transaction", "longest_transaction_s", LONG_S, "medium"),
        ("database-wraparound", "wraparound_age", WRAPAROUND, "critical"),
    ]
    where = (measured["database"], measured["environment"])
    return [
        Alert(*where, rule, metric, measured[metric], severity, baseline=limit)
        for rule, metric, limit, severity in limits
        if measured[metric] > limit
    ]


def _log(task: Task) -> list[Alert]:
    insight = task.payload
    return [
        Alert(
            insight["service"],
            insight["environment"],
            "log-insight",
            "occurrences",
            insight["occurrences"],
            insight["severity"],
            baseline=insight["baseline"],
            detail=insight["fingerprint"],
        )
    ]
