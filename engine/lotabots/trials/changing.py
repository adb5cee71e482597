"""What else a condition could be, after one small slip of the hand, and what would tell them apart.

A change that no event can tell from the condition is no change: the exact analysis of conditions
proves that, so nobody is asked for a test that cannot be written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lotabots.condition.boxes import difference
from lotabots.condition.check import check, root_type
from lotabots.condition.example import json_text
from lotabots.condition.expr import And, Compare, Constant, Not, OneOf, Or
from lotabots.condition.parse import parse
from lotabots.condition.text import clauses, fields, render
from lotabots.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lotabots.condition.expr import Expr, Operator
    from lotabots.model.event import ObjectType

_NEXT: Final[Mapping[Operator, tuple[Operator, ...]]] = {
    "<": ("<=",),
    "<=": ("<",),
    ">": (">=",),
    ">=": (">",),
    "==": ("<=", ">="),
    "!=": (),
}
"""Comparisons of numbers that differ at, above or below one number only."""


class Change(NamedTuple):
    """A changed condition, as text (empty if there is none left), and `what` was changed.

    `telling` is what an event has to hold so that the two differ, empty if that is not known.
    """

    what: str
    when: str
    telling: str = ""


def changes(when: str, payloads: Sequence[ObjectType]) -> Iterator[Change]:
    """The changes of the condition `when` that an event with one of the `payloads` can tell."""
    expr = parse(when) if when else ()
    if isinstance(expr, tuple):
        return
    roots = [root_type(payload) for payload in payloads]
    for what, changed in _changed(expr):
        found = [_telling(expr, changed, root) for root in roots]
        if found and all(one is None for one in found):
            continue
        said = next((one for one in found if isinstance(one, str)), "")
        always = isinstance(changed, Constant) and changed.value
        yield Change(what, "" if always else render(changed), said)


def _telling(expr: Expr, changed: Expr, root: ObjectType) -> str | None:
    """What an event holds on which the two differ; None is a proof that there is none."""
    if check(expr, root) or check(changed, root):
        return ""  # a condition with an error rejects, which every test of its trigger notices
    for one, other in ((expr, changed), (changed, expr)):
        found = difference(one, other, root)
        if isinstance(found, dict):
            return ", ".join(_held(found, path) for path in fields(expr))
        if found is not None:
            return ""
    return None


def _held(event: Mapping[str, Any], path: str) -> str:
    value: Any = event
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return f"{path} {'absent' if value is None else json_text(value)}"


def _changed(expr: Expr) -> Iterator[tuple[str, Expr]]:
    if len(clauses(expr)) == 1:
        yield f"without `{render(expr)}`", Constant(value=True)
    yield from _inside(expr)
    yield f"`{render(expr)}` turned round", Not(operand=expr)


def _inside(expr: Expr) -> Iterator[tuple[str, Expr]]:
    match expr:
        case And(operands) | Or(operands):
            for number, operand in enumerate(operands):
                others = (*operands[:number], *operands[number + 1 :])
                rest = replace(expr, operands=others) if len(others) > 1 else others[0]
                yield f"without `{render(operand)}`", rest
                for what, changed in _inside(operand):
                    one = (*operands[:number], changed, *operands[number + 1 :])
                    yield what, replace(expr, operands=one)
        case Not(operand):
            for what, changed in _inside(operand):
                yield what, replace(expr, operand=changed)
        case Compare(_, operator, value):
            exact = isinstance(value.value, str | bool)
            for other in () if exact else _NEXT[operator]:
                changed_one = replace(expr, operator=other)
                yield f"`{render(expr)}` as `{render(changed_one)}`", changed_one
        case OneOf(_, values):
            for number, value in enumerate(values if len(values) > 1 else ()):
                fewer = replace(expr, values=(*values[:number], *values[number + 1 :]))
                yield f"`{render(expr)}` without `{value.value}`", fewer
        case _:
            return
