"""Codecs of lists and of mappings whose keys are names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from lotabots.diagnostics.codes import DUPLICATE_NAME
from lotabots.diagnostics.diagnostic import Label
from lotabots.diagnostics.words import counted
from lotabots.model.codec.codec import (
    Codec,
    Definitions,
    Findings,
    Places,
    Style,
    expected,
    quoted,
)
from lotabots.syntax.nodes import Mapping, Node, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.diagnostics.span import Span

T = TypeVar("T")

MAX_LISTED: Final = 256
RENAME: Final = "rename or remove one of them"
REMOVE: Final = "remove one of them"
"""The cure for a repetition of what has no name of its own."""


def listing(
    item: Codec[T],
    *,
    least: int = 0,
    most: int = MAX_LISTED,
    unique: Callable[[T], str] | None = None,
    again: str = "",
) -> Codec[tuple[T, ...]]:
    """A list of `least` to `most` items; faulty items are left out.

    Args:
        item: the codec of each item.
        least: fewer is a fault.
        most: more is a fault, and the rest is not read.
        unique: what no two items may share (a name), shown to the user; None allows repetition.
        again: the cure for a repetition; for a name it is to rename one of the two.
    """
    read_item = item.read
    cure_of_repetition = again or (REMOVE if unique is str else RENAME)

    def read(node: Node, findings: Findings, places: Places, route: str) -> tuple[T, ...] | None:
        if type(node) is not Sequence:
            expected(node, findings, "a list", _list_cure(node, least))
            return None
        if not least <= len(node.items) <= most:
            few = len(node.items) < least
            what = (
                f"at least {counted(least, 'item')}" if few else f"at most {counted(most, 'item')}"
            )
            cure = "add one" if few else f"remove {len(node.items) - most}"
            expected(node, findings, what, cure)
        values = []
        spans = []
        for index, each in enumerate(node.items[:most]):
            below = f"{route}.{index}"
            places[below] = each.span
            value = read_item(each, findings, places, below)
            if value is not None:
                values.append(value)
                spans.append(each.span)
        if unique is not None and len(values) > 1:
            return _without_repetition(
                values, spans, findings, label=unique, cure=cure_of_repetition
            )
        return tuple(values)

    def write(values: tuple[T, ...], style: Style) -> list[Any]:
        return [item.write(value, style) for value in values]

    def schema(definitions: Definitions) -> dict[str, Any]:
        bounds: dict[str, Any] = {"minItems": least} if least else {}
        if unique is str:
            bounds["uniqueItems"] = True
        return {"type": "array", "items": item.schema(definitions), "maxItems": most, **bounds}

    return Codec(read, write, schema)


def repeated(name: str, span: Span, earlier: Span, *, cure: str = RENAME) -> Diagnostic:
    """The finding that `name` is declared a second time."""
    return DUPLICATE_NAME.at(
        Label(span, "declared again"),
        f"{quoted(name)} is declared twice",
        related=(Label(earlier, "first declared here"),),
        help=cure,
    )


def table(
    key: Codec[str], value: Codec[T], *, most: int = MAX_LISTED, what: str = "a mapping"
) -> Codec[dict[str, T]]:
    """A mapping from names to values, sorted by name; faulty entries are left out."""

    def read(node: Node, findings: Findings, places: Places, route: str) -> dict[str, T] | None:
        if type(node) is not Mapping:
            expected(node, findings, what, "write `name: value` lines, or remove the key")
            return None
        if len(node.entries) > most:
            expected(node, findings, f"at most {most} entries", "split it")
        values = {}
        for label, each in node.entries[:most]:
            name = key.read(label, findings, places, route)
            below = f"{route}.{label.text}"
            places[below] = each.span
            got = value.read(each, findings, places, below)
            if name is not None and got is not None:
                values[name] = got
        return {name: values[name] for name in sorted(values)}

    def write(values: dict[str, T], style: Style) -> dict[str, Any]:
        return {name: value.write(values[name], style) for name in sorted(values)}

    def schema(definitions: Definitions) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": key.schema(definitions),
            "additionalProperties": value.schema(definitions),
            "maxProperties": most,
        }

    return Codec(read, write, schema)


def _without_repetition(
    values: list[T],
    spans: list[Span],
    findings: Findings,
    *,
    label: Callable[[T], str],
    cure: str,
) -> tuple[T, ...]:
    """The first of each label; every further one is a finding that shows the first."""
    first: dict[str, tuple[T, Span]] = {}
    for value, span in zip(values, spans, strict=True):
        name = label(value)
        if name in first:
            findings.append(repeated(name, span, first[name][1], cure=cure))
        else:
            first[name] = (value, span)
    return tuple([value for value, _ in first.values()])


def _list_cure(node: Node, least: int) -> str:
    if isinstance(node, Mapping):
        return "start each item with `- `"
    return (
        "write a list: `[...]`"
        if least
        else "write a list (`[]` if it is empty), or remove the key"
    )
