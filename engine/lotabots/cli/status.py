"""`lotabots status`: what the running service has done, has to do, and waits for."""

from __future__ import annotations

import asyncio
import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import click

from lotabots.cli.options import format_option, workspace_option
from lotabots.cli.service import ask, config_at
from lotabots.cli.waiting import gate_line, key_lines, moment
from lotabots.diagnostics.terminal import clean
from lotabots.diagnostics.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOWN: Final = 3
"""Keys of one gate that people are told of; JSON has more."""


@click.command("status")
@workspace_option
@format_option
def command(workspace: Path | None, *, style: str) -> None:
    """Say what the running service has done, has to do, and waits for.

    Of each gate the last keys that wait are shown, and how to approve what waits for a person.
    """
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
        f"engine    {said['engine']} (lotabots {said['lotabots']})",
        (
            f"events    {counts['LB_EVENTS']} accepted, "
            f"{counted(counts['LB_DECISIONS'], 'decision')} stored"
        ),
        (
            f"jobs      {counts['LB_OUTCOMES']} ended, {counts['LB_WORK']} queued or running, "
            f"{counted(said['dead_letters'], 'dead letter')}"
        ),
    ]
    lines += _rollout(said["rollout"])
    lines += [f"bot       {name}: {facts}" for name, facts in _busy(said["bots"])]
    lines += [f"service   {_service(one)}" for one in said["services"]]
    lines += _gates(said)
    return "\n".join(map(clean, lines))


def _rollout(rollout: dict[str, Any]) -> Iterator[str]:
    """How far the rollout is, where an operator said so."""
    if rollout["word"] is not None:
        rules = f"; the rules say {rollout['rules']}" if rollout["rules"] else ""
        yield f"rollout   {rollout['phase']}, {_said(rollout['word'])}{rules}"


def _said(word: dict[str, Any]) -> str:
    reason = f": {word['reason']}" if word["reason"] else ""
    return f"by {word['by']} at {moment(word['at'])}{reason}"


def _busy(bots: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The bots about which there is something to say."""
    for name, bot in bots.items():
        facts = ", ".join(_facts(bot))
        if facts:
            yield name, facts


def _facts(bot: dict[str, Any]) -> Iterator[str]:
    if not bot["enabled"]:
        yield "disabled by its rule file"
    elif bot["disabled"] is not None:
        yield f"disabled {_said(bot['disabled'])}"
    elif not bot["in_service"]:
        yield f"phase {bot['phase']} is not in service"
    if bot["breaker"] != "closed":
        yield f"breaker {bot['breaker']} until {moment(bot['breaker_until'])}"
    for what in ("running", "queued"):
        if bot[what]:
            yield f"{bot[what]} {what}"
    if bot["waiting"]:
        yield f"{bot['waiting']} waiting outside the queue"


def _gates(said: dict[str, Any]) -> Iterator[str]:
    """What waits, gate by gate; what asks a person stands last, where it is seen."""
    more = said["gates_left_out"]
    groups = [list(found) for _, found in groupby(said["gates"], key=lambda row: row["gate"])]
    for rows in sorted(groups, key=_asks_a_person):
        yield f"gate      {gate_line(rows[0])}"
        for row in rows[:SHOWN]:
            yield from (f"          {line}" for line in key_lines(row))
        left_out = len(rows[SHOWN:]) + more.get(rows[0]["gate"], 0)
        if left_out:
            yield f"          ({counted(left_out, 'more key')})"
    if said["gates_behind"]:
        yield "gates     not all events were read for this yet; ask again"


def _asks_a_person(rows: list[dict[str, Any]]) -> bool:
    return any(row["approval"] is not None for row in rows)


def _services(workspace: Path | None) -> list[dict[str, Any]]:
    """What is hosted, asked only where something is configured."""
    config = config_at(workspace)
    if not config.services:
        return []
    from lotabots.service.hosts import hosted_now  # noqa: PLC0415

    return asyncio.run(hosted_now(config))


def _service(one: dict[str, Any]) -> str:
    where = f"{one['service']} {one['environment']} at {one['listen']}"
    if not one["running"]:
        return f"{where}: no host runs"
    if one["release"] is None:
        return f"{where}: nothing is released"
    return f"{where}: {one['release']}, {counted(one['instances'], 'instance')}"
