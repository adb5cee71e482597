"""Whole example events around the few members that matter, and how to write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.condition import intervals
from lotabots.condition.literals import quoted, written
from lotabots.condition.texts import plainest
from lotabots.condition.verdict import Unknown
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
    from collections.abc import Iterable, Mapping

    from lotabots.condition.verdict import Witness
    from lotabots.model.event import PayloadType


def example(
    root: ObjectType, assignments: Mapping[str, Any], *, present: Iterable[str] = ()
) -> Witness | Unknown:
    """An event of type `root` that holds `assignments` (dotted path -> value).

    Everything else is filled in with the plainest valid value, and optional members are left out
    unless an assigned or `present` path runs through them. Unknown if some required member has a
    type of which no value is known.
    """
    wanted = {
        ".".join(steps[:end])
        for path in (*assignments, *present)
        for steps in (path.split("."),)
        for end in range(1, len(steps) + 1)
    }
    filled = _object(root, "", assignments, frozenset(wanted))
    return filled if isinstance(filled, dict) else Unknown("no valid event of this type is known")


def json_text(value: Any) -> str:  # noqa: ANN401 - any part of an example
    """An example, or a part of it, as JSON on one line; decimals are written exactly."""
    if isinstance(value, dict):
        members = (f"{quoted(name)}: {json_text(one)}" for name, one in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(json_text, value))}]"
    return written(value)


class _Nothing:
    """No value of a type is known."""


_NOTHING: Final = _Nothing()


def _object(
    kind: ObjectType, path: str, assignments: Mapping[str, Any], wanted: frozenset[str]
) -> dict[str, Any] | _Nothing:
    filled: dict[str, Any] = {}
    for member in kind.fields:
        below = f"{path}.{member.name}" if path else member.name
        if member.optional and below not in wanted:
            continue
        value: Any
        if below in assignments:
            value = assignments[below]
        elif isinstance(member.type, ObjectType):
            value = _object(member.type, below, assignments, wanted)
        else:
            value = _plainest(member.type)
        if isinstance(value, _Nothing):
            return _NOTHING
        filled[member.name] = value
    return filled


def _plainest(kind: PayloadType) -> Any:  # noqa: ANN401 - a JSON value
    value: Any
    match kind:
        case TextType():
            value = plainest(kind)
        case EnumType():
            value = next(iter(kind.values), None)
        case IntegerType() if (kind.minimum or 0) <= 0 <= (kind.maximum or 0):
            value = 0
        case IntegerType() | NumberType():
            value = intervals.pick(intervals.Numbers(), kind)
        case BooleanType():
            value = False
        case ListType():
            value = []
        case ObjectType():
            value = _object(kind, "", {}, frozenset())
    return _NOTHING if value is None else value
