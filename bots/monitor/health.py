"""Looks once at the health of every target, and says what changed since the last looks."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import report
from alerts import FILE, Alert, Memory, load, memory, payload
from failure import DoorError, NothingError
from prometheus import Counters
from task import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from door import Door, Health, Target
    from prometheus import Key
    from task import Task

FAILURES = 2
"""Looks in a row that fail before it is an alert."""

LOOK_S = 35.0
"""Targets whose turn has not come by then are not asked: the next look is about to begin."""

AT_ONCE = 4
RULE = "health-check"
WATCHED = {"error-burst": "errors", "latency-anomaly": "seconds"}
"""Alerts of a watch: resolved when another release is in service; and what it has counted."""


class Look(NamedTuple):
    """A target, and what it answered; None if it could not be asked, and `said` says why."""

    target: Target
    health: Health | None
    said: str = ""

    @property
    def group(self) -> tuple[str, str]:
        """Alerts are about a service in an environment, which may have several targets."""
        return (self.target.service, self.target.environment)

    @property
    def state(self) -> str:
        """In a word."""
        if self.health is None:
            return "unknown"
        if self.health.passed:
            return "passing"
        # Before its first release a service cannot be well, and nothing is wrong.
        return "idle" if self.target.idle else "failing"


def probe(task: Task, door: Door) -> Iterator[Line]:
    """A `health.reported`, and the alerts that began or ended."""
    began = time.monotonic()
    looks = look(door, until=began + LOOK_S)
    checked = [one.health for one in looks if one.health is not None]
    if not checked:
        raise DoorError("no target could be asked")
    counters = _counters(task, door)
    with memory(task.state) as kept:
        said = judge(kept, looks, counters, task=task)
        known = [one for one in kept.open.values() if not one.resolved_by]
    opened = [payload(one, one.alert.value) for one in known]
    artifacts = report.write(task.out, task.at, [_row(one) for one in looks], opened)
    states = {one.state for one in looks}
    outcome = "failure" if "failing" in states else "error" if "unknown" in states else "success"
    yield Line(
        "health.reported",
        {
            "outcome": outcome,
            "checked": len(checked),
            "duration_s": round(time.monotonic() - began, 3),
            "reports": [],
        },
        artifacts,
    )
    yield from said


def look(door: Door, *, until: float) -> list[Look]:
    """Ask every target once, a few at a time."""
    targets = door.targets()
    if not targets:
        raise NothingError("the host has no targets; configure `services` or `targets`")

    def one(target: Target) -> Look:
        if time.monotonic() > until:
            return Look(target, None, "there was no time left to ask")
        try:
            return Look(target, door.probe(target.name))
        except DoorError as error:
            return Look(target, None, str(error))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, targets))


def judge(
    kept: Memory, looks: Iterable[Look], counters: Mapping[Key, Counters] | None, *, task: Task
) -> list[Line]:
    """What began and what ended, by what was seen and what is remembered.

    Without `counters` alerts of watches stay open.
    """
    groups: dict[tuple[str, str], list[Look]] = {}
    for one in looks:
        groups.setdefault(one.group, []).append(one)
    _forget(kept, groups, key=task.key)
    lines: list[Line | None] = []
    for group, seen in sorted(groups.items()):
        failing = [one.health for one in seen if one.health and one.state == "failing"]
        passing = [one for one in seen if one.state == "passing"]
        if failing:
            lines.append(_failed(kept, group, failing[0], task=task))
        elif passing and not any(one.state == "unknown" for one in seen):
            lines += _passed(kept, group, passing, counters, task=task)
    return [one for one in lines if one is not None]


def _failed(kept: Memory, group: tuple[str, str], health: Health, *, task: Task) -> Line | None:
    alert = Alert(*group, RULE, "health_status", health.status, "critical")
    failures = kept.failures[alert.fingerprint] = kept.failures.get(alert.fingerprint, 0) + 1
    if failures < FAILURES:
        return None
    said = kept.trigger(alert, key=task.key, at=task.at)
    return Line("alert.triggered", said) if said else None


def _passed(
    kept: Memory,
    group: tuple[str, str],
    seen: list[Look],
    counters: Mapping[Key, Counters] | None,
    *,
    task: Task,
) -> Iterator[Line]:
    """The group is well: its alerts are over, those of a watch if their release is gone."""
    release = next((one.target.release for one in seen if one.target.release), "")
    (health, *_) = [one.health for one in seen if one.health]
    kept.failures.pop(_print(group), None)
    for known in list(kept.open.values()):
        alert = known.alert
        if (alert.service, alert.environment) != group:
            continue
        said = None
        if alert.rule == RULE:
            said = kept.resolve(known, health.status, key=task.key)
        elif alert.rule in WATCHED and alert.release != release and counters is not None:
            now = counters.get((*group, release), Counters())
            said = kept.resolve(known, _value(alert.rule, now), key=task.key)
        if said is not None:
            yield Line("alert.resolved", said)


def _value(rule: str, counters: Counters) -> float:
    """The same metric, of the release that is in service now."""
    if WATCHED[rule] == "errors":
        return counters.errors / counters.requests if counters.requests else 0.0
    return counters.seconds / counters.answered if counters.answered else 0.0


def _forget(kept: Memory, groups: Mapping[tuple[str, str], Any], *, key: str) -> None:
    """Nobody can say any more whether what is wrong with a group that is gone has passed."""
    kept.forget(key=key)
    ours = {RULE, *WATCHED}
    kept.open = {
        name: one
        for name, one in kept.open.items()
        if one.alert.rule not in ours or (one.alert.service, one.alert.environment) in groups
    }
    prints = {_print(group) for group in groups}
    kept.failures = {name: count for name, count in kept.failures.items() if name in prints}


def _print(group: tuple[str, str]) -> str:
    """The fingerprint of an alert about the health of a group."""
    return Alert(*group, RULE, "", 0, "").fingerprint


def _counters(task: Task, door: Door) -> Mapping[Key, Counters] | None:
    """What the front has counted, if an alert of a watch asks for it and the door says."""
    known = Memory(load(task.state / FILE)).open.values()
    if not any(one.alert.rule in WATCHED for one in known):
        return None
    try:
        return door.metrics()
    except DoorError as error:
        sys.stderr.write(f"{error}\n")
        return None


def _row(one: Look) -> dict[str, Any]:
    target, health = one.target, one.health
    row: dict[str, Any] = {
        "name": target.name,
        "service": target.service,
        "environment": target.environment,
        "release": target.release,
        "instances": target.instances,
    }
    if health is None:
        return {**row, "state": one.state, "said": one.said}
    seen = {**row, "state": one.state, "status": health.status, "ms": health.ms}
    return seen if health.passed else {**seen, "said": health.body}
