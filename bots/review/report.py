"""The review as a file for programs, as a page for people, and as far as it fits into an event."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import findings
from comment import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from change import Changed
    from comment import Comment
    from history import Compared

MAX_COMMENTS = 200
MAX_BYTES = 128 * 1024
SPECIAL = re.compile(r"([\\<>*_\[\]#|])")


class Review(NamedTuple):
    """What is to be said about a change, and what it was."""

    commit: str
    compared: Compared
    changes: Sequence[Changed]
    comments: Sequence[Comment]
    suppressed: int
    is_complete: bool  # whether all of the project was searched for uses of what broke

    @property
    def checked(self) -> int:
        """Hunks that were looked at; a file that changed without any counts once."""
        return sum(len(one.hunks) or 1 for one in self.changes if not one.skipped)

    @property
    def added(self) -> int:
        """Lines that came."""
        return sum(one.added for one in self.changes)

    @property
    def removed(self) -> int:
        """Lines that went."""
        return sum(one.removed for one in self.changes)


def payload(review: Review) -> list[dict[str, Any]]:
    """The first comments, the most serious ones first, as many as fit into an event."""
    rows: list[dict[str, Any]] = []
    size = 0
    for one in sorted(review.comments, key=lambda one: (_level(one), one.order)):
        row = _row(one)
        size += len(json.dumps(row, ensure_ascii=False).encode())
        if len(rows) == MAX_COMMENTS or size > MAX_BYTES:
            break
        rows.append(row)
    return rows


def document(review: Review, version: str) -> str:
    """The review as JSON; the same change has the same bytes."""
    whole = {
        "version": 1,
        "tool": {"name": "review", "version": version},
        "advisory": True,
        "commit": review.commit,
        "compared_with": {"commit": review.compared.base, "because": review.compared.because},
        "checked": review.checked,
        "suppressed": review.suppressed,
        "all_uses_searched": review.is_complete,
        "by_rule": findings.by_rule(one.finding for one in review.comments),
        "comments": [
            {**_row(one), "end_line": one.end, "fp": one.finding.fingerprint}
            for one in review.comments
        ],
        "files": [_file(one) for one in review.changes],
    }
    return json.dumps(whole, indent=1) + "\n"


def page(review: Review) -> str:
    """The review as Markdown; nothing in it is taken from the change but names and numbers."""
    base = f"`{review.compared.base[:12]}`" if review.compared.base else "nothing"
    lines = [
        f"# Review of `{review.commit[:12]}`",
        "",
        "Advice only: nothing is approved or refused here.",
        f"Compared with {base} ({review.compared.because}).",
        "",
        f"{len(review.changes)} files, {review.added} lines added, {review.removed} removed;",
        f"{len(review.comments)} comments, {review.suppressed} suppressed.",
    ]
    if not review.is_complete:
        lines += ["", "Too many files may use what broke: not all of them were searched."]
    path = None
    for one in review.comments:
        if one.finding.path != path:
            path = one.finding.path
            lines += ["", f"## {_code(path)}", ""]
        lines.append(_item(one))
    return "\n".join(lines) + "\n"


def _item(one: Comment) -> str:
    finding = one.finding
    last = f" to {one.end}" if one.end > finding.line else ""
    place = f"Line {finding.line}{last}" if finding.line else "The file"
    place += " (before)" if one.side == "left" and finding.line else ""
    text = f"- {place}, **{finding.severity}**, `{finding.rule}`: {_words(finding.message)}."
    return f"{text} {_words(one.suggestion)}." if one.suggestion else text


def _words(text: str) -> str:
    """Our sentence: what is between backticks stays as it is, the rest cannot be markup."""
    parts = text.split("`")
    shown = [
        part if number % 2 else SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts)
    ]
    return "`".join(shown) + ("`" if len(parts) % 2 == 0 else "")


def _code(text: str) -> str:
    return "`" + text.replace("`", "\\x60") + "`"


def _level(one: Comment) -> int:
    return LEVELS.index(one.finding.severity)


def _row(one: Comment) -> dict[str, Any]:
    finding = one.finding
    row = {
        "path": finding.path[: findings.MAX_PATH],
        "line": finding.line,
        "side": one.side,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
    }
    return {**row, "suggestion": one.suggestion} if one.suggestion else row


def _file(one: Changed) -> dict[str, Any]:
    row: dict[str, Any] = {"path": one.path, "status": one.status}
    if one.status == "renamed" and one.old is not None:
        row["from"] = one.old.path
    row |= {"added": one.added, "removed": one.removed}
    return {**row, "unread": one.unread} if one.unread else row
