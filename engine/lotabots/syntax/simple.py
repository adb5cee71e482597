"""The YAML that people write in rule files, read by two patterns; everything else is left alone.

libyaml decides what YAML is. But it reports each of its events as a Python object, which is half of
the time that `validate` takes to read a large fleet, and loading PyYAML is a sixth of the time for
a small one. Almost every rule file uses very little of YAML, and that little can be read line
by line:

- ASCII; mappings and lists in block style; keys without spaces, quoted or not;
- values on one line: plain, quoted without escapes, or flow collections of such values;
- comments, empty lines, keys without a value.

INVARIANT: `read` gives exactly the nodes that libyaml would give, or None. It never reports
anything: a text that has, or could have, anything else in it (tags, anchors, escapes, block
scalars, values over several lines, repeated keys, errors) gives None, and libyaml reads it. The
tests compare the two on generated and on damaged files.
"""

from __future__ import annotations

import re
from typing import Final

from lotabots.diagnostics.span import Span
from lotabots.syntax.limits import MAX_NODES, MAX_SCALAR
from lotabots.syntax.nodes import Mapping, Node, Scalar, Sequence

MAX_DEPTH: Final = 12
"""Blocks inside each other, and again flow collections; with both far from the limit too."""

# Half the time of calling the class, and making these tuples is most of what reading costs.
_new: Final = tuple.__new__

# One match for each line: indent, dash, key, colon, quoted, flow, plain. A colon in a plain value
# is not followed by a space, and a sharp is only a comment after one. No part of a line can be
# matched in two ways, and no character is given back (`+` after a quantifier): it is linear.
_LINE: Final = re.compile(
    r"""^(\ *+)
    (-\ ++)?+
    (?: ([A-Za-z0-9_$][A-Za-z0-9_$.*?/-]{0,127}+ | "[^"\\\n]{0,127}+") (:(?:\ ++|(?=\n))) )?+
    (?: ("[^"\\\n]*+" | '[^'\n]*+')
      | ([\[{][^\n]*+)
      | ([A-Za-z0-9_$./(+~][^:\#\n]*+(?: : [^\ \n:\#][^:\#\n]*+ )*+)
    )?+
    \ *+ (?: (?<![^\ \n]) \# [^\n]*+ )?+ \n""",
    re.VERBOSE | re.MULTILINE,
)
# One match for each piece of a flow collection: space, what stands there, space, the mark after
# it. No piece is longer than libyaml lets a key be.
_PIECE: Final = re.compile(
    r"""(\ *+)
    ( [\[\]{}] | "[^"\\]{0,999}+" | '[^']{0,999}+' | [A-Za-z0-9_$./(+~][^\[\]{},:\#?]{0,999}+ )
    (\ *+) (,|:\ )?+""",
    re.VERBOSE,
)
_BEGIN: Final = "("
"""What stands before the first piece of a flow collection, where no mark is missing."""

_Row = tuple[int, int, str, str, str, str, str, str]
"""Line, column (both from 1), and the groups of `_LINE` after the indent."""

_Open = tuple[list[Node], int, bool]
"""An open flow collection: its nodes so far, its column, whether it is a mapping."""


class _UnusualError(Exception):
    """The text is left to libyaml."""


def read(path: str, text: str) -> Node | None:
    """The tree of `text` if nothing in it is unusual; its characters are those of `text.decode`."""
    if not text.isascii() or "\t" in text or "\r" in text or _near_a_limit(text):
        return None
    found = _LINE.findall(text)
    if len(found) != text.count("\n") or text[-1:] != "\n":
        return None
    rows = [
        (line, len(indent) + 1, dash, key, colon, quoted, flow, plain)
        for line, (indent, dash, key, colon, quoted, flow, plain) in enumerate(found, 1)
        if key or plain or dash or flow or quoted
    ]
    if not rows or rows[0][1] != 1:
        return None
    try:
        return _Reader(path, rows).document()
    except _UnusualError:
        return None


def _near_a_limit(text: str) -> bool:
    """Whether the text may have a scalar or a number of nodes that is over the limits.

    A line has at most an item, a value and two new collections beside its key; what is inside
    flow collections stands behind a separator each.
    """
    if len(text) <= MAX_SCALAR:
        return False
    lines = text.split("\n")
    separators = sum(text.count(mark) for mark in ",:[[{{")
    return 4 * len(lines) + separators > MAX_NODES or max(map(len, lines)) > MAX_SCALAR


