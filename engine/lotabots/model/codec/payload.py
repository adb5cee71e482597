"""Type expressions of ``rules/events.yaml``, read into drafts that may still name other types.

A text names a type; a mapping with exactly one of `type`, `enum`, `list`, `fields` makes one.
`lotabots.model.codec.naming` replaces the names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lotabots.diagnostics.codes import DUPLICATE_NAME
from lotabots.diagnostics.diagnostic import Label
from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, expected, invalid
from lotabots.model.codec.collection import listing
from lotabots.model.codec.names import MEMBER
from lotabots.model.codec.quantity import number
from lotabots.model.codec.record import keyed
from lotabots.model.codec.scalar import boolean, choice, integer, prose
from lotabots.model.codec.scalar import name as name_codec
from lotabots.model.codec.shape import Key, Shape
from lotabots.model.codec.spelling import SCALARS, members, spelled
from lotabots.model.codec.value import unclear
from lotabots.model.event import (
    FORMATS,
    MAX_ITEMS,
    MAX_SAFE_INTEGER,
    MAX_TEXT,
    BooleanType,
    EnumType,
    IntegerType,
    NumberType,
    TextType,
)
from lotabots.syntax.nodes import Mapping, Node, Scalar

if TYPE_CHECKING:
    from decimal import Decimal

    from lotabots.diagnostics.span import Span

MAX_MEMBERS: Final = 128
LONGEST_TEXT: Final = 65_536
MOST_ITEMS: Final = 10_000


class Named(NamedTuple):
    """A type that is declared under `types:`."""

    name: str
    span: Span


class ListDraft(NamedTuple):
    """A list of something."""

    item: Draft
    max_items: int


class MemberDraft(NamedTuple):
    """A member of an object."""

    name: str
    draft: Draft
    optional: bool
    doc: str


class ObjectDraft(NamedTuple):
    """An object with members of any kind."""

    members: tuple[MemberDraft, ...] = ()
    open: bool = False


class Documented(NamedTuple):
    """A type expression with its `doc`."""

    draft: Draft
    doc: str


Draft = (
    TextType | EnumType | IntegerType | NumberType | BooleanType | Named | ListDraft | ObjectDraft
)

TYPE_NAME: Final = name_codec(
    "a type",
    re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII),
    "write a lower-case name: `string`, or one declared under `types`",
)
_MEMBER_KEY: Final = re.compile(rf"({MEMBER.pattern})(\??)", re.ASCII)


def _read(node: Node, findings: Findings, places: Places, route: str) -> Documented | None:
    if type(node) is not Scalar:
        structure: Documented | None = _STRUCTURES.read(node, findings, places, route)
        return structure
    text = TYPE_NAME.read(node, findings, places, route)
    return None if text is None else Documented(_called(text, node.span), "")


def _called(text: str, span: Span) -> Draft:
    scalar = SCALARS.get(text)
    return Named(text, span) if scalar is None else scalar


def _schema(definitions: Definitions) -> dict[str, Any]:
    reference = {"$ref": "#/definitions/PayloadType"}
    if "PayloadType" not in definitions:
        definitions["PayloadType"] = {}  # the expression holds itself
        either = [TYPE_NAME.schema(definitions), *_STRUCTURES.schema(definitions)["anyOf"]]
        definitions["PayloadType"] = {
            "title": "a payload type",
            "description": "a type name, or exactly one of type, enum, list, fields",
            "anyOf": either,
        }
    return reference


EXPRESSION: Final[Codec[Any]] = Codec(
    _read, lambda payload, style: spelled(payload, "", style), _schema
)
"""A type expression: reads to `Documented`, writes from a `PayloadType`."""


def _read_members(node: Node, findings: Findings, places: Places, route: str) -> ObjectDraft | None:
    if type(node) is not Mapping:
        expected(node, findings, "the members", "write `name: type` lines")
        return None
    if len(node.entries) > MAX_MEMBERS:
        expected(node, findings, f"at most {MAX_MEMBERS} members", "group them in objects")
    known: dict[str, tuple[MemberDraft, Span]] = {}
    for key, child in node.entries[:MAX_MEMBERS]:
        name = _MEMBER_KEY.fullmatch(key.text)
        below = f"{route}.{name[1] if name else key.text}"
        places[below] = key.span
        got = _read(child, findings, places, below)
        if not name:
            cure = "use letters, digits and `_`; a `?` at the end makes it optional"
            expected(key, findings, "a member name", cure)
        elif name[1] in known:
            _repeated_member(key, findings, known[name[1]][1])
        elif got is not None:
            member = MemberDraft(name[1], got.draft, bool(name[2]), got.doc)
            known[name[1]] = (member, key.span)
    return ObjectDraft(tuple(known[each][0] for each in sorted(known)))


def _repeated_member(key: Scalar, findings: Findings, earlier: Span) -> None:
    findings.append(
        DUPLICATE_NAME.at(
            Label(key.span, "declared again"),
            f"`{key.text.rstrip('?')}` is declared twice",
            related=(Label(earlier, "first declared here"),),
            help="keep one, with `?` if it is optional",
        )
    )


def _members_schema(definitions: Definitions) -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{_MEMBER_KEY.pattern}$"},
        "additionalProperties": _schema(definitions),
        "maxProperties": MAX_MEMBERS,
    }


MEMBERS: Final[Codec[Any]] = Codec(_read_members, members, _members_schema)
"""The members of an object: reads to `ObjectDraft`, writes from an `ObjectType`."""

_NUMBER: Final = number()
_DOC: Final = Key("doc", "doc", prose(), "what the value means")
_TYPE: Final = Shape(
    "a type with bounds",
    "A scalar with bounds, or a named type.",
    [
        Key("type", "type", TYPE_NAME, "the type's name", required=True),
        Key("min", "min", _NUMBER, "the smallest number"),
        Key("max", "max", _NUMBER, "the largest number"),
        Key("max_length", "max_length", integer(1, LONGEST_TEXT), "the most characters"),
        Key("format", "format", choice({word: word for word in FORMATS}), "the form of the text"),
        _DOC,
    ],
)
_BOUNDS: Final = {
    "integer": ("min", "max"),
    "number": ("min", "max"),
    "string": ("max_length", "format"),
}


def _enum_value(node: Node, findings: Findings, places: Places, route: str) -> str | None:
    if type(node) is Scalar and unclear(node):
        expected(node, findings, "a text", "quote it; the values of an enum are texts")
        return None
    return _WORDS.read(node, findings, places, route)


_WORDS: Final = prose("a text", longest=128)
_ENUM: Final = Shape(
    "an enum type",
    "One of the given texts.",
    [
        Key(
            "enum",
            "values",
            listing(Codec(_enum_value, _WORDS.write, _WORDS.schema), least=1, unique=str),
            "the texts",
            required=True,
        ),
        _DOC,
    ],
)
_LIST: Final = Shape(
    "a list type",
    "A list of values of one type.",
    [
        Key("list", "item", EXPRESSION, "the type of the items", required=True),
        Key("max_items", "max_items", integer(0, MOST_ITEMS), "the most items"),
        _DOC,
    ],
)
_FIELDS: Final = Shape(
    "an object type",
    "A JSON object with the given members.",
    [
        Key(
            "fields",
            "draft",
            MEMBERS,
            "the members; `?` at the end of a name = optional",
            required=True,
        ),
        Key("open", "open", boolean(), "whether unknown members are let through"),
        _DOC,
    ],
)


def _structure(shape: Shape) -> Codec[Any]:
    def read(node: Node, findings: Findings, places: Places, route: str) -> Documented | None:
        own: Places = {}
        collected = shape.collect(node, findings, own)
        for below, span in own.items():
            if below.startswith("fields."):
                places[f"{route}.{below.removeprefix('fields.')}"] = span
        if collected is None or not collected[1]:
            return None
        values = collected[0]
        draft = _built(values, findings, own)
        return None if draft is None else Documented(draft, values.get("doc", ""))

    return Codec(read, EXPRESSION.write, lambda definitions: shape.schema(definitions, {}))


def _built(values: dict[str, Any], findings: Findings, places: Places) -> Draft | None:
    if "values" in values:
        return EnumType(values["values"]) if values["values"] else None
    if "item" in values:
        return ListDraft(values["item"].draft, values.get("max_items", MAX_ITEMS))
    if "draft" in values:
        return ObjectDraft(values["draft"].members, values.get("open", False))
    return _bounded(values, findings, places)


def _bounded(values: dict[str, Any], findings: Findings, places: Places) -> Draft | None:
    kind = values["type"]
    allowed = _BOUNDS.get(kind, ())
    strange = [key for key in values if key not in ("type", "doc", *allowed)]
    for key in strange:
        cure = "only `integer` and `number` have `min` and `max`, only `string` the others"
        invalid(places[key], findings, f"`{kind}` has no `{key}`", cure)
    if strange:
        return None
    low, high = values.get("min"), values.get("max")
    if low is not None and high is not None and low > high:
        invalid(places["min"], findings, "`min` is above `max`", "exchange them")
        return None
    if kind == "string":
        return TextType(values.get("max_length", MAX_TEXT), values.get("format", ""))
    if kind == "number":
        return NumberType(low, high)
    if kind == "integer":
        return _integer(low, high, findings, places)
    return _called(kind, places["type"])


def _integer(
    low: Decimal | None, high: Decimal | None, findings: Findings, places: Places
) -> IntegerType | None:
    for key, bound in (("min", low), ("max", high)):
        if bound is not None and (bound != int(bound) or abs(bound) > MAX_SAFE_INTEGER):
            message = "a bound of an integer is a whole number of at most 2^53 - 1"
            invalid(places[key], findings, message, "round it")
            return None
    return IntegerType(
        -MAX_SAFE_INTEGER if low is None else int(low),
        MAX_SAFE_INTEGER if high is None else int(high),
    )


_STRUCTURES: Final = keyed(
    "a type",
    {
        "type": _structure(_TYPE),
        "enum": _structure(_ENUM),
        "list": _structure(_LIST),
        "fields": _structure(_FIELDS),
    },
    lambda _value: "type",
)
