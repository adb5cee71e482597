"""Whether a condition can hold for what a source sends: the memory of one analysis.

A fleet repeats its conditions, and each question costs a parse or a search over boxes, so every
question is asked once. The memory makes the answers cheaper, never different.

A condition that cannot be analysed (it does not parse, or has the wrong types) counts as possible:
other checks report it, and a graph with too many hops hides nothing.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from lotabots.condition.boxes import implies, satisfiable
from lotabots.condition.budget import Budget, SpentError
from lotabots.condition.check import check, root_type
from lotabots.condition.expr import And, Compare, FieldPath, Flag, Not, Value
from lotabots.condition.expr import Constant as Truth
from lotabots.condition.members import find
from lotabots.condition.parse import parse
from lotabots.condition.text import fields
from lotabots.condition.verdict import Unknown
from lotabots.model.bot import Copied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.condition.expr import Expr
    from lotabots.condition.problem import Problem
    from lotabots.condition.verdict import Answer, Witness
    from lotabots.graph.nodes import Constant
    from lotabots.model.bot import SetValue
    from lotabots.model.event import EventType, ObjectType

NOTHING: Final[Mapping[str, Constant]] = MappingProxyType({})
NO_FLOORS: Final[Mapping[str, int]] = MappingProxyType({})
MAX_STEPS: Final = 2_000_000
"""Steps of all analyses of one fleet together, a matter of a second.

