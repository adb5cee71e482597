"""`lotabots validate`: prove the fleet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lotabots.cli.options import color_option, fail, workspace_at, workspace_option
from lotabots.cli.proof import CLEAN, FINDINGS, proof
from lotabots.cli.screen import wants_color
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic


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
    report, warning, code = proof(
        opened, found, color=colored, style=style, fail_level=Severity(fail_level)
    )
    click.echo(report, nl=False, color=colored)
    click.echo(warning, nl=False, err=True)
    sys.exit(CLEAN if exit_zero and code == FINDINGS else code)


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
