"""What the tests' process says about its tests, taken down outside of it and not believed yet."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TESTS = 200_000
MAX_ID = 2000
PASSED, FAILED, ERROR, SKIPPED = "passed", "failed", "error", "skipped"


class Result(NamedTuple):
    """What became of a test, or of a file that could not be collected."""

    id: str
    suite: str
    verdict: str
    seconds: float
    message: str = ""
    detail: str = ""


class Ledger:
    """Everything said so far. `limits` are the seconds of each suite, the first one's the usual."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits = limits
        self._began: dict[str, float] = {}
        self._suite = next(iter(limits))
        self.suites: dict[str, str] = {}
        self.results: dict[str, Result] = {}
        self.unread: dict[str, Result] = {}
        self.deselected: set[str] = set()
        self.running = ""
        self.finished: int | None = None

    def take(self, line: bytes) -> None:
        """One line of the record.

        Raises:
            UnfitError: the recorder does not write this, so something else did.
        """
        try:
            said = json.loads(line)
            what, name = said["is"], str(said.get("id", ""))
            if self.finished is not None or len(name) > MAX_ID or len(self.suites) > MAX_TESTS:
                raise ValueError(what)  # noqa: TRY301 - as every other line that cannot be
            _TAKE[what](self, name, said)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            shown = line[:200].decode(errors="replace")
            raise UnfitError(f"the record of the tests was tampered with: {shown}") from error

    def deadline(self) -> float:
        """When the suite that runs now must be done (monotonic)."""
        began = self._began.setdefault(self._suite, time.monotonic())
        return began + self._limits[self._suite]

    def _test(self, name: str, said: dict[str, Any]) -> None:
        if name in self.suites or said["suite"] not in self._limits:
            raise ValueError(name)
        self.suites[name] = said["suite"]

    def _begin(self, name: str, _said: dict[str, Any]) -> None:
        if name not in self.suites or name in self.results or self.running:
            raise ValueError(name)
        self.running, self._suite = name, self.suites[name]

    def _end(self, name: str, said: dict[str, Any]) -> None:
        if name != self.running:
            raise ValueError(name)
        self.running = ""
        result = _result(name, self.suites[name], said["phases"])
        if result is not None:
            self.results[name] = result

    def _unread(self, name: str, said: dict[str, Any]) -> None:
        verdict = ERROR if said["is"] == "broken" else SKIPPED
        texts = str(said["message"]), str(said.get("detail", ""))
        self.unread[name] = Result(name, next(iter(self._limits)), verdict, 0.0, *texts)

    def _deselected(self, name: str, _said: dict[str, Any]) -> None:
        self.deselected.add(name)

    def _finish(self, _name: str, said: dict[str, Any]) -> None:
        self.finished = int(said["status"])


_TAKE = {
    "test": Ledger._test,  # noqa: SLF001 - the table belongs to the class
    "begin": Ledger._begin,  # noqa: SLF001
    "end": Ledger._end,  # noqa: SLF001
    "broken": Ledger._unread,  # noqa: SLF001
    "skipped": Ledger._unread,  # noqa: SLF001
    "deselected": Ledger._deselected,  # noqa: SLF001
    "finish": Ledger._finish,  # noqa: SLF001
}


def _result(name: str, suite: str, phases: list[dict[str, Any]]) -> Result | None:
    """The worst of all phases; nothing if some phase is missing that a test must have."""
    seconds = round(sum(max(0.0, float(phase["seconds"])) for phase in phases), 6)
    for phase in phases:
        outcome, raised = phase["outcome"], str(phase["raised"])
        if outcome == FAILED or (outcome == PASSED and raised):
            said = str(phase.get("message") or f"raised `{raised}`, which a plugin took for passed")
            verdict = FAILED if phase["when"] == "call" else ERROR
            return Result(name, suite, verdict, seconds, said, str(phase.get("detail", "")))
    for phase in phases:
        if phase["outcome"] == SKIPPED:
            return Result(name, suite, SKIPPED, seconds, str(phase.get("message", "")))
    whole = {"setup", "call", "teardown"} <= {phase["when"] for phase in phases}
    passed = whole and all(phase["outcome"] == PASSED for phase in phases)
    return Result(name, suite, PASSED, seconds) if passed else None
