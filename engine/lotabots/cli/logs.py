"""`lotabots logs`: what the instances of a hosted service wrote."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from lotabots.adapters.hosting.journal import LOGS
from lotabots.adapters.hosting.playback import Playback
from lotabots.cli.options import fail, workspace_option
from lotabots.cli.service import config_at
from lotabots.diagnostics.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lotabots.adapters.hosting.playback import Written
    from lotabots.service.config import ServiceConfig

PAUSE_S: Final = 0.25
MOST: Final = 100_000


@click.command("logs")
@click.argument("service")
@click.argument("environment", required=False)
@click.option("--release", default="", help="Only what this release wrote.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, MOST),
    default=50,
    show_default=True,
    help="How many lines at most, the last ones.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@workspace_option
def command(
    service: str,
    environment: str | None,
    *,
    release: str,
    lines: int,
    follow: bool,
    workspace: Path | None,
) -> None:
    """Show what the instances of SERVICE in ENVIRONMENT wrote: time, release, port and text.

    ENVIRONMENT may be left out where the service has only one. Works also when no service runs.
    """
    config = config_at(workspace)
    place = config.state / LOGS / service / _environment(config, service, environment)
    playback = Playback(place, release=release)
    found = playback.last(lines)
    _show(found)
    if not (found or follow):
        click.echo("nothing was written yet", err=True)
    while follow:
        time.sleep(PAUSE_S)
        _show(playback.more())


def _environment(config: ServiceConfig, service: str, environment: str | None) -> str:
    """The environment that is meant; ends with exit code 2 if that is unclear."""
    hosted = [one.environment for one in config.services if one.service == service]
    if not hosted:
        names = ", ".join(sorted({f"`{one.service}`" for one in config.services}))
        fail(f"`{service}` is not hosted here; lotabots.yaml has {names or 'no services'}")
    there = ", ".join(f"`{name}`" for name in hosted)
    if environment is None and len(hosted) > 1:
        fail(f"`{service}` is hosted in {there}; name one of them")
    if environment is not None and environment not in hosted:
        fail(f"`{service}` is not hosted in `{environment}`, only in {there}")
    return environment or hosted[0]


def _show(found: Iterable[Written]) -> None:
    for one in found:
        stamp, _, rest = one.text.partition(" ")
        click.echo(clean(f"{stamp} {one.release} {rest}"))
