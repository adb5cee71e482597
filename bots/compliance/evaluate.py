"""Asks the facts each control's questions. A control that speaks of nothing holds for nothing."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import facts
import wording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from controls import Control, Exempt, Policy

HOLDS, VIOLATED, EXCEPTED, UNCHECKED, ERROR = (
    "holds",
    "violated",
    "excepted",
    "not checked",
    "error",
)
SHORT, COLUMNS = 16, 3
MAX_RESOURCE, MAX_MESSAGE, MAX_EVIDENCE, MAX_ID = 1024, 1000, 100, 128


class Violation(NamedTuple):
    """A resource that does not fulfil a control. `reason` is that of an exception, if any."""

    control: str
    resource: str
    message: str
    evidence: tuple[str, ...]
    reason: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for the same control and resource."""
        named = f"{self.control}\0{self.resource}".encode()
        return sha256(named).hexdigest()[:SHORT]


class Result(NamedTuple):
    """What a control's questions were answered. `checked` counts what it speaks of."""

    control: Control
    status: str
    checked: int = 0
    violations: tuple[Violation, ...] = ()
    problem: str = ""

    @property
    def flagged(self) -> tuple[Violation, ...]:
        """The violations that nobody excepted."""
        return tuple(one for one in self.violations if not one.reason)


def evaluate(found: sqlite3.Connection, policy: Policy, today: date) -> tuple[Result, ...]:
    """The results of all controls, in their order."""
    return tuple(_result(found, one, policy.exceptions, today) for one in policy.controls)


def _result(
    found: sqlite3.Connection, control: Control, exceptions: Iterable[Exempt], today: date
) -> Result:
    try:
        checked = _count(facts.ask(found, control.subjects))
        rows = facts.ask(found, control.violations)
        violations = _violations(control, rows, tuple(exceptions), today)
    except (sqlite3.Error, ValueError) as error:
        return Result(control, ERROR, problem=wording.line(str(error), MAX_MESSAGE))
    checked = max(checked, len(violations))
    if not checked:
        return Result(control, UNCHECKED)
    left = any(not one.reason for one in violations)
    status = VIOLATED if left else EXCEPTED if violations else HOLDS
    return Result(control, status, checked, violations)


def _count(rows: list[tuple[object, ...]]) -> int:
    if len(rows) != 1 or len(rows[0]) != 1 or not isinstance(rows[0][0], int):
        raise ValueError("`subjects` is no query with one whole number")
    return rows[0][0]


def _violations(
    control: Control,
    rows: list[tuple[object, ...]],
    exceptions: tuple[Exempt, ...],
    today: date,
) -> tuple[Violation, ...]:
    if any(len(row) != COLUMNS or row[0] is None for row in rows):
        raise ValueError("`violations` is no query of resource, message and evidence")
    found = {}
    for resource, message, evidence in rows:
        name = wording.line(str(resource), MAX_RESOURCE)
        reasons = (one.reason for one in exceptions if one.covers(control.id, name, today))
        ids = [wording.line(one, MAX_ID) for one in str(evidence or "").split(",") if one]
        found[name] = Violation(
            control.id,
            name,
            wording.line(str(message), MAX_MESSAGE),
            tuple(ids[:MAX_EVIDENCE]),
            next(reasons, ""),
        )
    return tuple(found[name] for name in sorted(found))
