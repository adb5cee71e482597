"""Frames: the lines of a file that a finding points at, with its places underlined.

The rows of a frame are independent of colour and of the finding's words; `render_text` puts
them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.diagnostics.terminal import TAB, cells, clean, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lotabots.diagnostics.source import Sources
    from lotabots.diagnostics.span import Span

_CUT: Final = "\u2026"
_BEFORE: Final = 4
"""The part of the width, as a divisor, that a line cut at its start shows before the place."""

_NARROWEST: Final = 20
"""Cells that a source line gets at least, however narrow the terminal is."""


class Mark(NamedTuple):
    """A place to underline with `sign`, and the words beside it."""

    span: Span
    text: str
    sign: str


class Row(NamedTuple):
    """A row of a frame: a source line (with its number), an underline (with its sign), a gap."""

    number: int | None
    text: str
    sign: str = ""


GAP: Final = Row(None, "...")


class _Underline(NamedTuple):
    """A part of one line to underline, by 1-based columns, the end exclusive."""

    line: int
    start: int
    end: int
    text: str
    sign: str


class _View(NamedTuple):
    """The visible part of a line: its text, and the cell where each column from `first` starts."""

    text: str
    first: int
    offsets: tuple[int, ...]


def frame(marks: Sequence[Mark], sources: Sources, *, width: int) -> tuple[Row, ...]:
    """The rows for marks in one file; none if there is no such line in `sources`.

    `width` is how many cells a source line may take; a longer one is cut around its marks.
    """
    by_line: dict[int, list[_Underline]] = {}
    for mark in marks:
        for part in _underlines(mark, sources):
            by_line.setdefault(part.line, []).append(part)
    path = marks[0].span.path
    width = max(width, _NARROWEST)
    rows: list[Row] = []
    previous = 0
    for number in sorted(by_line):
        rows.extend(_skipped(sources, path, previous, number, width) if previous else ())
        rows.extend(_line(number, sources.line(path, number) or "", by_line[number], width))
        previous = number
    return tuple(rows)


def _underlines(mark: Mark, sources: Sources) -> Iterator[_Underline]:
    """The parts of a mark: its line, or the first and the last of its lines."""
    span, text, sign = mark
    first = sources.line(span.path, span.line)
    if first is None:
        return
    if span.line == span.end_line:
        yield _Underline(span.line, span.column, span.end_column, text, sign)
        return
    yield _Underline(span.line, span.column, len(first) + 1, "", sign)
    last = sources.line(span.path, span.end_line) or ""
    indent = len(last) - len(last.lstrip()) + 1
    yield _Underline(span.end_line, min(indent, span.end_column), span.end_column, text, sign)


def _skipped(
    sources: Sources, path: str, previous: int, number: int, width: int
) -> tuple[Row, ...]:
    """What stands for the lines between two lines: nothing, the only one, or a gap."""
    if number == previous + 1:
        return ()
    if number == previous + 2:
        between = sources.line(path, previous + 1) or ""
        return (Row(previous + 1, _view(between, 1, 1, width).text),)
    return (GAP,)


def _line(number: int, line: str, parts: list[_Underline], width: int) -> Iterator[Row]:
    """A source line and below it one row for each of its underlines.

    A line that is too long to show them all is shown once for each.
    """
    parts = sorted(parts, key=lambda part: (part.start, part.end))
    start, end = parts[0].start, max(part.end for part in parts)
    room = width - width // _BEFORE - 2 * cells(_CUT)
    together = _width(line[:end], width) < width or _width(line[start - 1 : end], width) <= room
    for group in [parts] if together else [[part] for part in parts]:
        view = _view(line, group[0].start, max(part.end for part in group), width)
        yield Row(number, view.text)
        for part in group:
            left = _cell(view, part.start)
            length = max(_cell(view, part.end) - left, 1)
            text = f"{' ' * left}{part.sign * length} {clean(part.text)}"
            yield Row(None, text.rstrip(), part.sign)


def _cell(view: _View, column: int) -> int:
    """The cell of a column, or the nearest visible one."""
    return view.offsets[min(max(column - view.first, 0), len(view.offsets) - 1)]


def _view(line: str, start: int, end: int, width: int) -> _View:
    """As much of a line around the columns from `start` to `end` as fits into `width` cells."""
    first = 1 if _width(line[:end], width) <= width - 1 else max(start - width // _BEFORE, 1)
    text = _CUT if first > 1 else ""
    used = len(text)
    offsets: list[int] = []
    # No more characters than cells are looked at, so that a line of a megabyte costs no more.
    for character in line[first - 1 : first - 1 + 2 * width]:
        piece = " " * TAB if character == "\t" else shown(character)
        size = cells(piece) if len(piece) == 1 else len(piece)
        if used + size > width - 1:
            text += _CUT
            break
        offsets.append(used)
        text += piece
        used += size
    return _View(text.rstrip(), first, (*offsets, used))


def _width(text: str, enough: int) -> int:
    """The cells of a text, counted until there are `enough`."""
    if len(text) > 2 * enough:
        return enough
    return sum(TAB if c == "\t" else cells(c) if c.isprintable() else len(shown(c)) for c in text)
