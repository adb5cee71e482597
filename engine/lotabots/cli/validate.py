"""`lotabots validate`: prove the fleet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lotabots.cli.options import (
    color_option,
    fail,
    terminal_width,
    wants_color,
    workspace_at,
    workspace_option,
)
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


@click.command("validate")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@workspace_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "concise", "json"]),
    default="full",
    show_default=True,
    help="How to report: frames for people, one line each, or a document for programs.",
)
@click.option("--select", metavar="CODE,...", help="Report only these codes (prefixes work).")
@click.option(
    "--fail-level",
    type=click.Choice([s.value for s in Severity]),
    default=Severity.WARNING.value,
    show_default=True,
    help="The mildest severity that makes the exit code 1.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 in spite of findings.")
@color_option
def command(
    path: Path | None,
    *,
    workspace: Path | None,
    style: str,
    select: str | None,
    fail_level: str,
    exit_zero: bool,
    color: str,
) -> None:
    """Prove the fleet of the workspace at PATH (default: the one around you).

    Exit codes: 0 clean, 1 findings, 2 usage or configuration, 3 nothing to validate.
    """
    opened = workspace_at(path or workspace, tests=True)
    found = _selected(opened.checked.diagnostics, select)
    colored = wants_color(color)
    click.echo(_report(opened, found, style=style, color=colored), nl=False, color=colored)
    if not opened.checked.fleet.bots:
        if style != "json":
            click.echo("nothing was validated: the workspace declares no bot", err=True)
        sys.exit(NOTHING_COLLECTED)
    worst = min((d.severity.rank for d in found), default=len(Severity))
    failed = worst <= Severity(fail_level).rank and not exit_zero
    sys.exit(FINDINGS if failed else CLEAN)


def _selected(found: tuple[Diagnostic, ...], select: str | None) -> tuple[Diagnostic, ...]:
    if select is None:
        return found
    wanted = tuple(word.strip() for word in select.split(",") if word.strip())
    if not wanted:
        fail("--select needs at least one code, such as LB101, LB1 or unknown-event")
    codes = tuple(code for word in wanted for code in _codes(word))
    return tuple(d for d in found if d.code in codes)


def _codes(word: str) -> tuple[str, ...]:
    """The codes that a word of ``--select`` means: one by its name, or all with that beginning."""
    from lotabots.checks.registry import names  # noqa: PLC0415 - wanted by this option alone

    known = names()
    meant = tuple(c for c, name in known.items() if c.startswith(word.upper()) or name == word)
    if not meant:
        from difflib import get_close_matches  # noqa: PLC0415 - only on the way out

        # All codes look alike: those of the same family, the first digit, come first.
        family = [code for code in known if code[:3] == word[:3].upper()]
        close = (
            get_close_matches(word.upper(), family, n=1)
            or get_close_matches(word.upper(), known, n=1)
            or get_close_matches(word, known.values(), n=1)
        )
        hint = f"; did you mean `{close[0]}`?" if close else "; see docs/checks or `explain`"
        fail(f"--select: there is no code `{word}`{hint}")
    return meant


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
    from lotabots.service.readiness import without_program  # noqa: PLC0415 - only if all is sound

    said = without_program(workspace.checked.fleet, workspace.root / "bots")
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
    )
    return ", ".join(counted(number, noun) for number, noun in counts)
