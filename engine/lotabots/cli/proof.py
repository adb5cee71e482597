"""What `lotabots validate` says of a workspace and ends with. Knows nothing of command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.cli.screen import terminal_width
from lotabots.diagnostics.diagnostic import Severity
from lotabots.diagnostics.words import counted
from lotabots.model.names import SCHEDULE_TICK

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.model.fleet import Fleet
    from lotabots.service.workspace import Workspace

CLEAN: Final = 0
FINDINGS: Final = 1
NOTHING_COLLECTED: Final = 3


class Proof(NamedTuple):
    """What goes to standard output and to standard error, and the exit code."""

    report: str
    warning: str
    code: int


def proof(
    workspace: Workspace,
    found: tuple[Diagnostic, ...],
    *,
    color: bool,
    style: str = "full",
    fail_level: Severity = Severity.WARNING,
) -> Proof:
    """The report of `found`, the selected findings of `workspace`.

    `style` is ``full``, ``concise`` or ``json``; `fail_level` is the mildest severity that fails.
    """
    report = _report(workspace, found, style=style, color=color)
    if not workspace.checked.fleet.bots:
        warning = "nothing was validated: the workspace declares no bot\n"
        return Proof(report, "" if style == "json" else warning, NOTHING_COLLECTED)
    worst = min((d.severity.rank for d in found), default=len(Severity))
    return Proof(report, "", FINDINGS if worst <= fail_level.rank else CLEAN)


def _report(workspace: Workspace, found: tuple[Diagnostic, ...], *, style: str, color: bool) -> str:
    if style == "json":
        from lotabots.checks.registry import names  # noqa: PLC0415 - wanted by this format alone
        from lotabots.diagnostics.render_json import render  # noqa: PLC0415 - one renderer a run

        return render(found, names=names()) + "\n"
    if not found:
        others = len(workspace.checked.diagnostics)
        many = "findings, none selected"
        said = counted(others, "finding, not selected", many=many) if others else "no findings"
        aside = "" if others or style != "full" else _aside(workspace)
        return f"{summary(workspace.checked.fleet)}: {said}\n{aside}"
    if style == "concise":
        from lotabots.diagnostics import render_concise  # noqa: PLC0415 - one renderer a run

        return render_concise.render(found)
    from lotabots.diagnostics import render_text  # noqa: PLC0415 - one renderer a run

    return render_text.render(found, workspace.files, color=color, width=terminal_width())


def _aside(workspace: Workspace) -> str:
    """What a sound fleet still lacks before it can run, for people."""
    bots = workspace.root / "bots"
    if not bots.is_dir():
        return ""
    from lotabots.service.readiness import without_program  # noqa: PLC0415 - only if all is sound

    said = without_program(workspace.checked.fleet, bots)
    return f"{said}\n" if said else ""


def summary(fleet: Fleet) -> str:
    """How much was looked at, for people: ``15 bots, 41 events, 6 gates, 60 edges``.

    Of the events those that are declared; `SCHEDULE_TICK`, which is built in, is in every fleet.
    """
    counts = (
        (len(fleet.bots), "bot"),
        (len(fleet.events.keys() - {SCHEDULE_TICK}), "event"),
        (len(fleet.gates), "gate"),
        (len(fleet.edges), "edge"),
        *(((len(fleet.invariants), "invariant"),) if fleet.invariants else ()),
    )
    return ", ".join(counted(number, noun) for number, noun in counts)
