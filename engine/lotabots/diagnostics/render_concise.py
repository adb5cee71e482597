"""Findings one a line, as editors and `grep` read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lotabots.diagnostics.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lotabots.diagnostics.diagnostic import Diagnostic


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """A line ``path:line:column: severity[CODE] message (help: ...)`` for each finding."""
    return "".join(f"{line(diagnostic)}\n" for diagnostic in diagnostics)


def line(diagnostic: Diagnostic) -> str:
    """The line of one finding, without its end; text of rule files is escaped."""
    found = diagnostic
    cure = f" (help: {found.help})" if found.help else ""
    return clean(
        f"{found.primary.span}: {found.severity.value}[{found.code}] {found.message}{cure}"
    )
