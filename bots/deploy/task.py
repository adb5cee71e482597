"""What a deployment and a rollback have in common: three health checks, a switch, and a result."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import installing
from door import Door
from failure import BadError, MootError, StoppedError, UnfitError
from host import Host
from neutral import Neutral

if TYPE_CHECKING:
    from collections.abc import Iterator

    from host import Check, Status
    from installing import Part

CHECKS = 3
PAUSE_S = 0.2
RESERVE_S = 40.0
"""Kept for leaving things as they were when the time of the job runs out."""

MAX_TEXT, MAX_REASON = 8000, 2000
MAX_BODY = 1000
HISTORY = "history.json"


class Done(NamedTuple):
    """A release is in service: the one that the event was about, the one before, the active one."""

    release: str
    previous: str | None
    active: str


class Task:
    """One job. A kind of task says what it does in `attempt`, and in `abandon` how it gives up."""

    relay = ""

    def __init__(self, job: dict[str, Any], started: float) -> None:
        self.job = job
        self.started = started
        self.end = started + float(job["timeout_s"])
        self.payload: dict[str, Any] = job["event"]["payload"]
        self.paths: dict[str, Any] = job["paths"]
        self.key = str(job["idempotency_key"])
        self.tools = Path(self.paths["toolbox"]["deploy"])
        self.out = Path(self.paths["out"])
        self.steps: list[dict[str, Any]] = []
        self.checks: list[Check] = []
        self.parts: tuple[Part, ...] = ()
        self.known: Status | None = None
        places = {str(self.out): "<out>", str(self.tools): "<tools>"}
        places |= {path: f"<{name}>" for name, path in self.paths["places"].items()}
        self.hide = Neutral(places)

    def run(self) -> None:
        """Do it, and say what came of it."""
        self._emit("deploy.started", {})
        try:
            self.host = self._host(self.end - min(RESERVE_S, float(self.job["timeout_s"]) / 4))
            done = self.attempt()
        except StoppedError as error:
            self._failed(error)
        else:
            self._completed(done)

    def attempt(self) -> Done:
        """Put a release in service.

        Raises:
            StoppedError: it was not.
        """
        raise NotImplementedError

    def abandon(self, reason: str) -> None:
        """Leave the host as it was."""

    def ask_status(self) -> Status:
        """How things are now."""
        self.known = self.host.status()
        return self.known

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a part of the work."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps.append({"name": name, "ms": round((time.monotonic() - began) * 1000)})

    def check(self, release: str) -> None:
        """Have the release looked at three times.

        Raises:
            BadError: it did not say each time that it is well.
        """
        with self.step("check"):
            for number in range(1, CHECKS + 1):
                if number > 1:
                    time.sleep(PAUSE_S)
                found = self.host.check(release)
                self.checks.append(found)
                if not found.good:
                    said = f"answered {found.status}" if found.status else "had no answer"
                    more = f": {found.body}" if found.body else ""
                    raise BadError(f"health check {number} of {CHECKS} {said}{more}")

    def promote(self, release: str, before: str | None, **more: str) -> str | None:
        """Put a checked release in service; the one before.

        If the host's answer is lost or strange, what counts is what is in service.
        """
        with self.step("promote"):
            try:
                return self.host.promote(release, job=self.key, **more)
            except UnfitError as error:
                if self._active() != release:
                    raise
                self._note(f"the host's answer to the switch was of no use: {error}")
                return before

    def _host(self, until: float) -> Host:
        name = self.relay or f"deploy-{self.payload['environment']}"
        address = self.paths["relays"].get(name)
        if address is None:
            raise UnfitError(f"this job has no way to the door `{name}`")
        door = Door(address, until=until)
        return Host(door, self.payload["service"], self.payload["environment"])

    def _active(self) -> str | None:
        try:
            return self.ask_status().active
        except UnfitError:
            return None

    def _note(self, text: str) -> None:
        os.write(2, f"{self._line(text)}\n".encode())

    def _completed(self, done: Done) -> None:
        last = self.checks[-1]
        payload = {
            **self._result("success"),
            "release": done.release,
            "active": done.active,
            "health": {"status": last.status, "body": self.hide(last.body)[:MAX_BODY]},
            "steps_ms": self.steps,
        }
        if done.previous is not None:
            payload["previous"] = done.previous
        self._emit("deploy.completed", payload, self._history(payload))

    def _failed(self, error: StoppedError) -> None:
        """Give up what was begun; the release before is still in service."""
        reason = self._line(str(error))
        if not isinstance(error, MootError) and hasattr(self, "host"):
            self.host = self._host(self.end - RESERVE_S / 4)
            try:
                self.abandon(reason)
            except StoppedError as other:
                reason = self._line(f"{reason}; and it could not be given up: {other}")
        payload = {**self._result(error.outcome), "reason": reason}
        if hasattr(self, "host") and (active := self._active()) is not None:
            payload["active"] = active
        self._emit("deploy.failed", payload, self._history(payload))

    def _result(self, outcome: str) -> dict[str, Any]:
        """What every result says."""
        return {
            "outcome": outcome,
            "checked": sum(one.good for one in self.checks),
            "suppressed": 0,
            "tool": {
                "name": "pip",
                "version": installing.pip_version(self.tools),
                "digest": self.job["tools"]["deploy"],
            },
            "duration_s": round(time.monotonic() - self.started, 3),
        }

    def _history(self, payload: dict[str, Any]) -> list[dict[str, str]]:
        """The file that tells the deployment and what the host knows of the ones before."""
        asked = ("action", "environment", "service", "repository", "change", "artifact")
        told = ("outcome", "reason", "release", "previous", "active")
        history = {
            "version": 1,
            "job": self.key,
            **{name: self.payload[name] for name in asked},
            **{name: payload[name] for name in told if name in payload},
            "steps_ms": self.steps,
            "checks": [{"status": one.status, "ms": one.ms} for one in self.checks],
            "parts": [one._asdict() for one in self.parts],
            "releases": [one._asdict() for one in self.known.releases] if self.known else [],
        }
        text = json.dumps(history, indent=1, sort_keys=True) + "\n"
        (self.out / HISTORY).write_text(text, encoding="utf-8")
        kind = {"kind": "deployment-history", "media_type": "application/json"}
        return [{"path": HISTORY, **kind}]

    def _line(self, text: str) -> str:
        """One line that is fit to be read elsewhere."""
        return " ".join(self.hide(text[:MAX_TEXT]).split())[:MAX_REASON]

    def _emit(
        self, event: str, payload: dict[str, Any], artifacts: list[dict[str, str]] | None = None
    ) -> None:
        """One line of output. What was asked for is filled in by the engine."""
        line = {"type": event, "payload": payload, "artifacts": artifacts or []}
        data = json.dumps(line).encode() + b"\n"
        while data:
            data = data[os.write(1, data) :]
