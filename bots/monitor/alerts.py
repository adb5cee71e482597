"""Which alerts are open, kept from job to job: what is open is not said again.

An alert is written down before it is said, with the key of the job that says it: if that job is
cut off in between and repeated, it says it again, under the same id.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "alerts.json"
MAX_ALERTS = 2_000
SHORT = 16


class Alert(NamedTuple):
    """Something that is wrong. `release` is empty unless it is about a watched release."""

    service: str
    environment: str
    rule: str
    metric: str
    value: float
    severity: str
    baseline: float | None = None
    release: str = ""
    detail: str = ""
    """Tells alerts of the same service, environment and rule apart."""

    @property
    def fingerprint(self) -> str:
        """The same for what is the same problem, whenever it shows."""
        parts = [self.service, self.environment, self.rule, *([self.detail] if self.detail else [])]
        return sha256("\0".join(parts).encode()).hexdigest()[:SHORT]


class Open(NamedTuple):
    """An alert that was said, by which job and when (the time of its event)."""

    alert: Alert
    alert_id: str
    key: str
    at: str
    resolved_by: str = ""


class Memory:
    """What is known of alerts, and how often in a row each group of targets failed."""

    def __init__(self, found: object) -> None:
        self.open: dict[str, Open] = {}
        self.failures: dict[str, int] = {}
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            self._restore(found)

    def _restore(self, found: Any) -> None:  # noqa: ANN401 - JSON; whatever does not fit raises
        opened = {name: Open(Alert(*one[0]), *one[1:]) for name, one in found["open"].items()}
        counted = {name: int(count) for name, count in found["failures"].items()}
        self.open, self.failures = opened, counted

    def dump(self) -> dict[str, Any]:
        """Plain data, for JSON; of too many alerts the oldest are forgotten."""
        kept = sorted(self.open.items(), key=lambda item: item[1].at)[-MAX_ALERTS:]
        return {"open": dict(kept), "failures": self.failures}

    def trigger(self, alert: Alert, *, key: str, at: str, again: str = "") -> dict[str, Any] | None:
        """The payload of `alert.triggered`; None if it is open already.

        If another release has the same problem it is said anew, under the same id: it is not over.
        What has been open since before `again` is said anew as another one.
        """
        mark = alert.fingerprint
        name = f"{mark}-{sha256(key.encode()).hexdigest()[:SHORT]}"
        known = self.open.get(mark)
        if known is not None and not known.resolved_by:
            other = bool(alert.release) and known.alert.release != alert.release
            if known.key != key and not other and known.at >= again:
                return None
            if known.key == key or other:
                name = known.alert_id
        self.open[mark] = Open(alert, name, key, at)
        return payload(self.open[mark], alert.value)

    def resolve(self, known: Open, value: float, *, key: str) -> dict[str, Any] | None:
        """The payload of `alert.resolved`; None if another job has said so."""
        if known.resolved_by not in {"", key}:
            return None
        self.open[known.alert.fingerprint] = known._replace(resolved_by=key)
        return payload(known, value)

    def forget(self, *, key: str) -> None:
        """Drop what other jobs have resolved."""
        self.open = {name: one for name, one in self.open.items() if one.resolved_by in {"", key}}


def payload(known: Open, value: float) -> dict[str, Any]:
    """What all events about an alert say; `state` is filled in by the engine."""
    alert = known.alert
    said: dict[str, Any] = {
        "alert_id": known.alert_id,
        "service": alert.service,
        "environment": alert.environment,
        "rule": alert.rule,
        "metric": alert.metric,
        "value": value,
        "severity": alert.severity,
        "fingerprint": alert.fingerprint,
    }
    return said if alert.baseline is None else {**said, "baseline": alert.baseline}


@contextmanager
def memory(folder: Path) -> Iterator[Memory]:
    """The memory, for one run at a time; written when nothing went wrong."""
    with (folder / f"{FILE}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = Memory(load(folder / FILE))
        yield kept
        save(folder / FILE, kept.dump())


def load(path: Path) -> object:
    """The JSON of a file; None if there is none, or none that can be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def save(path: Path, found: object) -> None:
    """Write JSON so that whoever reads finds all of it, or all of what was there before."""
    written = path.with_name(f"{path.name}.{os.getpid()}")
    with written.open("w", encoding="utf-8") as file:
        json.dump(found, file)
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
