"""A place in a text file.

Lines and columns are 1-based and counted in characters, as editors and SARIF count them.
The end is exclusive, so an empty span has ``start == end``.
"""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """Half-open region ``[line:column, end_line:end_column)`` of the file at `path`.

    `path` is relative to the workspace and uses forward slashes, so that the same fleet gives
    the same findings on every machine. Spans sort by path, then by position.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"

    def until(self, other: Span) -> Span:
        """The span from the start of `self` to the end of `other` (same file)."""
        return Span(self.path, self.line, self.column, other.end_line, other.end_column)


def start_of(path: str) -> Span:
    """The empty span at the start of a file: the place of what is missing from the whole file."""
    return Span(path, 1, 1, 1, 1)
