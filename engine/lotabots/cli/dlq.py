"""`lotabots dlq`: jobs that ended as dead letters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lotabots.cli.options import Family, format_option, workspace_option
from lotabots.cli.service import ask, order
from lotabots.cli.switching import source_option
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted

if TYPE_CHECKING:
    from pathlib import Path


@click.group("dlq", cls=Family)
def command() -> None:
    """List, show and redrive dead letters: jobs that ended in error for good."""


@command.command("list")
@workspace_option
@format_option
def list_(workspace: Path | None, *, style: str) -> None:
    """List the dead letters, oldest first."""
    said = ask(workspace, "dlq")
    if style == "json":
        click.echo(json.dumps(said, indent=2))
        return
    for row in said["dead_letters"]:
        click.echo(_line(row))
    if said["left_out"]:
        click.echo(f"({counted(said['left_out'], 'older one is', many='older ones are')} left out)")
    if not said["dead_letters"]:
        click.echo("no dead letters")


@command.command("show")
@click.argument("job")
@workspace_option
def show(job: str, *, workspace: Path | None) -> None:
    """Show the dead letter of JOB with everything that is known, as JSON."""
    said = ask(workspace, "dlq", id=job)
    (row,) = said["dead_letters"]
    click.echo(json.dumps({"version": said["version"], **row}, indent=2))


@command.command("redrive")
@click.argument("job")
@workspace_option
@source_option
def redrive(job: str, *, workspace: Path | None, source: str | None) -> None:
    """Queue the dead letter of JOB again, as a new job; a dead letter can be redriven once."""
    said = order(workspace, "redrive", source=source, job=job)
    click.echo(f"queued again as {said['again']}")


def _line(row: dict[str, Any]) -> str:
    again = "  (redriven)" if row["redriven"] else ""
    what = f"{row['bot']}.{row['action']}"
    return clean(f"{row['job']}  {what:32}  {row['code']}  {row['reason']}{again}")
