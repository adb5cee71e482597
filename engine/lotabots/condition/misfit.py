"""What to say when a condition does not fit the type of its events.

Each function returns the problem of one field or comparison, or None if it fits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from lotabots.condition.literals import quoted, written
from lotabots.condition.problem import Problem, alike
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
    from collections.abc import Sequence

    from lotabots.condition.expr import FieldPath, Operator, TextTest, Value
    from lotabots.condition.members import Names, NotFound
    from lotabots.condition.problem import ProblemKind
    from lotabots.model.event import PayloadType

MAX_LISTED: Final = 8
"""Members or values that a help names; more would hide the message."""

Kind = Literal["text", "number", "boolean", "list", "object"]


def unknown_field(field: FieldPath, found: NotFound, root: ObjectType) -> Problem:
    """The path `field` leads nowhere."""
    parent, depth = found
    before, name = field.names[:depth], field.names[depth]
    if not isinstance(parent, ObjectType):
        shown = ".".join(before)
        message = f"`{shown}` is {_named(parent)} and has no member `{name}`"
        return _at(field, "unknown-field", message, f"end the path at `{shown}`")
    shown = ".".join((*before, name))
    cure = _spelling(before, name, parent) if before else _beginning(name, root)
    return _at(field, "unknown-field", f"unknown field `{shown}`", cure)


def absent(field: FieldPath, step: Names) -> Problem:
    """`field` is read where `step` of its path may be absent."""
    shown = ".".join(step)
    message = f"`{shown}` may be absent"
    return _at(field, "absent", message, f"ask for it first: `has({shown}) && ...`")


def flag(field: FieldPath, kind: PayloadType) -> Problem | None:
    """A field that stands as a condition by itself."""
    if isinstance(kind, BooleanType):
        return None
    cure = _whole(field, kind) or f"compare it: `{field} == {_sample(kind)}`"
    return _at(field, "type", f"`{field}` is {_named(kind)}, not a condition", cure)


def compared(
    field: FieldPath, kind: PayloadType, operator: Operator, value: Value
) -> Problem | None:
    """``field operator value``."""
    whole = _whole(field, kind)
    if whole is not None:
        return _at(field, "type", f"`{field}` is {_named(kind)}", whole)
    if operator not in ("==", "!=") and _kind(kind) != "number":
        message = f"`{operator}` compares numbers, and `{field}` is {_named(kind)}"
        return _at(field, "type", message, _TESTS_OF[_kind(kind)])
    if _kind(kind) != _kind_of(value):
        given = f"`{written(value.value)}` is {_NAMES[_kind_of(value)]}"
        message = f"`{field}` is {_named(kind)}, and {given}"
        return _at(value, "type", message, _cast(kind, value))
    if operator in ("==", "!="):
        return _equal(field, kind, value)
    return None


def member(field: FieldPath, kind: PayloadType, value: Value) -> Problem | None:
    """``value in field``."""
    shown = written(value.value)
    if not isinstance(kind, ListType):
        cure = f"write `{field} in [{shown}]`"
        if _kind(kind) == "text" and isinstance(value.value, str):
            cure += f", or `{field}.contains({shown})`"
        return _at(field, "type", f"`{field}` is {_named(kind)}, not a list", cure)
    if _kind(kind.item) != "text":
        message = f"`{field}` is a list, but not of text"
        return _at(field, "type", message, "only a list of text can be asked for a member")
    if not isinstance(value.value, str):
        message = f"`{field}` is a list of text, and `{shown}` is {_NAMES[_kind_of(value)]}"
        return _at(value, "type", message, _cast(kind.item, value))
    return _equal(field, kind.item, value)


def text_test(field: FieldPath, kind: PayloadType, test: TextTest, value: Value) -> Problem | None:
    """``field.startsWith(value)`` and its kin."""
    if _kind(kind) == "text":
        return None
    message = f"`{test}` looks into text, and `{field}` is {_named(kind)}"
    if isinstance(kind, ListType) and test == "contains":
        return _at(field, "type", message, f"write `{written(value.value)} in {field}`")
    return _at(field, "type", message, _whole(field, kind) or _TESTS_OF[_kind(kind)])


_NAMES: Final[dict[Kind, str]] = {
    "text": "text",
    "number": "a number",
    "boolean": "a boolean",
    "list": "a list",
    "object": "an object",
}
_TESTS_OF: Final[dict[Kind, str]] = {
    "text": "text is compared with `==`, `!=`, `in`, `startsWith`, `endsWith` and `contains`",
    "number": "numbers are compared with `==`, `!=`, `<`, `<=`, `>`, `>=` and `in`",
    "boolean": "write the field alone, or `!` and the field",
}


def _at(node: FieldPath | Value, kind: ProblemKind, message: str, cure: str) -> Problem:
    return Problem(kind, message, cure, node.start, node.end)


def _kind(kind: PayloadType) -> Kind:
    match kind:
        case TextType() | EnumType():
            return "text"
        case IntegerType() | NumberType():
            return "number"
        case BooleanType():
            return "boolean"
        case ListType():
            return "list"
        case ObjectType():
            return "object"


def _kind_of(value: Value) -> Kind:
    if isinstance(value.value, bool):
        return "boolean"
    return "text" if isinstance(value.value, str) else "number"


def _named(kind: PayloadType) -> str:
    return "a whole number" if isinstance(kind, IntegerType) else _NAMES[_kind(kind)]


def _whole(field: FieldPath, kind: PayloadType) -> str | None:
    """The cure for using an object or a list as if it were one value; None for a scalar."""
    if isinstance(kind, ObjectType):
        members = [f"{field}.{one.name}" for one in kind.fields]
        return f"read one of its members: {_listed(members)}" if members else "it has no members"
    if isinstance(kind, ListType):
        return f'ask for a member: `"text" in {field}`'
    return None


def _sample(kind: PayloadType) -> str:
    if isinstance(kind, EnumType) and kind.values:
        return quoted(kind.values[0])
    return "1" if _kind(kind) == "number" else '"text"'


def _cast(kind: PayloadType, value: Value) -> str:
    """How to write `value` so that it has the kind of the field."""
    shown = written(value.value)
    wanted = _kind(kind)
    if wanted == "text":
        return f"put it in quotes: `{quoted(shown)}`"
    if wanted == "boolean":
        return "compare it with `true` or `false`, or write the field alone"
    if isinstance(value.value, str) and _is_number(value.value):
        return f"leave out the quotes: `{value.value}`"
    return "compare it with a number, such as `1`"


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal() and text[-1] != "."


def _equal(field: FieldPath, kind: PayloadType, value: Value) -> Problem | None:
    """An equality that no valid event can fulfil, seen from the type alone."""
    if isinstance(kind, IntegerType) and isinstance(value.value, Decimal):
        message = f"`{field}` is a whole number and never equals `{written(value.value)}`"
        return _at(value, "type", message, "write a whole number, or an order such as `<`")
    if isinstance(kind, EnumType) and value.value not in kind.values:
        message = f"`{field}` is never `{written(value.value)}`"
        return _at(value, "type", message, _choice(str(value.value), kind.values))
    return None


def _choice(given: str, values: Sequence[str]) -> str:
    close = alike(given, values)
    if close:
        return f"did you mean `{quoted(close[0])}`?"
    return f"it is one of {_listed([quoted(one) for one in values])}"


def _spelling(before: Names, name: str, parent: ObjectType) -> str:
    shown = ".".join(before)
    names = [one.name for one in parent.fields]
    close = alike(name, names)
    if close:
        return f"did you mean `{shown}.{close[0]}`?"
    if not names:
        return f"`{shown}` has no declared members; declare it in rules/events.yaml"
    more = "; others must be declared in rules/events.yaml" if before[0] == "payload" else ""
    return f"`{shown}` has {_listed(names)}{more}"


def _beginning(name: str, root: ObjectType) -> str:
    """The cure for a path whose first name is neither ``payload`` nor ``event``."""
    paths = {
        one.name: f"{top.name}.{one.name}"
        for top in reversed(root.fields)
        if isinstance(top.type, ObjectType)
        for one in top.type.fields
    }
    tops = {top.name: top.name for top in root.fields}
    close = alike(name, [*tops, *paths])
    if close:
        return f"did you mean `{(paths | tops)[close[0]]}`?"
    return "fields begin with `payload.` or `event.`; put text in quotes"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown
