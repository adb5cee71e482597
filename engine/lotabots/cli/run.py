"""`lotabots run`: the service."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

import click

from lotabots.cli.options import fail, workspace_at, workspace_option
from lotabots.cli.service import config_of

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.service.wire import Service

FINDINGS = 1


@click.command("run")
@workspace_option
@click.option(
    "--role",
    "roles",
    help="What this process does, separated by commas: engine, worker, audit, ingress. "
    "[default: all; with --join engine,worker]",
)
@click.option("--join", is_flag=True, help="Share the work of the service that already runs here.")
@click.option(
    "--nats",
    "server",
    metavar="URL",
    help="Use this server, which must have the configuration of `lotabots nats config`.",
)
def command(workspace: Path | None, *, roles: str | None, join: bool, server: str | None) -> None:
    """Run the service until SIGTERM or Ctrl-C: decide events, run jobs, keep the audit log.

    Starts a nats-server of its own on loopback, unless --nats names one. The rules must be free
    of errors. Events that were accepted are never lost; what was in flight is continued at the
    next start.
    """
    from lotabots.service.folder import BusyError, Lock, NotRunningError  # noqa: PLC0415
    from lotabots.service.logs import configure  # noqa: PLC0415
    from lotabots.service.wire import ROLES, SHARED, Service  # noqa: PLC0415
    from lotabots.service.workers import executor_of  # noqa: PLC0415

    configure()
    chosen: tuple[str, ...] = SHARED if join else ROLES
    if roles is not None:
        chosen = tuple(role.strip() for role in roles.split(","))
    if unknown := set(chosen) - set(ROLES):
        fail(f"unknown role `{min(unknown)}`; roles are {', '.join(ROLES)}")
    found = workspace_at(workspace)
    if not found.checked.sound:
        click.echo("the rules have errors; see `lotabots validate`", err=True)
        sys.exit(FINDINGS)
    config = config_of(found.root)
    if join and server:
        fail("--join takes the server of the service that runs already; leave --nats out")
    service = Service(found.checked, config, roles=chosen, server=server or "")
    service.folder.prepare()
    try:
        if join:
            service.join = service.folder.running()["url"]
            with executor_of(found, config) as service.executor:
                asyncio.run(_serve(service))
        else:
            with Lock(service.folder), executor_of(found, config) as service.executor:
                asyncio.run(_serve(service))
    except (BusyError, NotRunningError) as error:
        fail(str(error))


async def _serve(service: Service) -> None:
    from lotabots.adapters.files.auditlog import AuditLogError  # noqa: PLC0415
    from lotabots.adapters.nats.connection import SetupError  # noqa: PLC0415
    from lotabots.adapters.nats.server import ServerError  # noqa: PLC0415
    from lotabots.runtime.auditor import GapError  # noqa: PLC0415
    from lotabots.service.wire import calm_collector  # noqa: PLC0415

    stop = asyncio.Event()
    starting = asyncio.current_task()

    def end() -> None:
        stop.set()
        if starting is not None:
            starting.cancel()  # a start may wait long, for a server that is not there

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        async with service:
            starting = None
            fleet = service.checked.fleet
            click.echo(
                f"lotabots serves {fleet.settings.name} ({len(fleet.bots)} bots) at {service.url}; "
                f"state in {service.config.state}"
            )
            click.echo("ready; Ctrl-C ends it")
            calm_collector()
            await service.run(stop)
    except (ServerError, SetupError, AuditLogError) as error:
        fail(str(error))
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    except BaseExceptionGroup as group:
        known, others = group.split((ServerError, AuditLogError, GapError))
        if others is not None or known is None:
            raise
        fail(str(_first(known)))
    click.echo("stopped; what was in flight continues at the next start")


def _first(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
