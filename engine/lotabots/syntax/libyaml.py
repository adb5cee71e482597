"""What libyaml reads: events of the C parser to nodes, with every error of form.

See `lotabots.syntax.compose`. Nothing else imports PyYAML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from lotabots.diagnostics.codes import LIMIT
from lotabots.diagnostics.diagnostic import Diagnostic, Label
from lotabots.diagnostics.span import Span
from lotabots.syntax import refusal
from lotabots.syntax.limits import MAX_DEPTH, MAX_FINDINGS, MAX_NODES, MAX_SCALAR
from lotabots.syntax.nodes import Mapping, Node, Scalar, Sequence
from lotabots.syntax.problem import translate
from lotabots.syntax.text import advance

if TYPE_CHECKING:
    from collections.abc import Callable

_Event = Any
"""An event of PyYAML; its stubs call every mark optional, but those of parsed events never are."""

# Half the time of calling the class, and making these tuples is most of what composing costs.
_new: Final = tuple.__new__
# Compiled when first asked: sound files have no properties.
_PROPERTY: Final = r"((?:\s|#[^\r\n]*)*)(!<[^>\s]*>|[&!][^\s,\[\]{}]*)"


def read(path: str, text: str) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    """The tree of `text`, the content of the file at `path`, and what is wrong with its form."""
    composer = _Composer(path, text, CParser(text).get_event)
    try:
        node = composer.document()
    except _LimitError:
        node = None
    except MarkedYAMLError as error:
        node = None
        composer.findings.append(translate(error, path, text))
    return node, tuple(composer.findings)


class _LimitError(Exception):
    """The reading ends here; the finding that says why is recorded."""


class _Anchored(NamedTuple):
    """A value with an anchor, and how many nodes an alias of it stands for."""

    node: Node
    nodes: int


class _Composer:
    """Builds the nodes of one file from its events, depth first."""

    __slots__ = ("_aliases", "_anchors", "_next", "_nodes", "_path", "_text", "findings")

    def __init__(self, path: str, text: str, following: Callable[[], _Event]) -> None:
        self.findings: list[Diagnostic] = []
        self._path = path
        self._text = text
        self._next = following
        self._anchors: dict[str, _Anchored] = {}
        self._aliases = 0
        self._nodes = 0

    def document(self) -> Node | None:
        """The one document of the stream; None if there is none."""
        self._next()  # the start of the stream
        start = self._next()
        if start.__class__ is not DocumentStartEvent:
            return None
        if start.version is not None or start.tags is not None:
            self._report(refusal.directive(self._path, self._text))
        node = self._node(self._next(), 1)
        self._next()  # the end of the document
        following = self._next()
        if following.__class__ is not StreamEndEvent:
            self._report(refusal.second_document(self._span(following), node))
        return node if node[0] else self._before(node, advance(1, 1, self._text))

    def _node(self, event: _Event, depth: int) -> Node:
        kind = event.__class__
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event)
        if depth > MAX_DEPTH:
            self._stop(self._span(event), f"collections are nested deeper than {MAX_DEPTH} levels")
        nodes, aliases = self._nodes, self._aliases
        if kind is MappingStartEvent:
            node: Node = self._mapping(event, depth)
        else:
            node = self._sequence(event, depth)
        if self._nodes > MAX_NODES:
            self._stop(node.span, f"the file has more than {MAX_NODES} values")
        if event.anchor is not None or event.tag is not None:
            # What contains an alias is not kept: aliases of aliases grow without bound.
            self._refuse_properties(event, node, self._nodes - nodes)
            if self._aliases != aliases:
                self._anchors.pop(event.anchor, None)
        return node

    def _scalar(self, event: _Event) -> Scalar:
        text, style = event.value, event.style
        start, end = event.start_mark, event.end_mark
        span = _new(
            Span, (self._path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
        )
        if style and style in "|>":
            span = self._trimmed(span, start.index, end.index)
        if len(text) > MAX_SCALAR:
            self._stop(span, f"a text is longer than {MAX_SCALAR} characters")
        if event.tag is None is event.anchor:
            return _new(Scalar, (text, not style, span))
        node = Scalar(text, not style and event.tag is None, span)
        self._refuse_properties(event, node, 1)
        return node

    def _trimmed(self, span: Span, start: int, end: int) -> Span:
        """A block scalar without the empty lines after it, which its end mark runs past."""
        body = self._text[start:end].rstrip()
        return Span(self._path, span.line, span.column, *advance(span.line, span.column, body))

    def _mapping(self, start: _Event, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Scalar] = {}
        following, scalar, node = self._next, self._scalar, self._node
        last: Node | None = None
        while (event := following()).__class__ is not MappingEndEvent:
            key = scalar(event) if event.__class__ is ScalarEvent else node(event, depth + 1)
            event = following()
            last = scalar(event) if event.__class__ is ScalarEvent else node(event, depth + 1)
            if not last[0]:
                last = self._before(last, (key.span.end_line, key.span.end_column))
            if not isinstance(key, Scalar):
                self._report(refusal.key(key))
            elif (text := key[0]) in seen:
                self._report(refusal.repeated_key(seen[text], key))
            else:
                seen[text] = key
                entries.append((key, last))
        self._nodes += 2 * len(entries) + 1
        if "<<" in seen and seen["<<"].plain:
            entries = self._merged(entries)
        return _new(Mapping, (tuple(entries), self._extent(start, event, last)))

    def _merged(self, entries: list[tuple[Scalar, Node]]) -> list[tuple[Scalar, Node]]:
        """The entries with those of the merge key behind them, as YAML would merge them."""
        ((key, value),) = (entry for entry in entries if entry[0].text == "<<")
        self._report(refusal.merge_key(key))
        merged = {name.text: (name, node) for name, node in entries if name is not key}
        for source in value.items if isinstance(value, Sequence) else (value,):
            for entry in source.entries if isinstance(source, Mapping) else ():
                merged.setdefault(entry[0].text, entry)
        self._nodes += 2 * len(merged)
        return list(merged.values())

    def _sequence(self, start: _Event, depth: int) -> Sequence:
        items: list[Node] = []
        following, scalar, node = self._next, self._scalar, self._node
        while (event := following()).__class__ is not SequenceEndEvent:
            items.append(
                scalar(event) if event.__class__ is ScalarEvent else node(event, depth + 1)
            )
        self._nodes += len(items) + 1
        return _new(
            Sequence, (tuple(items), self._extent(start, event, items[-1] if items else None))
        )

    def _extent(self, start: _Event, end: _Event, last: Node | None) -> Span:
        """From the first character to the last one.

        A block collection has no last character of its own: its end event stands at whatever
        follows, so it ends with its last child.
        """
        first, stop = start.start_mark, end.end_mark
        if last is not None and end.start_mark.index == stop.index:
            return _new(
                Span,
                (
                    self._path,
                    first.line + 1,
                    first.column + 1,
                    last.span.end_line,
                    last.span.end_column,
                ),
            )
        return _new(
            Span, (self._path, first.line + 1, first.column + 1, stop.line + 1, stop.column + 1)
        )

    def _before(self, node: Node, latest: tuple[int, int]) -> Node:
        """An empty value stands where it was left out, not at what happens to follow."""
        span = node.span
        if isinstance(node, Scalar) and span.line > latest[0] and span[1:3] == span[3:5]:
            return node._replace(span=Span(self._path, *latest, *latest))
        return node

    def _alias(self, event: _Event) -> Node:
        self._aliases += 1
        span = self._span(event)
        anchored = self._anchors.get(event.anchor)
        self._report(refusal.alias(span, event.anchor, anchored.node if anchored else None))
        if anchored is None:
            return Scalar("", plain=True, span=span)
        self._nodes += anchored.nodes
        return anchored.node

    def _refuse_properties(self, event: _Event, node: Node, nodes: int) -> None:
        """Report the anchor and the tag in front of a node; remember what the anchor names."""
        place, index = (node.span.line, node.span.column), event.start_mark.index
        pattern = re.compile(_PROPERTY)
        for _ in range((event.anchor is not None) + (event.tag is not None)):
            if (found := pattern.match(self._text, index)) is None:
                break
            start = advance(*place, found[1])
            place = advance(*start, found[2])
            index = found.end()
            self._report(refusal.node_property(Span(self._path, *start, *place), found[2]))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, nodes)

    def _span(self, event: _Event) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self._path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _report(self, finding: Diagnostic) -> None:
        self.findings.append(finding)
        if len(self.findings) == MAX_FINDINGS:
            self._stop(finding.primary.span, f"the file has {MAX_FINDINGS} or more errors of form")

    def _stop(self, span: Span, message: str) -> NoReturn:
        start = span._replace(end_line=span.line, end_column=span.column)
        self.findings.append(
            LIMIT.at(Label(start, "reading stops here"), message, help="split the file")
        )
        raise _LimitError
