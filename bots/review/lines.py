"""Patterns in the lines of any text file, in those only that came with the change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from comment import Spot, comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from change import Changed
    from comment import Comment

SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs")
MAX_LINE = 500


class Pattern(NamedTuple):
    """What a line looks like, in which files."""

    rule: str
    severity: str
    ends: tuple[str, ...]
    form: re.Pattern[bytes]
    message: str
    suggestion: str


PATTERNS = (
    Pattern(
        "no-debugger",
        "high",
        SCRIPTS,
        re.compile(rb"\s*debugger\s*;?\s*"),
        "A debugger is started here",
        "Remove it before this is merged",
    ),
    Pattern(
        "no-only-tests",
        "high",
        SCRIPTS,
        re.compile(rb"\s*(?:it|test|describe|context)\.only\(.*"),
        "Only this test is run, and no other",
        "Remove `.only`",
    ),
)
BEGIN, END = re.compile(rb"<{7} \S.*"), re.compile(rb">{7} \S.*")


def found(changed: Changed) -> list[Comment]:
    """What the lines that came say, in their order."""
    comments = [
        comment(one.rule, one.severity, _spot(changed, number, line), one.message, one.suggestion)
        for number, line in _added(changed)
        for one in PATTERNS
        if changed.path.endswith(one.ends) and one.form.fullmatch(line)
    ]
    return [*comments, *_conflict(changed)]


def _conflict(changed: Changed) -> Iterator[Comment]:
    """Marks of a merge that nobody finished: both of them came, with the line between."""
    added = list(_added(changed))
    begins = [(number, line) for number, line in added if BEGIN.fullmatch(line)]
    middle = any(line == b"=" * 7 for _, line in added)
    if begins and middle and any(END.fullmatch(line) for _, line in added):
        yield comment(
            "check-merge-conflict",
            "high",
            _spot(changed, *begins[0]),
            "The marks of a merge conflict are in the file",
            "Choose one side, and remove the marks",
        )


def _added(changed: Changed) -> Iterator[tuple[int, bytes]]:
    """The lines that came, with their numbers; very long ones say nothing to a reader."""
    lines = (changed.after or b"").split(b"\n")
    for hunk in changed.hunks:
        for number in range(hunk.new, hunk.new + hunk.added):
            line = lines[number - 1].rstrip(b"\r") if number <= len(lines) else b""
            if len(line) <= MAX_LINE:
                yield number, line


def _spot(changed: Changed, number: int, line: bytes) -> Spot:
    return Spot(changed.path, number, number, line.decode(errors="replace").strip())
