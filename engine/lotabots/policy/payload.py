"""Payload types as decoders: strict, exact, and one pass in C over the bytes.

Every object type becomes a struct class whose attribute ``f_<name>`` is the JSON member `name`, so
that no member can collide with a method or a keyword. Rules:

* Numbers are exact. `number` gives `int` or `Decimal` straight from the text; text, booleans and
  null are refused, and so is a fraction where an `integer` is asked for.
* A closed object refuses undeclared members. An open one skips them: what nobody declared is not
  checked, so it is not handed on either.
* A repeated member: the last one counts. That is safe because nobody ever sees the sender's bytes
  again: jobs get `encode` of what was decoded and decided upon.
"""

from __future__ import annotations

import re
from decimal import Decimal
from types import FunctionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, assert_never

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from lotabots.model.envelope import reason
from lotabots.model.event import (
    BooleanType,
    EnumType,
    IntegerType,
    ListType,
    NumberType,
    ObjectType,
    TextType,
)
from lotabots.model.payload_schema import FORMAT_PATTERNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.model.event import Field, PayloadType

MEMBER: Final = "f_"
"""What stands before the name of a JSON member to make the name of an attribute."""


class PayloadError(ValueError):
    """The payload is not what its type says; the text names the path and the reason."""


class PayloadReader:
    """Decodes the payload of one event type.

    `decode` is the fast way for callers that answer `DECODE_ERRORS` themselves, with `said`.
    """

    __slots__ = ("decode",)

    def __init__(self, kind: type[Struct]) -> None:
        self.decode: Callable[[bytes | msgspec.Raw], Any] = msgspec.json.Decoder(
            kind, dec_hook=_number_hook, float_hook=Decimal
        ).decode

    def read(self, raw: bytes | msgspec.Raw) -> Struct:
        """The payload that the JSON text `raw` is.

        Raises:
            PayloadError: `raw` is not of this type.
        """
        try:
            payload: Struct = self.decode(raw)
        except DECODE_ERRORS as error:
            raise PayloadError(said(error)) from error
        return payload


DECODE_ERRORS: Final = (ValueError, ArithmeticError, RecursionError)
"""What decoding untrusted text may raise: wrong JSON, wrong UTF-8, numbers beyond all bounds."""


class Readers:
    """The readers of a fleet; equal payload types share one, so that 20,000 events stay small."""

    def __init__(self) -> None:
        self._structs: dict[ObjectType, type[Struct]] = {}
        self._readers: dict[ObjectType, PayloadReader] = {}
        self._numbers: dict[NumberType, type] = {}

    def reader(self, payload: ObjectType) -> PayloadReader:
        """The reader of an object type."""
        found = self._readers.get(payload)
        if found is None:
            found = PayloadReader(self._struct(payload))
            self._readers[payload] = found
        return found

    def _struct(self, payload: ObjectType) -> type[Struct]:
        found = self._structs.get(payload)
        if found is None:
            fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
            for member in payload.fields:
                # Untyped numbers are decoded in C and looked at below: faster than a hook.
                kind = Any if isinstance(member.type, NumberType) else self._type(member.type)
                name = MEMBER + member.name
                union = kind if kind is Any else Union[kind, UnsetType]  # noqa: UP007 - Annotated
                fields.append((name, union, UNSET) if member.optional else (name, kind))
            found = defstruct(
                "Payload",
                fields,
                rename={MEMBER + member.name: member.name for member in payload.fields},
                namespace=_number_check(payload),
                forbid_unknown_fields=not payload.open,
                frozen=True,
                kw_only=True,
                gc=False,
            )
            self._structs[payload] = found
        return found

    def _type(self, kind: PayloadType) -> Any:  # noqa: ANN401, PLR0911 - a type expression per kind
        match kind:
            case TextType():
                pattern = _PATTERNS.get(kind.format)
                return Annotated[str, Meta(max_length=kind.max_length, pattern=pattern)]
            case EnumType():
                return Literal[kind.values] if kind.values else _NOTHING
            case IntegerType():
                return Annotated[int, Meta(ge=kind.minimum, le=kind.maximum)]
            case NumberType():
                return self._number(kind)
            case BooleanType():
                return bool
            case ListType():
                return Annotated[list[self._type(kind.item)], Meta(max_length=kind.max_items)]  # type: ignore[misc]  # built at run time
            case ObjectType():
                return self._struct(kind)
            case _:
                assert_never(kind)

    def _number(self, kind: NumberType) -> type:
        if kind not in self._numbers:
            self._numbers[kind] = _Bounded("number", (), {"bounds": kind})
        return self._numbers[kind]


