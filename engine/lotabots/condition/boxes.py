"""Exact answers about conditions: can they hold, do they overlap, does one imply the other.

Every answer is a proof or comes with a concrete example event. The work is bounded; beyond the
bounds the answer is `Unknown`, with its reason, and never a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, assert_never

from lotabots.condition import intervals, texts
from lotabots.condition.automaton import MAX_STEPS
from lotabots.condition.box import Box, Flags, Members
from lotabots.condition.budget import ENDLESS, MEETING
from lotabots.condition.cut import MAX_BOXES, TooManyBoxesError, cut, pinned, product
from lotabots.condition.example import example
from lotabots.condition.expr import Not
from lotabots.condition.intervals import Numbers
from lotabots.condition.members import Found, find
from lotabots.condition.texts import Texts
from lotabots.condition.verdict import Answer, Unknown, Witness
from lotabots.model.event import EnumType, IntegerType, ListType, NumberType, ObjectType, TextType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lotabots.condition.box import Values
    from lotabots.condition.budget import Budget
    from lotabots.condition.cut import Scalar
    from lotabots.condition.expr import Expr
    from lotabots.model.event import PayloadType

__all__ = [
    "Answer",
    "Region",
    "Unknown",
    "Witness",
    "difference",
    "implies",
    "meet",
    "overlap",
    "region",
    "satisfiable",
    "witness",
]

NOTHING_FIXED: Final[Mapping[str, Scalar]] = {}


def satisfiable(
    exprs: Sequence[Expr],
    root: ObjectType,
    *,
    fixed: Mapping[str, Scalar] = NOTHING_FIXED,
    budget: Budget = ENDLESS,
) -> Answer:
    """An event on which all of `exprs` are true, or None: a proof that there is none.

    `exprs` must have passed `check` against `root`. `fixed` maps dotted paths to values that are
    already known (and hence present); a path that `root` does not declare restricts nothing.

    Raises:
        SpentError: beyond `budget`, which other questions may share.
    """
    found = region(exprs, root, fixed=fixed, budget=budget)
    return found if isinstance(found, Unknown) else witness(found, budget)


def overlap(
    a: Expr, b: Expr, root: ObjectType, *, fixed: Mapping[str, Scalar] = NOTHING_FIXED
) -> Answer:
    """An event on which both `a` and `b` are true; see `satisfiable`."""
    return satisfiable((a, b), root, fixed=fixed)


def difference(
    a: Expr,
    b: Expr,
    root: ObjectType,
    *,
    fixed: Mapping[str, Scalar] = NOTHING_FIXED,
    budget: Budget = ENDLESS,
) -> Answer:
    """An event on which `a` is true and `b` is false; see `satisfiable`."""
    return satisfiable((a, Not(b)), root, fixed=fixed, budget=budget)


def implies(
    a: Expr,
    b: Expr,
    root: ObjectType,
    *,
    fixed: Mapping[str, Scalar] = NOTHING_FIXED,
    budget: Budget = ENDLESS,
) -> bool | None:
    """Whether `b` is true on every event on which `a` is; None if that is not known."""
    found = difference(a, b, root, fixed=fixed, budget=budget)
    return None if isinstance(found, Unknown) else found is None


class Region(NamedTuple):
    """Where conditions are true: a union of boxes over events of type `root`."""

    root: ObjectType
    boxes: tuple[Box, ...]


def region(
    exprs: Sequence[Expr],
    root: ObjectType,
    *,
    fixed: Mapping[str, Scalar] = NOTHING_FIXED,
    budget: Budget = ENDLESS,
) -> Region | Unknown:
    """Where all of `exprs` are true; see `satisfiable`. Keep it to `meet` it with many others."""
    try:
        known = [pinned(path, value, root) for path, value in sorted(fixed.items())]
        parts = (cut(expr, root, budget=budget) for expr in exprs)
        return Region(root, tuple(product([*known, *parts], budget)))
    except TooManyBoxesError:
        return Unknown(f"the condition splits into more than {MAX_BOXES} cases")


def meet(a: Region, b: Region) -> Region | Unknown:
    """What two regions over the same type have in common."""
    try:
        return Region(a.root, tuple(product([a.boxes, b.boxes])))
    except TooManyBoxesError:
        return Unknown(f"the conditions together split into more than {MAX_BOXES} cases")


def witness(region: Region, budget: Budget = ENDLESS) -> Answer:
    """An event of the region; None is a proof that it is empty."""
    doubt: Unknown | None = None
    steps = MAX_STEPS // max(len(region.boxes), 1)
    for box in region.boxes:
        budget.spend(MEETING * len(box.values))
        found = _event(box, region.root, steps, budget=budget)
        if isinstance(found, dict):
            return found
        doubt = doubt or found
    return doubt


def _event(box: Box, root: ObjectType, max_steps: int, *, budget: Budget) -> Answer:
    """An event in the box. One empty field proves it empty, whatever the others are."""
    assignments: dict[str, Any] = {}
    doubt: Unknown | None = None
    for names, values in box.values.items():
        found = find(root, names)
        if not isinstance(found, Found):
            return None
        value = _pick(values, found.type, max_steps, budget=budget)
        if value is None:
            return None
        if isinstance(value, Unknown):
            doubt = doubt or value
        assignments[".".join(names)] = value
    present = (".".join(names) for names in box.present)
    return doubt or example(root, assignments, present=present)


def _pick(values: Values, kind: PayloadType, max_steps: int, *, budget: Budget) -> Any:  # noqa: ANN401 - a JSON value
    """A value of the type that lies in `values`; None is a proof that there is none."""
    match values:
        case Numbers() if isinstance(kind, IntegerType | NumberType):
            return intervals.pick(values, kind)
        case Texts() if isinstance(kind, TextType | EnumType):
            return texts.pick(values, kind, max_steps=max_steps, budget=budget)
        case Members(wanted, refused) if isinstance(kind, ListType):
            return _list(wanted, refused, kind)
        case Flags(one_of):
            return None if values.empty else min(one_of)
        case Numbers() | Texts() | Members():
            return None  # a condition that does not fit its type is never true
        case _:
            assert_never(values)


def _list(wanted: frozenset[str], refused: frozenset[str], kind: ListType) -> list[str] | None:
    """The shortest list: nothing but what is wanted."""
    item = kind.item
    if not isinstance(item, TextType | EnumType) or len(wanted) > kind.max_items:
        return None
    possible = wanted.isdisjoint(refused) and all(texts.conforms(one, item) for one in wanted)
    return sorted(wanted) if possible else None
