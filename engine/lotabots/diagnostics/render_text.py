"""Findings for people: frames of source with what is wrong underlined, and one-line records."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from lotabots.diagnostics.diagnostic import Severity
from lotabots.diagnostics.frame import GAP, Mark, Row, frame
from lotabots.diagnostics.source import Sources
from lotabots.diagnostics.terminal import clean, paint
from lotabots.diagnostics.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lotabots.diagnostics.diagnostic import Diagnostic, Label

_NEAR: Final = 10
"""Lines between two places of one file that still share a frame."""


def render(
    diagnostics: Sequence[Diagnostic], sources: Mapping[str, bytes], *, color: bool, width: int
) -> str:
    """The report of all findings in the order given, ending with a summary; "" if there are none.

    `sources` are the files by path; a finding in a file that is not there is shown without a
    frame. `width` is that of the terminal in cells: longer source lines are cut around their
    marks. Text of rule files cannot reach the terminal unescaped.
    """
    if not diagnostics:
        return ""
    page = _Page(Sources(sources), color=color, width=width)
    return "\n".join((*map(page.finding, diagnostics), page.summary(diagnostics)))


def frames(
    diagnostics: Sequence[Diagnostic], sources: Mapping[str, bytes], *, color: bool, width: int
) -> str:
    """As `render`, without the summary: for findings without a code, and a report around them."""
    page = _Page(Sources(sources), color=color, width=width)
    return "\n".join(map(page.finding, diagnostics))


def counts(diagnostics: Iterable[Diagnostic]) -> str:
    """How many findings of each severity, and in how many files (``2 errors in 1 file``)."""
    found = list(diagnostics)
    by_severity = Counter(diagnostic.severity for diagnostic in found)
    parts = [counted(by_severity[each], each.value) for each in Severity if by_severity[each]]
    files = len({diagnostic.primary.span.path for diagnostic in found})
    return f"{', '.join(parts)} in {counted(files, 'file')}"


class _Page:
    """What all findings of a report have in common."""

    def __init__(self, sources: Sources, *, color: bool, width: int) -> None:
        self._sources = sources
        self._color = color
        self._width = width

    def finding(self, found: Diagnostic) -> str:
        gutter = len(str(max(label.span.end_line for label in (found.primary, *found.related))))
        lines = [self._headline(found)]
        for arrow, marks in zip(_arrows(), _frames(found), strict=False):
            lines.extend(self._frame(arrow, marks, found.severity, gutter))
        lines.extend(self._remarks(found, gutter))
        return "\n".join(lines) + "\n"

    def summary(self, diagnostics: Sequence[Diagnostic]) -> str:
        worst = min(diagnostics, key=lambda found: found.severity.rank)
        return (
            f"{self._paint(counts(diagnostics), worst.severity.value)}\n"
            f"more about a code: `lotabots explain {clean(worst.code)}`\n"
        )

    def _headline(self, found: Diagnostic) -> str:
        code = f"[{clean(found.code)}]" if found.code else ""
        kind = self._paint(f"{found.severity.value}{code}", found.severity.value)
        return f"{kind}{self._paint(f': {clean(found.message)}', 'strong')}"

    def _frame(
        self, arrow: str, marks: Sequence[Mark], severity: Severity, gutter: int
    ) -> Iterator[str]:
        span = marks[0].span
        pad = " " * gutter
        yield f"{pad}{self._paint(arrow, 'frame')} {clean(str(span))}"
        rows = frame(marks, self._sources, width=self._width - gutter - 3)
        if not rows:
            yield from (f"{pad} {self._bar()} {clean(mark.text)}" for mark in marks if mark.text)
            return
        yield f"{pad} {self._bar()}"
        for row in rows:
            yield self._row(row, severity, gutter)

    def _row(self, row: Row, severity: Severity, gutter: int) -> str:
        if row is GAP:
            return self._paint(GAP.text, "frame")
        if row.number is not None:
            number = self._paint(str(row.number).rjust(gutter), "frame")
            return f"{number} {self._bar()} {row.text}".rstrip()
        color = severity.value if row.sign == "^" else "frame"
        return f"{' ' * gutter} {self._bar()} {self._paint(row.text, color)}"

    def _remarks(self, found: Diagnostic, gutter: int) -> Iterator[str]:
        remarks = [("help", found.help), *(("note", note) for note in found.notes)]
        remarks.append(("example", found.example))
        if any(text for _, text in remarks):
            yield f"{' ' * gutter} {self._bar()}"
        for kind, text in remarks:
            if text:
                sign = self._paint("=", "frame")
                yield f"{' ' * gutter} {sign} {self._paint(f'{kind}:', 'strong')} {clean(text)}"

    def _bar(self) -> str:
        return self._paint("|", "frame")

    def _paint(self, text: str, color: str) -> str:
        return paint(text, color, on=self._color)


def _arrows() -> Iterator[str]:
    yield "-->"
    while True:
        yield ":::"


def _frames(found: Diagnostic) -> list[list[Mark]]:
    """The marks of a finding in frames: first the primary one with what is near, then the rest.

    A place far away or in another file gets a frame of its own, which says its file and line.
    """
    frames = [[Mark(found.primary.span, found.primary.text, "^")]]
    for label in found.related:
        mark = Mark(label.span, label.text, "-")
        near = next((marks for marks in frames if _is_near(marks, label)), None)
        if near is None:
            frames.append([mark])
        else:
            near.append(mark)
    return frames


def _is_near(marks: Sequence[Mark], label: Label) -> bool:
    return any(
        mark.span.path == label.span.path
        and label.span.line - mark.span.end_line <= _NEAR
        and mark.span.line - label.span.end_line <= _NEAR
        for mark in marks
    )
