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

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, assert_never

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from lotabots.model.envelope import Head, reason
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
    from collections.abc import Callable, Mapping

    from lotabots.model.event import PayloadType

MEMBER: Final = "f_"
"""What stands before the name of a JSON member to make the name of an attribute."""


class PayloadError(ValueError):
    """The payload is not what its type says; the text names the path and the reason."""


class PayloadReader:
    """Decodes the payload of one event type. `kind` is the struct class it makes."""

    __slots__ = ("_decoder", "closed", "kind")

    def __init__(self, kind: type[Struct], *, closed: bool) -> None:
        self.kind = kind
        self.closed = closed
        self._decoder = _decoder(kind)

    def read(self, raw: bytes | msgspec.Raw) -> Struct:
        """The payload that the JSON text `raw` is.

        Raises:
            PayloadError: `raw` is not of this type.
        """
        try:
            payload: Struct = self._decoder.decode(raw)
        except DECODE_ERRORS as error:
            raise PayloadError(_said(error)) from error
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
            found = PayloadReader(self._struct(payload), closed=_closed(payload))
            self._readers[payload] = found
        return found

    def _struct(self, payload: ObjectType) -> type[Struct]:
        found = self._structs.get(payload)
        if found is None:
            fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
            for member in payload.fields:
                kind = self._type(member.type)
                name = MEMBER + member.name
                fields.append((name, kind | UnsetType, UNSET) if member.optional else (name, kind))
            found = defstruct(
                "Payload",
                fields,
                rename={MEMBER + member.name: member.name for member in payload.fields},
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


def event_reader(
    types: Mapping[str, object], readers: Mapping[str, PayloadReader]
) -> Callable[[bytes], Any]:
    """A function that reads whole events, envelope and payload in one pass.

    What it gives is a `Head` with two more attributes: `rule`, the entry of `types` for the event's
    type, and `payload`. It says "no" to whatever is not perfect; why is for the careful path.
    """
    kinds = tuple(
        defstruct(
            "TypedEvent",
            [("payload", readers[name].kind)],
            bases=(Head,),
            namespace={"rule": types[name]},
            tag_field="type",
            tag=name,
            frozen=True,
            kw_only=True,
            gc=False,
            forbid_unknown_fields=True,
        )
        for name in sorted(types)
        if readers[name].closed
    )
    return _decoder(Union[kinds]).decode if kinds else _unreadable  # noqa: UP007 - of a tuple


def encode(payload: object) -> bytes:
    """The JSON text of a decoded payload; numbers as exact as they came."""
    return _ENCODER.encode(payload)


def _said(error: Exception) -> str:
    if isinstance(error, ArithmeticError):
        return "a number is out of range"
    said = reason(error).replace("`$", "`payload", 1)
    for name, pattern in _PATTERNS.items():
        said = said.replace(f"`str` matching regex {pattern!r}", f"`{name}`")
    return said


def _unreadable(_raw: bytes) -> Any:  # noqa: ANN401 - stands where a decoder would
    raise PayloadError("no event type has a closed payload")


class _Bounded(type):
    """Lets the decoder accept any exact number where a bounded number type stands."""

    bounds: NumberType

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) in _EXACT


def _number_hook(kind: type, value: object) -> object:
    if type(value) not in _EXACT:
        raise ValueError(f"expected `number`, got `{_JSON_NAMES.get(type(value), 'object')}`")
    bounds: NumberType = kind.bounds  # type: ignore[attr-defined]  # only number types are custom
    if bounds.minimum is not None and value < bounds.minimum:  # type: ignore[operator]  # exact
        raise ValueError(f"expected `number` >= {bounds.minimum}")
    if bounds.maximum is not None and value > bounds.maximum:  # type: ignore[operator]  # exact
        raise ValueError(f"expected `number` <= {bounds.maximum}")
    return value


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - a type expression
    return msgspec.json.Decoder(kind, dec_hook=_number_hook, float_hook=Decimal)


def _closed(kind: PayloadType) -> bool:
    """Whether nothing undeclared can stand in it, so that its depth is that of the declaration."""
    match kind:
        case ObjectType():
            return not kind.open and all(_closed(member.type) for member in kind.fields)
        case ListType():
            return _closed(kind.item)
        case _:
            return True


_PATTERNS: Final = {
    name: pattern.removesuffix("$") + r"(?![\s\S])" for name, pattern in FORMAT_PATTERNS.items()
}
"""The patterns of the schemas, but for Python, where ``$`` lets a line feed follow."""

_EXACT: Final = frozenset({int, Decimal})
_JSON_NAMES: Final = {str: "str", bool: "bool", type(None): "null", list: "array"}
_NOTHING: Final = Annotated[str, Meta(min_length=1, max_length=0)]
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
