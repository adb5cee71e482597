"""`lotabots status`: what the running service has done and has to do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from lotabots.cli.options import format_option, workspace_option
from lotabots.cli.service import ask, config_at
from lotabots.diagnostics.words import counted

if TYPE_CHECKING:
    from pathlib import Path


@click.command("status")
@workspace_option
@format_option
def command(workspace: Path | None, *, style: str) -> None:
    """Say what the running service has accepted, decided, queued and finished."""
    said = ask(workspace, "status") | {"services": _services(workspace)}
    if style == "json":
        click.echo(json.dumps(said, indent=2))
        return
    click.echo(in_words(said))


def in_words(said: dict[str, Any]) -> str:
    """The answer of the service, and the services that are hosted, for people."""
    counts = said["messages"]
    lines = [
        f"policy    {said['policy']}",
        f"engine    {said['engine']} (lotabots {said['version']})",
        (
            f"events    {counts['LB_EVENTS']} accepted, "
            f"{counted(counts['LB_DECISIONS'], 'decision')} stored"
        ),
        (
            f"jobs      {counts['LB_OUTCOMES']} ended, {counts['LB_WORK']} queued or running, "
            f"{counted(said['dead_letters'], 'dead letter')}"
        ),
    ]
    lines += [f"          {bot}: {n} queued or running" for bot, n in said["queued"].items()]
    lines += [f"          {bot}: {n} waiting outside" for bot, n in said["waiting"].items()]
    lines += [f"breaker   {bot}: {at}" for bot, at in said["breakers"].items() if at != "closed"]
    return "\n".join(lines + [_service(one) for one in said["services"]])


def _services(workspace: Path | None) -> list[dict[str, Any]]:
    """What is hosted, asked only where something is configured."""
    config = config_at(workspace)
    if not config.services:
        return []
    from lotabots.service.hosts import hosted_now  # noqa: PLC0415

    return asyncio.run(hosted_now(config))


def _service(one: dict[str, Any]) -> str:
    where = f"service   {one['service']} {one['environment']} at {one['listen']}"
    if not one["running"]:
        return f"{where}: no host runs"
    if one["release"] is None:
        return f"{where}: nothing is released"
    return f"{where}: {one['release']}, {counted(one['instances'], 'instance')}"
