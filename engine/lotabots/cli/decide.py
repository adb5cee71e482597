"""`lotabots decide`: what would happen to an event, and why."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lotabots.cli.options import (
    color_option,
    fail,
    workspace_at,
    workspace_option,
)
from lotabots.cli.screen import wants_color
from lotabots.cli.telling import Teller
from lotabots.diagnostics.diagnostic import Severity

if TYPE_CHECKING:
    from lotabots.diagnostics.diagnostic import Diagnostic
    from lotabots.service.story import Told

FINDINGS: Final = 1
MAX_NAMED: Final = 5
"""Codes that the warning about faulty rules names."""


@click.command("decide")
@click.argument("events", type=click.Path(path_type=Path, allow_dash=True), nargs=-1, required=True)
@workspace_option
@click.option("--as", "source", metavar="SOURCE", help="Who sends the events, whatever they say.")
@click.option(
    "--at",
    "moment",
    metavar="TIME",
    help="When they come (RFC 3339). [default: each at its own time]",
)
@click.option("--quiet", "-q", is_flag=True, help="Leave out candidates that nothing happens to.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "json"]),
    default="full",
    show_default=True,
    help="For people, or one JSON document a line for programs.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 although something was refused.")
@color_option
def command(
    events: tuple[Path, ...],
    *,
    workspace: Path | None,
    source: str | None,
    moment: str | None,
    quiet: bool,
    style: str,
    exit_zero: bool,
    color: str,
) -> None:
    """Decide EVENTS (files of JSON, `-` for standard input) one after the other.

    Each event sees what the ones before it left behind in the gates, and the events of gates that
    become complete are decided too. Nothing is run. A file holds an event, or an event with the
    circumstances: {"envelope": {...}, "as": SOURCE, "at": TIME, "note": TEXT}.

    Exit codes: 0 all allowed, 1 something was refused, 2 usage or configuration.
    """
    # These are wanted by this command alone, and cost more to import than `--help` may take.
    from lotabots.policy.compile import compile_policy  # noqa: PLC0415
    from lotabots.service.story import tell  # noqa: PLC0415

    story = [_told(path, source, moment) for path in events]
    found = workspace_at(workspace)
    if not found.checked.sound:
        click.echo(
            f"warning: the rules have errors ({_worst(found.checked.diagnostics)}; see "
            "`lotabots validate`); whatever depends on a faulty rule is refused",
            err=True,
        )
        sys.stderr.flush()  # before the verdicts, also where both go to one file
    policy = compile_policy(found.checked)
    colored = wants_color(color)
    teller = Teller(policy, style=style, color=colored, quiet=quiet)
    for scene in tell(policy, story, now=datetime.now().astimezone()):  # noqa: TID251 - the edge
        click.echo(teller.scene(scene), nl=False, color=colored)
    click.echo(teller.summary(), nl=False)
    sys.exit(FINDINGS if teller.refused and not exit_zero else 0)


def _worst(found: tuple[Diagnostic, ...]) -> str:
    codes = sorted({d.code for d in found if d.severity is Severity.ERROR})
    return ", ".join(codes[:MAX_NAMED]) + (", ..." if len(codes) > MAX_NAMED else "")


def _told(path: Path, source: str | None, moment: str | None) -> Told:
    import msgspec  # noqa: PLC0415 - see above

    from lotabots.model.envelope import MAX_EVENT  # noqa: PLC0415
    from lotabots.service.story import read_told  # noqa: PLC0415

    try:
        with click.open_file(str(path), "rb") as file:
            told = read_told(file.read(2 * MAX_EVENT))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    at = _moment(moment) if moment else None
    return msgspec.structs.replace(told, source=source or told.source, at=at or told.at)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"`{text}` is not a time such as 2026-01-31T12:00:00Z")
    if moment.tzinfo is None:
        fail(f"`{text}` has no zone; add Z for UTC")
    return moment
