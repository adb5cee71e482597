"""The conditions of a fleet, compiled once: texts repeat over triggers and event types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct

from lotabots.condition.check import check, root_type
from lotabots.condition.parse import parse
from lotabots.condition.text import clauses, fields, render
from lotabots.condition.translate import compile_condition

if TYPE_CHECKING:
    from types import CodeType

    from lotabots.condition.expr import Expr
    from lotabots.condition.problem import Problem
    from lotabots.model.event import ObjectType


class Condition(Struct, frozen=True):
    """A condition that can be asked: `holds(payload, event)` gives -1 or the first false clause.

    `reads_event` says whether the second argument is looked at.
    """

    holds: Callable[[Any, Any], int]
    clauses: tuple[str, ...]
    reads_event: bool


class Flawed(Struct, frozen=True):
    """A condition that cannot be asked, and why. Whatever depends on it is rejected."""

    reason: str


class Conditions:
    """Compiles conditions, each text once, and checks it once per payload type.

    Payload types are told apart by identity, since hashing one costs more than a check; so the
    fleet that they belong to must outlive this object.
    """

    def __init__(self) -> None:
        self._parsed: dict[str, Expr | Flawed] = {}
        self._shapes: dict[CodeType, CodeType] = {}
        self._compiled: dict[str, Condition] = {}
        self._checked: dict[tuple[str, int], Condition | Flawed] = {}

    def get(self, text: str, payload: ObjectType) -> Condition | Flawed | None:
        """The condition `text` on events with this payload; None if there is no condition."""
        if not text:
            return None
        key = (text, id(payload))
        found = self._checked.get(key)
        if found is None:
            found = self._checked[key] = self._check(text, payload)
        return found

    def _check(self, text: str, payload: ObjectType) -> Condition | Flawed:
        expr = self._parsed.get(text)
        if expr is None:
            parsed = parse(text)
            expr = _flaw(parsed) if isinstance(parsed, tuple) else parsed
            self._parsed[text] = expr
        if isinstance(expr, Flawed):
            return expr
        problems = check(expr, root_type(payload))
        return _flaw(problems) if problems else self._compile(text, expr)

    def _compile(self, text: str, expr: Expr) -> Condition:
        found = self._compiled.get(text)
        if found is None:
            found = self._compiled[text] = Condition(
                compile_condition(expr, absent=UNSET, shapes=self._shapes),
                tuple(render(clause) for clause in clauses(expr)),
                any(path.startswith("event.") for path in fields(expr)),
            )
        return found


def _flaw(problems: tuple[Problem, ...]) -> Flawed:
    return Flawed(problems[0].message if problems else "not a condition")
