"""Codecs of records: one class, one shape; shapes in one another; unions of shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lotabots.diagnostics.codes import INVALID_VALUE, MISSING_KEY
from lotabots.diagnostics.diagnostic import Label
from lotabots.frozen import defaults, made, needed
from lotabots.model.codec.codec import (
    Codec,
    Definitions,
    Findings,
    Places,
    Style,
    did_you_mean,
    expected,
    one_of,
)
from lotabots.model.record import Record
from lotabots.syntax.nodes import Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping as Dictionary

    from lotabots.model.codec.shape import Shape

R = TypeVar("R", bound=Record)


Finish = Callable[[dict[str, Any], Node, Findings, Places], bool]
"""Completes the attributes of a record in place; false if the record must be left out."""


def record(
    cls: type[R],
    shape: Shape,
    *,
    partial: bool = False,
    inline: bool = False,
    finish: Finish | None = None,
) -> Codec[R]:
    """A mapping that is one record.

    Args:
        cls: the class; attributes without a key keep their defaults.
        shape: the keys.
        partial: keep the record when a required key is faulty, as long as the class allows it.
            For things that others refer to by name, so that one fault is not reported everywhere.
        inline: let the enclosing record know the places below this one too.
        finish: what one key means for another.
    """
    mandatory = needed(cls)

    def read(node: Node, findings: Findings, places: Places, route: str) -> R | None:
        own: Places = {}
        collected = shape.collect(node, findings, own)
        if collected is None:
            return None
        if inline:
            for name, span in own.items():
                places[f"{route}.{name}"] = span
        values, complete = collected
        if not (complete or partial):
            return None
        if finish is not None and not finish(values, node, findings, own):
            return None
        if not mandatory <= values.keys():
            return None
        values["span"], values["places"] = node.span, own
        return made(cls, values)

    def write(value: R, style: Style) -> dict[str, Any]:
        return shape.write(value, style, defaults(cls))

    return Codec(read, write, _referring(shape, cls))


def group(shape: Shape, cls: type[Record], *, partial: bool = False) -> Codec[dict[str, Any]]:
    """A mapping whose keys are attributes of the enclosing record of class `cls`.

    Its places are known under the key alone (``name``) and under the full route (``bot.name``).
    """

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, Any] | None:
        own: Places = {}
        collected = shape.collect(node, findings, own)
        for name, span in own.items():
            places[f"{route}.{name}"] = places[name] = span
        if collected is None or not (collected[1] or partial):
            return None
        return collected[0]

    def write(value: Any, style: Style) -> dict[str, Any]:  # noqa: ANN401 - the whole record
        return shape.write(value, style, defaults(cls))

    def schema(definitions: Definitions) -> dict[str, Any]:
        return shape.schema(definitions, defaults(cls))

    return Codec(read, write, schema)


def shorthand(full: Codec[R], text: Codec[Any], attr: str, cls: type[R]) -> Codec[R]:
    """A record that may be written as the text of its attribute `attr` alone."""
    key = f"{attr}"

    def read(node: Node, findings: Findings, places: Places, route: str) -> R | None:
        if type(node) is not Scalar:
            return full.read(node, findings, places, route)
        value = text.read(node, findings, places, route)
        if value is None:
            return None
        return cls(span=node.span, places={key: node.span}, **{attr: value})

    def write(value: R, style: Style) -> Any:  # noqa: ANN401 - text or mapping
        plain = full.write(value, style)
        short = style is Style.SPARSE and len(plain) == 1 and attr in plain
        return plain[attr] if short else plain

    def schema(definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [text.schema(definitions), full.schema(definitions)]}

    return Codec(read, write, schema)


def tagged(
    title: str, key: str, variants: Dictionary[str, Codec[R]], select: Callable[[R], str]
) -> Codec[R]:
    """One of several records, told apart by the word at `key`; `select` tells it from a value."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> R | None:
        if type(node) is not Mapping:
            expected(node, findings, title, f"write a mapping with `{key}`: {one_of(variants)}")
            return None
        tag = next((value for name, value in node.entries if name.text == key), None)
        if tag is None:
            _missing_tag(node, findings)
            return None
        if type(tag) is Scalar and tag.text in variants:
            return variants[tag.text].read(node, findings, places, route)
        close = did_you_mean(tag.text, variants) if isinstance(tag, Scalar) else ""
        expected(tag, findings, one_of(variants), close or f"write {one_of(variants)}")
        return None

    def _missing_tag(node: Node, findings: Findings) -> None:
        cure = one_of(f"{key}: {word}" for word in variants)
        label = Label(node.span)
        findings.append(
            MISSING_KEY.at(label, f"missing key `{key}` in {title}", help=f"add {cure}")
        )

    def write(value: R, style: Style) -> Any:  # noqa: ANN401 - a mapping
        return variants[select(value)].write(value, style)

    return Codec(read, write, _any_of(list(variants.values())))


def keyed(
    title: str, variants: Dictionary[str, Codec[Any]], select: Callable[[Any], str]
) -> Codec[Any]:
    """One of several records, told apart by which of the keys of `variants` is there."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> Any:  # noqa: ANN401 - the variant's
        if type(node) is not Mapping:
            expected(node, findings, title, f"write a mapping with {one_of(variants)}")
            return None
        present = [key for key, _ in node.entries if key.text in variants]
        if len(present) == 1:
            return variants[present[0].text].read(node, findings, places, route)
        if not present:
            message = f"missing key {one_of(variants)} in {title}"
            cure = f"add exactly one of {one_of(variants)}"
            findings.append(MISSING_KEY.at(Label(node.span), message, help=cure))
            return None
        first, *others = sorted(present, key=lambda key: key.span)
        for other in others:
            findings.append(
                INVALID_VALUE.at(
                    Label(other.span),
                    f"`{other.text}` beside `{first.text}` in {title}",
                    related=(Label(first.span, "the first kind"),),
                    help=f"keep exactly one of {one_of(variants)}",
                )
            )
        return None

    def write(value: Any, style: Style) -> Any:  # noqa: ANN401 - the variant's
        return variants[select(value)].write(value, style)

    return Codec(read, write, _any_of(list(variants.values())))


def _referring(shape: Shape, cls: type) -> Callable[[Definitions], dict[str, Any]]:
    def schema(definitions: Definitions) -> dict[str, Any]:
        name = shape.definition
        if name not in definitions:
            definitions[name] = {}  # a shape that holds itself refers to this entry
            definitions[name] = shape.schema(definitions, defaults(cls))
        return {"$ref": f"#/definitions/{name}"}

    return schema


def _any_of(variants: list[Codec[Any]]) -> Callable[[Definitions], dict[str, Any]]:
    def schema(definitions: Definitions) -> dict[str, Any]:
        return {"anyOf": [variant.schema(definitions) for variant in variants]}

    return schema