The fleets of the benchmarks spend a few per cent of it.
"""
PAIR: Final = 2
"""Steps for asking about two conditions, however easy the answer is."""
_SPENT: Final = Unknown(f"all conditions together take more than {MAX_STEPS:,} steps")


class Feasibility:
    """Answers about the conditions of one fleet. Paths are dotted: ``payload.change.id``."""

    def __init__(self, events: Mapping[str, EventType], *, steps: int = MAX_STEPS) -> None:
        self.stopped_at: str | None = None
        """The condition about which nothing was proved because the steps were spent; or None."""
        self._events = events
        self._budget = Budget(steps)
        self._parsed: dict[str, Expr | tuple[Problem, ...]] = {}
        self._roots: dict[str, ObjectType] = {}
        self._cases: dict[tuple[str, str], int] = {}
        self._shapes: dict[tuple[object, ...], int] = {}
        self._problems: dict[int, tuple[Problem, ...]] = {}
        self._usable: dict[int, Expr | None] = {}
        self._answers: dict[tuple[object, ...], Answer] = {}
        self._constants: dict[str, Mapping[str, Constant]] = {}
        self._read: dict[str, frozenset[str]] = {}

    def parsed(self, when: str) -> Expr | tuple[Problem, ...]:
        """The syntax tree of `when`, or what is wrong with its syntax."""
        if when not in self._parsed:
            self._parsed[when] = parse(when)
        return self._parsed[when]

    def problems(self, when: str, event: str) -> tuple[Problem, ...]:
        """What is wrong with the types of `when` over `event`; nothing if it does not parse."""
        expr = self.parsed(when)
        if isinstance(expr, tuple):
            return ()
        case = self._case(when, event)
        if case not in self._problems:
            self._problems[case] = check(expr, self._root(event))
        return self._problems[case]

    def usable(self, when: str, event: str) -> Expr | None:
        """The syntax tree of `when` if it can be analysed over `event`; None for an empty one."""
        if not when or event not in self._events:
            return None
        case = self._case(when, event)
        if case not in self._usable:
            expr = self.parsed(when)
            flawed = isinstance(expr, tuple) or self.problems(when, event)
            self._usable[case] = None if flawed or isinstance(expr, tuple) else expr
        return self._usable[case]

    def possible(
        self,
        when: str,
        event: str,
        *,
        fixed: Mapping[str, Constant] = NOTHING,
        floors: Mapping[str, int] = NO_FLOORS,
    ) -> bool:
        """Whether some `event` with the values `fixed`, and others at least `floors`, fits."""
        expr = self.usable(when, event)
        if expr is None:
            return True
        if fixed:
            known = self.constants(when)
            if any(path in known and known[path] != value for path, value in fixed.items()):
                return False
            # What the condition asks for anyway is no question of its own.
            fixed = {
                p: v for p, v in fixed.items() if p not in known or type(known[p]) is not type(v)
            }
        return self._answer(when, event, expr, fixed=fixed, floors=floors) is not None

    def example(
        self, when: str, event: str, *, fixed: Mapping[str, Constant] = NOTHING
    ) -> Witness | None:
        """An `event` with the values `fixed` that makes `when` true, if one can be given."""
        expr = self.usable(when or "true", event)
        if expr is None:
            return None
        found = self._satisfiable(when, [expr], event, fixed=fixed)
        return None if isinstance(found, Unknown) else found

    def doubt(self, when: str, event: str) -> str:
        """Why nobody can tell whether `when` can hold; empty if the analysis was exact.

        Also empty if the steps of the fleet were spent: `stopped_at` says that, once.
        """
        expr = self.usable(when, event)
        if expr is None:
            return ""
        found = self._answer(when, event, expr, fixed=NOTHING, floors=NO_FLOORS)
        return found.reason if isinstance(found, Unknown) and found != _SPENT else ""

    def witness(
        self,
        event: str,
        holding: tuple[str, ...],
        *,
        failing: tuple[str, ...] = (),
        fixed: Mapping[str, Constant] = NOTHING,
    ) -> Answer:
        """An `event` on which all of `holding` are true and all of `failing` false.

        None is a proof that there is none. Those of `holding` that cannot be analysed restrict
        nothing; one of `failing` that cannot be makes the answer unknown.
        """
        question = (event, holding, failing, *sorted(fixed.items()))
        if question not in self._answers:
            self._answers[question] = self._witness(event, holding, failing, fixed)
        return self._answers[question]

    def implies(self, narrow: str, wide: str, event: str) -> bool:
        """Whether `wide` is proved to hold whenever `narrow` does. Without text it always holds."""
        if not wide or (narrow == wide and self.usable(wide, event) is not None):
            return True
        first, second = self.usable(narrow or "true", event), self.usable(wide, event)
        if first is None or second is None:
            return False
        try:
            self._budget.spend(PAIR)
            return implies(first, second, self._root(event), budget=self._budget) is True
        except SpentError:
            self._stop(narrow)
            return False

    def constants(self, when: str) -> Mapping[str, Constant]:
        """Fields that `when` pins to one value by a clause of its outermost ``&&``."""
        if when not in self._constants:
            expr = self.parsed(when) if when else ()
            clauses = expr.operands if isinstance(expr, And) else (expr,)
            self._constants[when] = dict(
                pin for clause in clauses if (pin := _pinned(clause)) is not None
            )
        return self._constants[when]

    def read(self, when: str) -> frozenset[str]:
        """The paths that `when` reads."""
        if when not in self._read:
            expr = self.parsed(when)
            self._read[when] = frozenset(() if isinstance(expr, tuple) else fields(expr))
        return self._read[when]

    def _root(self, event: str) -> ObjectType:
        if event not in self._roots:
            self._roots[event] = root_type(self._events[event].payload)
        return self._roots[event]

    def _case(self, when: str, event: str) -> int:
        """A number for `when` over `event`: the same for events whose fields it reads are alike.

        What a condition means, and whether it can hold, depends on nothing else.
        """
        pair = (when, event)
        if pair not in self._cases:
            root = self._root(event)
            alike = tuple(find(root, tuple(path.split("."))) for path in sorted(self.read(when)))
            self._cases[pair] = self._shapes.setdefault((when, alike), len(self._shapes))
        return self._cases[pair]

    def _answer(
        self,
        when: str,
        event: str,
        expr: Expr,
        *,
        fixed: Mapping[str, Constant],
        floors: Mapping[str, int],
    ) -> Answer:
        pinned: tuple[tuple[str, Constant], ...] = ()
        bounds: tuple[Compare, ...] = ()
        if fixed or floors:
            read = self.read(when)
            pinned = tuple((path, fixed[path]) for path in sorted(read.intersection(fixed)))
            bounds = tuple(_at_least(p, floors[p]) for p in sorted(read.intersection(floors)))
        case = self._case(when, event)
        question = (case, *((path, type(value), value) for path, value in pinned), bounds)
        if question not in self._answers:
            self._answers[question] = self._satisfiable(
                when, [expr, *bounds], event, fixed=dict(pinned)
            )
        return self._answers[question]

    def _witness(
        self,
        event: str,
        holding: tuple[str, ...],
        failing: tuple[str, ...],
        fixed: Mapping[str, Constant],
    ) -> Answer:
        true = [expr for when in holding if (expr := self.usable(when, event)) is not None]
        false = [self.usable(when, event) for when in failing]
        if None in false or event not in self._events:
            return Unknown("a condition has an error")
        exprs = [*true, *(Not(expr) for expr in false if expr is not None)]
        when = " && ".join((*holding, *failing))
        try:
            self._budget.spend(PAIR)
        except SpentError:
            self._stop(when)
            return _SPENT
        return self._satisfiable(when, exprs or [Truth(value=True)], event, fixed=fixed)

    def _satisfiable(
        self, when: str, exprs: list[Expr], event: str, *, fixed: Mapping[str, Constant]
    ) -> Answer:
        try:
            return satisfiable(exprs, self._root(event), fixed=fixed, budget=self._budget)
        except SpentError:
            self._stop(when)
            return _SPENT

    def _stop(self, when: str) -> None:
        if self.stopped_at is None:
            self.stopped_at = when


def literals(values: Mapping[str, SetValue]) -> dict[str, Constant]:
    """The paths that a ``set:`` writes constants to."""
    return {f"payload.{p}": v for p, v in values.items() if isinstance(v, str | bool | int)}


def copied(values: Mapping[str, SetValue], known: Mapping[str, Constant]) -> dict[str, Constant]:
    """The paths that a ``set:`` copies constants to, if the fields in `known` have theirs."""
    return {
        f"payload.{path}": known[f"payload.{value.path}"]
        for path, value in values.items()
        if isinstance(value, Copied) and f"payload.{value.path}" in known
    }


def _at_least(path: str, least: int) -> Compare:
    return Compare(FieldPath(tuple(path.split("."))), ">=", Value(least))


def _pinned(clause: object) -> tuple[str, Constant] | None:
    match clause:
        case Compare(field, "==", value) if isinstance(value.value, str | bool | int):
            return str(field), value.value
        case Flag(field):
            return str(field), True
        case _:
            return None
