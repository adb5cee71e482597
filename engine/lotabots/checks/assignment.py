"""Whether a value fits a payload field: for what `set:` and `join_on` write into an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.condition.members import Found, find
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
    from collections.abc import Mapping

    from lotabots.model.event import PayloadType

_TEXTS: Final = (TextType, EnumType)
_NUMBERS: Final = (IntegerType, NumberType)


def field_at(payload: ObjectType, path: str) -> Found | None:
    """The field of `payload` at the dotted `path`, if it is declared."""
    found = find(payload, tuple(path.split(".")))
    return found if isinstance(found, Found) else None


def literal_misfit(value: str | bool | int, type_: PayloadType) -> str:
    """Why the literal `value` does not fit a field of `type_`; empty if it does."""
    if isinstance(type_, EnumType):
        return "" if value in type_.values and isinstance(value, str) else _is_not(value, type_)
    if isinstance(type_, TextType):
        fits = isinstance(value, str) and len(value) <= type_.max_length
    elif isinstance(type_, IntegerType | NumberType):
        fits = isinstance(value, int) and not isinstance(value, bool) and _within(value, type_)
    else:
        fits = isinstance(type_, BooleanType) and isinstance(value, bool)
    return "" if fits else _is_not(value, type_)


def copy_misfit(source: PayloadType, target: PayloadType) -> str:
    """Why a value of type `source` may not fit `target`; empty if its kind always does.

    Lengths and bounds are not compared: that a longer text or a larger number never comes is
    often known to the author and not to the catalogue.
    """
    if source is target:
        return ""  # named types are shared, and most copies are between fields of one
    if isinstance(source, ObjectType) and isinstance(target, ObjectType):
        return _object_misfit(source, target)
    if isinstance(source, ListType) and isinstance(target, ListType):
        return copy_misfit(source.item, target.item)
    if isinstance(source, EnumType):
        fits = all(not literal_misfit(value, target) for value in source.values)
    elif isinstance(source, TextType):
        fits = isinstance(target, TextType) and target.format in ("", source.format)
    elif isinstance(source, IntegerType):
        fits = isinstance(target, _NUMBERS)
    else:
        fits = type(source) is type(target)
    return "" if fits else f"{kind(source)} does not fit {kind(target)}"


def same_kind(first: PayloadType, second: PayloadType) -> bool:
    """Whether values of both types can be equal, as join keys have to be."""
    for family in (_TEXTS, _NUMBERS, (BooleanType,)):
        if isinstance(first, family) and isinstance(second, family):
            return True
    return False


def missing_fields(payload: ObjectType, filled: frozenset[str], *, above: str = "") -> list[str]:
    """Required fields of `payload` that none of the paths `filled` fills, as dotted paths."""
    found = []
    for member in payload.fields:
        path = f"{above}{member.name}"
        begun = any(name.startswith(f"{path}.") for name in filled)
        if path in filled or (member.optional and not begun):
            continue
        if isinstance(member.type, ObjectType) and begun:
            found += missing_fields(member.type, filled, above=f"{path}.")
        else:
            found.append(path)
    return found


def kind(type_: PayloadType) -> str:
    """What `type_` is, in a few words."""
    if isinstance(type_, TextType):
        return f"a {type_.format}" if type_.format else "text"
    if isinstance(type_, EnumType):
        return f"one of {', '.join(f'`{value}`' for value in type_.values)}"
    return _WORDS[type(type_)]


_WORDS: Final[Mapping[type, str]] = {
    IntegerType: "a whole number",
    NumberType: "a number",
    BooleanType: "a truth value",
    ListType: "a list",
    ObjectType: "an object",
}


def _object_misfit(source: ObjectType, target: ObjectType) -> str:
    for member in target.fields:
        given = source.field(member.name)
        if given is None or (given.optional and not member.optional):
            if not member.optional:
                return f"it may lack `{member.name}`"
            continue
        misfit = copy_misfit(given.type, member.type)
        if misfit:
            return f"`{member.name}`: {misfit}"
    extra = [f.name for f in source.fields if target.field(f.name) is None]
    return f"it has `{extra[0]}`, which is not declared there" if extra and not target.open else ""


def _within(value: int, type_: IntegerType | NumberType) -> bool:
    low, high = type_.minimum, type_.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _is_not(value: str | bool | int, type_: PayloadType) -> str:
    shown = str(value).lower() if isinstance(value, bool) else value
    bounds = isinstance(value, int) and isinstance(type_, IntegerType | NumberType)
    return f"`{shown}` is not {'within its bounds' if bounds else kind(type_)}"
