"""Codecs of mappings from a name to the record that carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lotabots.frozen import defaults
from lotabots.model.codec.codec import Codec, Definitions, Findings, Places, Style, expected
from lotabots.model.record import Record
from lotabots.syntax.nodes import Mapping, Node, Scalar

if TYPE_CHECKING:
    from lotabots.model.codec.shape import Shape

R = TypeVar("R", bound=Record)


def named_table(
    cls: type[R],
    shape: Shape,
    key: Codec[str],
    *,
    most: int,
    short: Codec[str] | None = None,
) -> Codec[dict[str, R]]:
    """A mapping from names to records of class `cls`, sorted by name.

    A record is kept when parts of it are faulty, because others refer to it by name. Its span is
    that of its name.

    Args:
        cls: the class; its attribute `name` is the key.
        shape: the keys of the mapping behind a name.
        key: the codec of the names.
        most: how many entries are allowed.
        short: the codec of `doc`, if a plain text may stand for a mapping that has nothing else.
    """
    entry = _entry(cls, shape, short)

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, R] | None:
        if type(node) is not Mapping:
            expected(node, findings, "a mapping", "write `name: ...` lines")
            return None
        if len(node.entries) > most:
            expected(node, findings, f"at most {most} entries", "split the fleet")
        values = {}
        for label, each in node.entries[:most]:
            places[f"{route}.{label.text}"] = each.span
            name = key.read(label, findings, places, route)
            own = {"name": label.span}
            attributes = entry.read(each, findings, own, "doc") or {}
            if name is not None:
                attributes["name"] = name
                values[name] = cls(span=label.span, places=own, **attributes)
        return {name: values[name] for name in sorted(values)}

    def write(values: dict[str, R], style: Style) -> dict[str, Any]:
        return {name: entry.write(values[name], style) for name in sorted(values)}

    def schema(definitions: Definitions) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": key.schema(definitions),
            "additionalProperties": entry.schema(definitions),
            "maxProperties": most,
        }

    return Codec(read, write, schema)


def _entry(cls: type[R], shape: Shape, short: Codec[str] | None) -> Codec[Any]:
    """What stands behind a name: reads to attributes, writes from the record."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        if short is None or type(node) is not Scalar:
            collected = shape.collect(node, findings, places)
            return collected[0] if collected else None
        places[route] = node.span
        text = short.read(node, findings, places, route)
        return None if text is None else {"doc": text}

    def write(value: R, style: Style) -> Any:  # noqa: ANN401 - text or mapping
        plain = shape.write(value, style, defaults(cls))
        brief = short is not None and style is Style.SPARSE and list(plain) == ["doc"]
        return plain["doc"] if brief else plain

    def schema(definitions: Definitions) -> dict[str, Any]:
        full = shape.schema(definitions, defaults(cls))
        return full if short is None else {"anyOf": [short.schema(definitions), full]}

    return Codec(read, write, schema)
