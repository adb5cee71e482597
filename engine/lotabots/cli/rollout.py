"""`lotabots rollout`: say which phase is the last in service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lotabots.cli.options import workspace_option
from lotabots.cli.service import order
from lotabots.cli.switching import reason_option, source_option, told

if TYPE_CHECKING:
    from pathlib import Path


@click.command("rollout")
@click.argument("phase", required=False)
@click.option("--rules", is_flag=True, help="Instead of PHASE: what `rules/fleet.yaml` says.")
@reason_option
@workspace_option
@source_option
def command(
    phase: str | None, *, rules: bool, reason: str, workspace: Path | None, source: str | None
) -> None:
    """Put the bots of PHASE and of all phases before it in service, and no others.

    Events for the others are rejected (LR202); what is queued for them waits, as with `lotabots
    disable`. The word survives restarts, and stands above `rollout:` of rules/fleet.yaml until
    `lotabots rollout --rules`.

    Exit codes: 0 done, 1 there is no such phase, 2 usage or configuration.
    """
    if (phase is None) != rules:
        raise click.UsageError("give either PHASE or `--rules`")
    said = order(workspace, "rollout", source=source, phase=phase or "", reason=reason)
    click.echo(
        told(f"the rollout is {phase}" if phase else "the rollout is that of the rules", said)
    )
