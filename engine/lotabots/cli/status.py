"""`lotabots status`: what the running service has done and has to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from lotabots.cli.options import format_option, workspace_option
from lotabots.cli.service import ask

if TYPE_CHECKING:
    from pathlib import Path


@click.command("status")
@workspace_option
@format_option
def command(workspace: Path | None, *, style: str) -> None:
    """Say what the running service has accepted, decided, queued and finished."""
    said = ask(workspace, "status")
    if style == "json":
        click.echo(json.dumps(said, indent=2))
        return
    click.echo(_words(said))


def _words(said: dict[str, Any]) -> str:
    counts = said["messages"]
    lines = [
        f"policy    {said['policy']}",
        f"engine    {said['engine']} (lotabots {said['version']})",
        f"events    {counts['LB_EVENTS']} accepted, {counts['LB_DECISIONS']} decisions stored",
        (
            f"jobs      {counts['LB_OUTCOMES']} ended, {counts['LB_WORK']} queued or running, "
            f"{said['dead_letters']} dead letters"
        ),
    ]
    lines += [f"          {bot}: {n} queued or running" for bot, n in said["queued"].items()]
    lines += [f"          {bot}: {n} waiting outside" for bot, n in said["waiting"].items()]
    lines += [f"breaker   {bot}: {at}" for bot, at in said["breakers"].items() if at != "closed"]
    return "\n".join(lines)
