"""`lotabots disable`: let a bot begin no more jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lotabots.cli.options import workspace_option
from lotabots.cli.service import order
from lotabots.cli.switching import source_option, told

if TYPE_CHECKING:
    from pathlib import Path


@click.command("disable")
@click.argument("bot")
@click.option("--reason", required=True, help="Why; decisions, `status` and the audit log say it.")
@workspace_option
@source_option
def command(bot: str, *, reason: str, workspace: Path | None, source: str | None) -> None:
    """Let BOT begin no more jobs until `lotabots enable BOT`.

    Events that come for it are rejected (LR201). What runs ends as usual; what is queued waits,
    and is a dead letter when its event has become too old. The word survives restarts.

    Exit codes: 0 done, 1 there is no such bot, 2 usage or configuration.
    """
    said = order(workspace, "disable", source=source, bot=bot, reason=reason)
    click.echo(told(f"{bot} is disabled", said))