def encode(payload: object) -> bytes:
    """The JSON text of a decoded payload; numbers as exact as they came."""
    return _ENCODER.encode(payload)


def said(error: Exception) -> str:
    """What one of `DECODE_ERRORS` says, with the path from the payload on."""
    if isinstance(error, ArithmeticError):
        return "a number is out of range"
    said = reason(error).replace("`$", "`payload", 1)
    member = _MEMBER.match(said) if said.startswith(".") or "`: ." in said else None
    if member:
        said = f"`{member[1] or 'payload'}.{member[2]}`: {said[member.end() :]}"
    if " matching regex " in said:
        for name, pattern in _PATTERNS.items():
            said = said.replace(f"`str` matching regex {pattern!r}", f"`{name}`")
    return said


def _number_check(payload: ObjectType) -> dict[str, Any]:
    """What a struct class needs to refuse a member that is not the number it should be."""
    checks = [_check(one, one.type) for one in payload.fields if isinstance(one.type, NumberType)]
    if not checks:
        return {}
    if len(checks) == 1:
        return {"__post_init__": checks[0]}

    def check_all(self: object) -> None:
        for check in checks:
            check(self)

    return {"__post_init__": check_all}


def _check(member: Field, kind: NumberType) -> Callable[[Any], None]:
    """A function that refuses an object whose `member` is not an exact number of type `kind`.

    It reads the attribute by name, as if it had been written for this member: `getattr` and a loop
    over all members would take as long as decoding the number.
    """
    low, high, optional = kind.minimum, kind.maximum, member.optional

    def check(self: Any) -> None:  # noqa: ANN401 - the classes are made at run time
        value = self.attribute
        found = value.__class__
        if (
            (found is Decimal or found is int)
            and (low is None or value >= low)
            and (high is None or value <= high)
        ) or (optional and value is UNSET):
            return
        try:
            _number(kind, value)
        except ValueError as error:
            raise ValueError(f".{member.name}: {error}") from None

    code, names = check.__code__, {"attribute": MEMBER + member.name}
    named = code.replace(co_names=tuple(names.get(name, name) for name in code.co_names))
    return FunctionType(named, globals(), "check", None, check.__closure__)


def _number(kind: Any, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Refuse what is not an exact number within the bounds of `kind`.

    Raises:
        ValueError: in the words of the decoder's own messages.
    """
    if type(value) is not Decimal and type(value) is not int:
        raise ValueError(f"expected `number`, got `{_JSON_NAMES.get(type(value), 'object')}`")
    if kind.minimum is not None and value < kind.minimum:
        raise ValueError(f"expected `number` >= {kind.minimum}")
    if kind.maximum is not None and value > kind.maximum:
        raise ValueError(f"expected `number` <= {kind.maximum}")


class _Bounded(type):
    """Lets the decoder accept any exact number where a bounded number type stands."""

    bounds: NumberType

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) in (int, Decimal)


def _number_hook(kind: type, value: object) -> object:
    _number(kind.bounds, value)  # type: ignore[attr-defined]  # only number types are custom
    return value


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - a type expression
    return msgspec.json.Decoder(kind, dec_hook=_number_hook, float_hook=Decimal)


_PATTERNS: Final = {
    name: pattern.removesuffix("$") + r"(?![\s\S])" for name, pattern in FORMAT_PATTERNS.items()
}
"""The patterns of the schemas, but for Python, where ``$`` lets a line feed follow."""

_MEMBER: Final = re.compile(r"(?:`([^`]*)`: )?\.(\w+): ", re.ASCII)
"""How `_number_check` names the member; the decoder adds the path of the object."""

_JSON_NAMES: Final = {str: "str", bool: "bool", type(None): "null", list: "array"}
_NOTHING: Final = Annotated[str, Meta(min_length=1, max_length=0)]
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
