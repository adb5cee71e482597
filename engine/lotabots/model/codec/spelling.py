"""Payload types as type expressions: the way back from `lotabots.model.codec.payload`.

Named types are spelled out where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.model.codec.codec import Style
from lotabots.model.codec.quantity import plain
from lotabots.model.event import (
    BooleanType,
    EnumType,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    PayloadType,
    TextType,
)

if TYPE_CHECKING:
    from decimal import Decimal

SCALARS: Final[dict[str, TextType | IntegerType | NumberType | BooleanType]] = {
    "string": TextType(),
    "integer": IntegerType(),
    "number": NumberType(),
    "boolean": BooleanType(),
    "timestamp": TextType(format="timestamp"),
}
"""The types that a text alone names."""


def spelled(payload: PayloadType, doc: str, style: Style) -> str | dict[str, Any]:
    """The expression of a type, with what is said about it."""
    if not doc and style is Style.SPARSE:
        word = next((word for word, scalar in SCALARS.items() if payload == scalar), None)
        if word is not None:
            return word
    return {**_structure(payload, style), **({"doc": doc} if doc else {})}


def members(payload: ObjectType, style: Style) -> dict[str, Any]:
    """The expressions of an object's members; `?` marks the optional ones."""
    return {
        f"{field.name}?" if field.optional else field.name: spelled(field.type, field.doc, style)
        for field in sorted(payload.fields, key=lambda field: field.name)
    }


def _structure(payload: PayloadType, style: Style) -> dict[str, Any]:
    match payload:
        case EnumType(values):
            return {"enum": list(values)}
        case ListType(item, max_items):
            return {"list": spelled(item, "", style), "max_items": max_items}
        case ObjectType():
            openness = {"open": payload.open} if payload.open or style is Style.FULL else {}
            return {"fields": members(payload, style), **openness}
        case _:
            return _scalar(payload)


def _scalar(payload: TextType | IntegerType | NumberType | BooleanType) -> dict[str, Any]:
    match payload:
        case TextType(max_length, text_format):
            named = {"format": text_format} if text_format else {}
            return {"type": "string", "max_length": max_length, **named}
        case IntegerType(low, high):
            return {"type": "integer", "min": low, "max": high}
        case NumberType(least, most):
            return {"type": "number", **_bound("min", least), **_bound("max", most)}
        case BooleanType():
            return {"type": "boolean"}


def _bound(key: str, value: Decimal | None) -> dict[str, int | str]:
    return {} if value is None else {key: plain(value)}
