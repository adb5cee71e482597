"""Stays with a new release, until something is wrong with it or its time is over."""

from __future__ import annotations

import sys
import time
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING

import detector
from alerts import SHORT, Alert, load, memory, save
from detector import Baseline, Interval, Objective
from failure import DoorError, NothingError
from prometheus import Counters
from task import Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from door import Door, Health, Target
    from task import Task

INTERVAL_S = 0.5
SPARE_S = 15.0
FAILURES = 3
"""Looks at its health that a release may fail in a row, less one."""

MISSED = 20
"""Looks in a row for which the door may be away, less one."""

SAVED = 20
"""Looks after which the baseline is written down: what it was before, until the watch ends well."""


def watch(task: Task, door: Door) -> Iterator[Line]:
    """An `alert.triggered` if something is wrong with the release; nothing if all is well."""
    watched = Watch(task, door)
    found = watched.run(until=time.monotonic() + task.timeout_s - SPARE_S)
    if found is None:
        return
    with memory(task.state) as kept:
        said = kept.trigger(found, key=task.key, at=task.at)
    if said is not None:
        # The engine fills these in, with the same values.
        del said["service"], said["environment"]
        yield Line("alert.triggered", said)


class Watch:
    """A watch over the release that a deployment put in service."""

    def __init__(self, task: Task, door: Door) -> None:
        self._door = door
        self._service = task.payload["service"]
        self._environment = task.payload["environment"]
        self._release = task.payload["active"]
        self._path = _path(task.state, self._service, self._environment)
        self._watching = detector.begin(_baseline(self._path))
        # Of a new release everything counts; a former one has counters from before.
        self._before = Counters() if task.payload["action"] == "deploy" else None
        self._unhealthy = 0
        self._through = False
        self._wanted = detector.NOTHING

    def run(self, *, until: float) -> Alert | None:
        """What is wrong with the release; None when the time is over or another one is active.

        Raises:
            DoorError: the door was away for too long.
            NothingError: the host does not know the service.
        """
        target = self._target()
        if target is None:
            where = f"`{self._service}` in {self._environment}"
            raise NothingError(f"the host does not know {where}; is it among its `services`?")
        self._wanted = _objective(target)
        found = self._stay(min(until, time.monotonic() + target.watch_s))
        self._save()
        return found

    def _stay(self, until: float) -> Alert | None:
        missed = 0
        for count in _paces(until):
            try:
                seen = self._see()
            except DoorError as error:
                missed += 1
                if missed >= MISSED:
                    self._save()
                    raise
                sys.stderr.write(f"{error}\n")
                continue
            missed = 0
            if seen is None:
                return None
            found = self._judge(*seen)
            if found is not None:
                return found
            if count % SAVED == 0:
                self._save()
        self._through = True
        return None

    def _see(self) -> tuple[Counters, Health] | None:
        """One look at the release; None if it is no longer the active one."""
        target = self._target()
        if target is None or target.release != self._release:
            return None
        key = (self._service, self._environment, self._release)
        health = self._door.probe(target.name)
        return self._door.metrics().get(key, Counters()), health

    def _target(self) -> Target | None:
        for one in self._door.targets():
            if one.release and (one.service, one.environment) == (self._service, self._environment):
                return one
        return None

    def _judge(self, counters: Counters, health: Health) -> Alert | None:
        self._unhealthy = 0 if health.passed else self._unhealthy + 1
        if self._unhealthy >= FAILURES:
            return self._alert("health-check", "health_status", health.status, "critical")
        before, self._before = self._before, counters
        interval = _between(before, counters)
        if interval is None:
            return None
        self._watching, found = detector.observe(self._watching, interval, self._wanted)
        if found is None:
            return None
        return self._alert(*found[:3], "high", baseline=found.baseline)

    def _alert(
        self,
        rule: str,
        metric: str,
        value: float,
        severity: str,
        *,
        baseline: float | None = None,
    ) -> Alert:
        return Alert(
            self._service,
            self._environment,
            rule,
            metric,
            value,
            severity,
            baseline,
            self._release,
        )

    def _save(self) -> None:
        self._path.parent.mkdir(exist_ok=True)
        save(self._path, detector.dump(detector.usual(self._watching, well=self._through)))


def _paces(until: float) -> Iterator[int]:
    """Counts from 1, once every `INTERVAL_S`; at least once."""
    count, due = 0, time.monotonic()
    while True:
        count += 1
        yield count
        # After a slow look the pace begins anew, instead of hurrying.
        due = max(due + INTERVAL_S, time.monotonic())
        if due >= until:
            return
        time.sleep(max(0.0, due - time.monotonic()))


def _between(before: Counters | None, after: Counters) -> Interval | None:
    """What happened between two readings; None if that cannot be told: the host began anew."""
    if before is None or any(now < then for now, then in zip(after, before, strict=True)):
        return None
    requests, errors, answered, seconds = (
        now - then for now, then in zip(after, before, strict=True)
    )
    # A request is counted when it begins, its error when it ends: maybe only the latter is new.
    asked = max(requests, errors)
    return Interval(int(asked), int(errors), int(answered), seconds if answered else 0.0)


def _objective(target: Target) -> Objective:
    latency, errors = target.latency_ms, target.error_ratio
    return Objective(inf if latency is None else latency / 1000, 1.0 if errors is None else errors)


def _baseline(path: Path) -> Baseline:
    """What is usual for the service; a note that cannot be used is as good as none."""
    found = load(path)
    if found is None:
        return Baseline()
    try:
        return detector.restore(found)
    except ValueError as error:
        sys.stderr.write(f"the baseline is learned anew: {error}\n")
        return Baseline()


def _path(state: Path, service: str, environment: str) -> Path:
    name = sha256(f"{service}\0{environment}".encode()).hexdigest()[:SHORT]
    return state / "baselines" / f"{name}.json"
