"""A finding as data: code, severity, message, where, and what to do about it.

Messages are lower case without a full stop and put user text in backticks; `help` says what to
do. Renderers live beside this module; nothing here prints.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from lotabots.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.diagnostics.span import Span


class Severity(StrEnum):
    """How bad a finding is. An error makes the fleet unfit to run; a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst, so that sorting by rank puts errors first."""
        return _RANKS[self]


_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


class Label(Frozen):
    """A place with a few words that say what stands there (``"declared here"``)."""

    span: Span
    text: str = ""


class Diagnostic(Frozen):
    """One finding.

    `subject` is the stable name of what the finding is about (``"TestBot"``,
    ``"BuildBot -> TestBot"``); with the code it identifies the finding across edits that only
    move lines. `example` is a concrete event (JSON text) that shows the finding, if there is one.
    """

    code: str
    severity: Severity
    message: str
    primary: Label
    subject: str = ""
    related: tuple[Label, ...] = ()
    help: str = ""
    notes: tuple[str, ...] = ()
    example: str = ""


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort by place, then code and message, and drop exact repetitions.

    Every report goes through here, so that output never depends on the order of files, keys or
    checks.
    """
    unique = set(diagnostics)
    return tuple(
        sorted(unique, key=lambda d: (d.primary.span, d.code, d.message, d.subject, d.help))
    )


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any finding is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)