class _Reader:
    """Builds the nodes of the rows, from the first to the last, depth first."""

    __slots__ = ("_at", "_depth", "_path", "_rows")

    def __init__(self, path: str, rows: list[_Row]) -> None:
        self._path = path
        self._rows = [*rows, (0, 0, "", "", "", "", "", "")]  # where the last block ends
        self._at = 0
        self._depth = 0

    def document(self) -> Node:
        """The one node of the text."""
        node = self._block(0)
        if self._at != len(self._rows) - 1:
            raise _UnusualError
        return node

    def _block(self, least: int) -> Node:
        """The collection that begins at the current row, which is right of the column `least`."""
        _, column, dash, key, *_ = self._rows[self._at]
        if column <= least or self._depth >= MAX_DEPTH:
            raise _UnusualError
        if dash:
            return self._sequence(column)
        if not key:
            raise _UnusualError
        return self._mapping(column)

    def _sequence(self, column: int) -> Sequence:
        """The list whose dashes stand at `column`."""
        items: list[Node] = []
        rows = self._rows
        line = rows[self._at][0]
        self._depth += 1
        while True:
            row = rows[self._at]
            if row[1] != column or not row[2]:
                break
            if row[3]:
                items.append(self._mapping(column + len(row[2])))
            else:
                items.append(self._value(row, column + len(row[2])))
                self._at += 1
            if rows[self._at][1] > column:
                raise _UnusualError
        self._depth -= 1
        end = items[-1][-1]
        return _new(
            Sequence, (tuple(items), _new(Span, (self._path, line, column, end[3], end[4])))
        )

    def _mapping(self, column: int) -> Mapping:
        """The mapping whose first key stands in the current row, at `column`, behind any dash."""
        entries: list[tuple[Scalar, Node]] = []
        seen: set[str] = set()
        rows, path = self._rows, self._path
        row = rows[self._at]
        first = line = row[0]
        self._depth += 1
        while True:
            key = row[3]
            stop = column + len(key)
            quoted = key[0] == '"'
            text = key[1:-1] if quoted else key
            name = _new(Scalar, (text, not quoted, _new(Span, (path, line, column, line, stop))))
            if text in seen:
                raise _UnusualError
            seen.add(text)
            node: Node
            if row[7] or row[5] or row[6]:
                node = self._value(row, stop + len(row[4]))
                self._at += 1
            else:
                self._at += 1
                node = self._below(name, column)
            entries.append((name, node))
            row = rows[self._at]
            line = row[0]
            if row[1] != column or row[2]:
                break
            if not row[3]:
                raise _UnusualError
        if row[1] > column:
            raise _UnusualError
        self._depth -= 1
        end = node[-1]
        return _new(Mapping, (tuple(entries), _new(Span, (path, first, column, end[3], end[4]))))

    def _below(self, name: Scalar, column: int) -> Node:
        """The value of a key with nothing behind it: the block below, or nothing.

        Nothing stands behind the colon. The dashes of a list may stand below the key itself.
        """
        following = self._rows[self._at]
        if following[1] > column or (following[1] == column and following[2]):
            return self._block(column - 1)
        line, behind = name.span[3], name.span[4] + 1
        span = _new(Span, (self._path, line, behind, line, behind))
        return _new(Scalar, ("", True, span))

    def _value(self, row: _Row, column: int) -> Node:
        """The value at `column` of a row."""
        line, plain, quoted = row[0], row[7], row[5]
        if plain:
            if plain[-1] == " ":
                plain = plain.rstrip(" ")
            span = _new(Span, (self._path, line, column, line, column + len(plain)))
            return _new(Scalar, (plain, True, span))
        if quoted:
            span = _new(Span, (self._path, line, column, line, column + len(quoted)))
            return _new(Scalar, (quoted[1:-1], False, span))
        if not row[6]:
            raise _UnusualError
        return _flow(row[6], self._path, line, column)


def _flow(text: str, path: str, line: int, column: int) -> Node:
    """The flow collection that `text` is, up to a comment.

    After each piece stands the mark that its place asks for: a colon behind a key, else a comma
    or the end of the collection. What is no piece is passed over by `findall`; then the lengths
    do not add up.
    """
    comment = text.find(" #")
    text = (text if comment < 0 else text[:comment]).rstrip(" ")
    end = column + len(text)
    outer: list[_Open] = []
    inside: list[Node] = []
    start, mapping, after = 0, False, ","
    for gap, piece, space, mark in _PIECE.findall(text):
        begin = column + len(gap)
        stop = begin + len(piece)
        column = stop + len(space) + len(mark)
        first = piece[0]
        node: Node
        if first in "[{":
            if mark or not after or len(outer) == MAX_DEPTH:
                raise _UnusualError
            outer.append((inside, start, mapping))
            inside, start, mapping, after = [], begin, first == "{", _BEGIN
            continue
        if first in "]}":
            if not outer or after not in ("", _BEGIN) or mapping != (first == "}"):
                raise _UnusualError
            node = _closed(inside, _new(Span, (path, line, start, line, stop)), mapping=mapping)
            inside, start, mapping = outer.pop()
        elif not after:
            raise _UnusualError
        elif first in "\"'":
            span = _new(Span, (path, line, begin, line, stop))
            node = _new(Scalar, (piece[1:-1], False, span))
        else:
            plain = piece.rstrip(" ")
            span = _new(Span, (path, line, begin, line, begin + len(plain)))
            node = _new(Scalar, (plain, True, span))
        inside.append(node)
        if (mark == ": ") != (mapping and len(inside) % 2 == 1):
            raise _UnusualError
        after = mark
    if outer or column != end or after or len(inside) != 1:
        raise _UnusualError
    return inside[0]


def _closed(inside: list[Node], span: Span, *, mapping: bool) -> Node:
    """The list of the nodes `inside`, or the mapping: then they are keys and values in turn."""
    if not mapping:
        return _new(Sequence, (tuple(inside), span))
    keys = inside[::2]
    if len({key[0] for key in keys}) != len(keys) or any(type(key) is not Scalar for key in keys):
        raise _UnusualError
    return _new(Mapping, (tuple(zip(keys, inside[1::2], strict=True)), span))
