"""Whether a condition fits the type of its events, so that it never fails on a valid one.

There is no third truth value. A field that may be absent can only be read where the condition has
already established that it is there: ``has(payload.x) && payload.x > 1``, or the mirror image
``!has(payload.x) || payload.x > 1``. Conditions are read from left to right; the analysis follows
what is known to be present when each part is true and when it is false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, assert_never

from lotabots.condition import misfit
from lotabots.condition.expr import And, Compare, Constant, Flag, Has, Member, Not, OneOf, Or, Text
from lotabots.condition.members import Found, NotFound, find, root_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.condition.expr import Expr, Leaf
    from lotabots.condition.members import Names
    from lotabots.condition.problem import Problem
    from lotabots.model.event import ObjectType

__all__ = ["check", "root_type"]


def check(expr: Expr, root: ObjectType) -> tuple[Problem, ...]:
    """All that is wrong with `expr` as a condition on events of type `root`, in text order.

    `root` is made by `root_type`. No problem means: on every event that conforms to `root` the
    condition evaluates to true or false, without an error.
    """
    problems = _judge(expr, root, frozenset()).problems
    return tuple(sorted(dict.fromkeys(problems), key=lambda one: (one.start, one.end)))


Facts = frozenset["Names"]
"""Optional members known to be present."""


class _Judged(NamedTuple):
    """Problems of a part, and what is known to be present after it."""

    problems: tuple[Problem, ...]
    when_true: Facts
    when_false: Facts


def _judge(expr: Expr, root: ObjectType, known: Facts) -> _Judged:
    match expr:
        case And(operands):
            return _all(operands, root, known)
        case Or(operands):
            # By De Morgan: `a || b` is `!(!a && !b)`, also in what it evaluates and what it skips.
            return _negated(_all([Not(part) for part in operands], root, known))
        case Not(operand):
            return _negated(_judge(operand, root, known))
        case Constant():
            return _Judged((), known, known)
        case _:
            return _leaf(expr, root, known)


def _all(operands: Sequence[Expr], root: ObjectType, known: Facts) -> _Judged:
    """`operands` joined by ``&&``: each is read knowing that those before it were true.

    The whole is false because some operand is, so what is known then is what all of them share.
    """
    problems: list[Problem] = []
    when_false: Facts | None = None
    for part in operands:
        judged = _judge(part, root, known)
        problems.extend(judged.problems)
        when_false = judged.when_false if when_false is None else when_false & judged.when_false
        known = judged.when_true
    return _Judged(tuple(problems), known, when_false or frozenset())


def _negated(judged: _Judged) -> _Judged:
    return _Judged(judged.problems, judged.when_false, judged.when_true)


def _leaf(expr: Leaf, root: ObjectType, known: Facts) -> _Judged:
    if isinstance(expr, Constant):
        return _Judged((), known, known)
    found = find(root, expr.field.names)
    if isinstance(found, NotFound):
        return _Judged((misfit.unknown_field(expr.field, found, root),), known, known)
    if isinstance(expr, Has):
        return _Judged((), known | frozenset(found.optional), known)
    problems = tuple(_of_type(expr, found))
    # The outermost missing step would do for an error, but the cure must name the whole way.
    missing = [step for step in found.optional if step not in known]
    if missing:
        problems = (misfit.absent(expr.field, missing[-1]), *problems)
        # Reported once is enough: what follows may take the field as present.
        known = known | frozenset(missing)
    return _Judged(problems, known, known)


def _of_type(expr: Flag | Compare | OneOf | Member | Text, found: Found) -> list[Problem]:
    match expr:
        case Flag(field):
            answers = [misfit.flag(field, found.type)]
        case Compare(field, operator, value):
            answers = [misfit.compared(field, found.type, operator, value)]
        case OneOf(field, values):
            answers = [misfit.compared(field, found.type, "==", value) for value in values]
            if answers[0] is not None and answers[0].start == field.start:
                answers = answers[:1]  # the field is at fault, not each of the values
        case Member(value, field):
            answers = [misfit.member(field, found.type, value)]
        case Text(field, test, value):
            answers = [misfit.text_test(field, found.type, test, value)]
        case _:
            assert_never(expr)
    return [problem for problem in answers if problem is not None]
