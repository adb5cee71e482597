"""`lotabots enable`: let a bot begin jobs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lotabots.cli.options import workspace_option
from lotabots.cli.service import order
from lotabots.cli.switching import reason_option, source_option, told

if TYPE_CHECKING:
    from pathlib import Path


@click.command("enable")
@click.argument("bot")
@reason_option
@workspace_option
@source_option
def command(bot: str, *, reason: str, workspace: Path | None, source: str | None) -> None:
    """Let BOT, which an operator disabled, begin jobs again; first those that waited.

    Events that were rejected meanwhile are not made up for. What its rule file disables stays so.

    Exit codes: 0 done, 1 there is no such bot, 2 usage or configuration.
    """
    said = order(workspace, "enable", source=source, bot=bot, reason=reason)
    click.echo(told(f"{bot} is enabled", said))
