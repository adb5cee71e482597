"""A checked condition cut into boxes: negation goes down to the leaves, `&&` meets, `||` collects.

A statement about a value implies that its field is present. That is true wherever a checked
condition reads the field, so the boxes hold exactly the events on which the condition is true.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, assert_never

from lotabots.condition.box import ANYTHING, Box, Flags, Members
from lotabots.condition.budget import ENDLESS, MEETING
from lotabots.condition.expr import And, Compare, Constant, Flag, Has, Member, Not, OneOf, Or, Text
from lotabots.condition.intervals import Numbers, ordered
from lotabots.condition.members import NotFound, find
from lotabots.condition.texts import Texts
from lotabots.model.event import (
    BooleanType,
    EnumType,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    TextType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lotabots.condition.box import Values
    from lotabots.condition.budget import Budget
    from lotabots.condition.expr import Expr, Operator
    from lotabots.model.event import PayloadType

Scalar = str | bool | int | Decimal

MAX_BOXES: Final = 512
"""Boxes of one condition, or of what several have in common."""


class TooManyBoxesError(Exception):
    """The condition needs more than `MAX_BOXES` boxes, or is not one that passed the check."""


def cut(
    expr: Expr, root: ObjectType, *, wanted: bool = True, budget: Budget = ENDLESS
) -> list[Box]:
    """The boxes on which `expr` is `wanted`.

    Raises:
        TooManyBoxesError: beyond `MAX_BOXES`.
        SpentError: beyond `budget`.
    """
    match expr:
        case And(operands) | Or(operands):
            parts = (cut(part, root, wanted=wanted, budget=budget) for part in operands)
            if isinstance(expr, And) == wanted:
                return product(parts, budget)
            return _union(parts)
        case Not(operand):
            return cut(operand, root, wanted=not wanted, budget=budget)
        case Constant(value):
            return [ANYTHING] if value == wanted else []
        case Has():
            return _has(expr, root, wanted=wanted)
        case _:
            return _leaf(expr, root, wanted=wanted)


def product(parts: Iterable[Sequence[Box]], budget: Budget = ENDLESS) -> list[Box]:
    """What all of `parts` have in common.

    Raises:
        TooManyBoxesError: beyond `MAX_BOXES`.
        SpentError: beyond `budget`.
    """
    boxes: Sequence[Box] | None = None
    for part in parts:
        if boxes is None:
            boxes = part
            continue
        met: list[Box] = []
        for a in boxes:
            budget.spend(MEETING * len(part))
            met += [both for b in part if (both := a.meet(b)) is not None]
            _bounded(met)
        boxes = met
    return [ANYTHING] if boxes is None else list(boxes)


def pinned(path: str, value: Scalar, root: ObjectType) -> list[Box]:
    """The box on which the field at `path` has `value`; none if it can never have it.

    A path that leads nowhere, or to a list or an object, restricts nothing.
    """
    names = tuple(path.split("."))
    found = find(root, names)
    if isinstance(found, NotFound) or isinstance(found.type, ListType | ObjectType):
        return [ANYTHING]
    values = _equal_to(value, found.type)
    return [] if values is None else [Box(frozenset(found.optional), frozenset(), {names: values})]


_OPPOSITE: Final[dict[str, Operator]] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
}


def _union(parts: Iterable[Sequence[Box]]) -> list[Box]:
    return _bounded([box for part in parts for box in part])


def _bounded(boxes: list[Box]) -> list[Box]:
    if len(boxes) > MAX_BOXES:
        raise TooManyBoxesError
    return boxes


def _has(expr: Has, root: ObjectType, *, wanted: bool) -> list[Box]:
    found = find(root, expr.field.names)
    if isinstance(found, NotFound):
        return [] if wanted else [ANYTHING]
    if not found.optional:
        return [ANYTHING] if wanted else []
    if wanted:
        return [Box(frozenset(found.optional), frozenset(), {})]
    # The last optional step is reachable exactly if the field is.
    return [Box(frozenset(), frozenset(found.optional[-1:]), {})]


def _leaf(
    expr: Flag | Compare | OneOf | Member | Text, root: ObjectType, *, wanted: bool
) -> list[Box]:
    found = find(root, expr.field.names)
    if isinstance(found, NotFound):
        return []
    values = _values(expr, found.type, wanted=wanted)
    if values.empty:
        return []
    return [Box(frozenset(found.optional), frozenset(), {expr.field.names: values})]


def _values(
    expr: Flag | Compare | OneOf | Member | Text, kind: PayloadType, *, wanted: bool
) -> Values:
    match expr:
        case Flag():
            return Flags(frozenset((wanted,)))
        case Compare(_, operator, value):
            return _compared(operator if wanted else _OPPOSITE[operator], value.value)
        case OneOf(_, values):
            return _one_of([one.value for one in values], kind, wanted=wanted)
        case Member(value):
            texts = frozenset((str(value.value),))
            return Members(wanted=texts) if wanted else Members(refused=texts)
        case Text(_, test, value):
            tests = frozenset(((test, str(value.value)),))
            return Texts(passed=tests) if wanted else Texts(failed=tests)
        case _:
            assert_never(expr)


def _compared(operator: Operator, value: Scalar) -> Values:
    if isinstance(value, bool):
        return Flags(frozenset((value == (operator == "=="),)))
    if isinstance(value, str):
        texts = frozenset((value,))
        return Texts(one_of=texts) if operator == "==" else Texts(none_of=texts)
    return ordered(operator, value)


def _one_of(values: Sequence[Scalar], kind: PayloadType, *, wanted: bool) -> Values:
    match kind:
        case BooleanType():
            named = frozenset(value for value in values if isinstance(value, bool))
            return Flags(named if wanted else frozenset((True, False)) - named)
        case TextType() | EnumType():
            texts = frozenset(value for value in values if isinstance(value, str))
            return Texts(one_of=texts) if wanted else Texts(none_of=texts)
        case _:
            numbers = frozenset(value for value in values if not isinstance(value, str | bool))
            return Numbers(one_of=numbers) if wanted else Numbers(none_of=numbers)


def _equal_to(value: Scalar, kind: PayloadType) -> Values | None:
    """The values of the type that equal `value`; None if there are none."""
    match kind:
        case BooleanType() if isinstance(value, bool):
            return _compared("==", value)
        case TextType() | EnumType() if isinstance(value, str):
            return _compared("==", value)
        case IntegerType() | NumberType() if not isinstance(value, str | bool):
            return _compared("==", value)
        case _:
            return None
