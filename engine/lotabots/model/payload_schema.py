"""Payload types as JSON Schema, draft-07.

Also what each named text format means: the one table of patterns, for schemas and for whoever
checks a payload. The patterns are anchored, have no nested repetition, and mean the same in
Python (with `re.ASCII`) and in ECMA 262.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.model.event import (
    MAX_SAFE_INTEGER,
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
    from collections.abc import Mapping
    from decimal import Decimal

FORMAT_PATTERNS: Final[Mapping[str, str]] = {
    "commit": r"^([0-9a-f]{40}|[0-9a-f]{64})$",
    "digest": r"^sha256:[0-9a-f]{64}$",
    "email": (
        r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
        r"@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}$"
    ),
    "timestamp": (
        r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]"
        r":([0-5][0-9]|60)(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
    ),
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]{0,31}:[!-~]{1,2048}$",
    "version": r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$",
}
"""The pattern of each of `lotabots.model.event.FORMATS`. RFC 3339 for timestamps."""


def payload_schema(payload: ObjectType) -> dict[str, Any]:
    """The schema that accepts exactly the payloads of this type.

    Bounds of numbers that are no binary floats cannot be exact in JSON readers that use floats;
    LotaBots itself compares exact decimals.
    """
    return _object(payload)


def _schema(payload: PayloadType) -> dict[str, Any]:
    match payload:
        case ObjectType():
            return _object(payload)
        case ListType(item, max_items):
            return {"type": "array", "items": _schema(item), "maxItems": max_items}
        case EnumType(values):
            return {"type": "string", "enum": list(values)}
        case TextType(max_length, text_format):
            pattern = {"pattern": FORMAT_PATTERNS[text_format]} if text_format else {}
            return {"type": "string", "maxLength": max_length, **pattern}
        case _:
            return _plain(payload)


def _object(payload: ObjectType) -> dict[str, Any]:
    required = [field.name for field in payload.fields if not field.optional]
    return {
        "type": "object",
        "additionalProperties": payload.open,
        "properties": {
            field.name: {
                **({"description": field.doc} if field.doc else {}),
                **_schema(field.type),
            }
            for field in payload.fields
        },
        **({"required": required} if required else {}),
    }


def _plain(payload: IntegerType | NumberType | BooleanType) -> dict[str, Any]:
    match payload:
        case IntegerType(low, high):
            return {"type": "integer", "minimum": low, "maximum": high}
        case NumberType(least, most):
            return {"type": "number", **_bound("minimum", least), **_bound("maximum", most)}
        case BooleanType():
            return {"type": "boolean"}


def _bound(key: str, value: Decimal | None) -> dict[str, int | float]:
    if value is None:
        return {}
    whole = int(value)
    exact = value == whole and abs(whole) <= MAX_SAFE_INTEGER
    return {key: whole if exact else float(value)}
