"""Comments: a finding with its place on one side of the change, and what could be done."""

from __future__ import annotations

from typing import NamedTuple

import findings
from findings import Finding

TOOL = "review"
LEVELS = ("high", "medium", "low")


class Comment(NamedTuple):
    """Advice about the lines `finding.line` to `end`; line 0 means the file as a whole."""

    finding: Finding
    end: int
    side: str
    suggestion: str

    @property
    def order(self) -> tuple[str, int, str, str]:
        """The order of a report."""
        one = self.finding
        return one.path, one.line, one.rule, one.message


class Spot(NamedTuple):
    """Where something stands; `text` is its stripped first line, `side` is right for what is."""

    path: str
    line: int
    end: int
    text: str = ""
    side: str = "right"


def comment(rule: str, severity: str, spot: Spot, message: str, suggestion: str = "") -> Comment:
    """A comment that is fit to leave: one line each, no known form of a secret."""
    finding = Finding(
        TOOL, rule, spot.path, spot.line, findings.message(message), spot.text, severity
    )
    return Comment(finding, max(spot.end, spot.line), spot.side, findings.message(suggestion))


def whole(path: str, *, side: str = "right", text: str = "") -> Spot:
    """The file as a whole; `text` tells comments of one rule about one file apart."""
    return Spot(path, 0, 0, text, side)


def names(many: list[str], *, limit: int = 5) -> str:
    """The first few in backticks, and how many more there are."""
    shown = ", ".join(f"`{one[:80]}`" for one in many[:limit])
    more = len(many) - limit
    return f"{shown} and {more} more" if more > 0 else shown
