"""`lotabots nats`: what a nats-server that somebody else runs must know of this fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lotabots.cli.options import Family, workspace_at, workspace_option
from lotabots.cli.service import config_of

if TYPE_CHECKING:
    from pathlib import Path


@click.group("nats", cls=Family)
def command() -> None:
    """Configure a nats-server for this fleet."""


@command.command("config")
@workspace_option
def config(*, workspace: Path | None) -> None:
    """Print accounts, users and permissions, derived from the rules.

    Include it in the server's configuration, then start `lotabots run --nats URL`. The keys of
    all identities are made in the state folder; what is printed holds their public halves only.
    """
    from lotabots.adapters.nats.keys import ensure_keys  # noqa: PLC0415 - this command alone
    from lotabots.policy.project_broker import server_config, users  # noqa: PLC0415
    from lotabots.service.folder import StateFolder  # noqa: PLC0415

    found = workspace_at(workspace)
    settings = config_of(found.root)
    folder = StateFolder(settings.state)
    folder.prepare()
    everybody = users(found.checked.fleet, settings.outside)
    keys = ensure_keys(folder.keys, [user.name for user in everybody])
    click.echo("max_payload: 1MB\n" + server_config(everybody, keys), nl=False)
