"""What is written in the payload of a policy test means, once the type of its event is known."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from lotabots.model.codec.scalar import LONGEST_NUMBER, whole
from lotabots.model.event import BooleanType, EnumType, ListType, ObjectType, TextType
from lotabots.syntax.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from lotabots.model.event import PayloadType

_TRUTH: Final = {"true": True, "false": False}
_DECIMAL: Final = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
"""A number of the YAML 1.2 core schema with a bounded exponent; compiled when one is met."""


def meant(node: Node, kind: PayloadType | None) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value that `node` is for a field of `kind`; None for one that is not declared.

    Numbers are exact: `int` or `Decimal`. What does not fit the type is what it would be without
    one, so that a test can send it, and see it refused.
    """
    if isinstance(node, Mapping):
        fields = kind if isinstance(kind, ObjectType) else ObjectType()
        return {key.text: meant(value, _type_of(fields, key.text)) for key, value in node.entries}
    if isinstance(node, Sequence):
        item = kind.item if isinstance(kind, ListType) else None
        return [meant(one, item) for one in node.items]
    if isinstance(kind, TextType | EnumType):
        return node.text
    return node.text if not node.plain else _plain(node, kind)


def _type_of(kind: ObjectType, name: str) -> PayloadType | None:
    field = kind.field(name)
    return field.type if field else None


def _plain(node: Scalar, kind: PayloadType | None) -> str | int | bool | Decimal:
    if node.text in _TRUTH and (kind is None or isinstance(kind, BooleanType)):
        return _TRUTH[node.text]
    number = whole(node)
    if number is not None:
        return number
    decimal = len(node.text) <= LONGEST_NUMBER and re.fullmatch(_DECIMAL, node.text, re.ASCII)
    return Decimal(node.text) if decimal else node.text


def merged(first: Mapping | None, second: Mapping | None) -> Mapping | None:
    """The members of both; of what both have, mappings are merged and else `second` counts."""
    if first is None or second is None:
        return second or first
    entries = {key.text: (key, value) for key, value in first.entries}
    for key, value in second.entries:
        before = entries.get(key.text)
        inside = before[1] if before else None
        if isinstance(inside, Mapping) and isinstance(value, Mapping):
            entries[key.text] = (key, merged(inside, value) or value)
        else:
            entries[key.text] = (key, value)
    return Mapping(tuple(entries.values()), second.span)
