"""`lotabots run`: the service."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from lotabots.cli.options import fail, workspace_at, workspace_option
from lotabots.cli.screen import terminal_width
from lotabots.cli.service import config_of
from lotabots.diagnostics.words import counted

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lotabots.service.config import ServiceConfig
    from lotabots.service.wire import Service
    from lotabots.service.workspace import Workspace

FINDINGS = 1

log = logging.getLogger(__name__)


@click.command("run")
@workspace_option
@click.option(
    "--role",
    "roles",
    help="What this process does, separated by commas: engine, worker, audit, ingress, host. "
    "[default: all; with --join engine,worker]",
)
@click.option("--join", is_flag=True, help="Share the work of the service that already runs here.")
@click.option(
    "--nats",
    "server",
    metavar="URL",
    help="Use this server, which must have the configuration of `lotabots nats config`.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Tell people on standard output and log lines of text on standard error; or log "
    "everything, as a JSON object a line.",
)
def command(
    workspace: Path | None,
    *,
    roles: str | None,
    join: bool,
    server: str | None,
    log_format: str,
) -> None:
    """Run the service until SIGTERM or Ctrl-C: decide events, run jobs, keep the audit log.

    Starts a nats-server of its own on loopback, unless --nats names one. The rules must be free
    of errors. Events that were accepted are never lost; what was in flight is continued at the
    next start.
    """
    from lotabots.service.folder import BusyError, Lock, NotRunningError  # noqa: PLC0415
    from lotabots.service.logs import configure  # noqa: PLC0415
    from lotabots.service.wire import ROLES, SHARED, Service  # noqa: PLC0415
    from lotabots.service.workers import executor_of, sandbox_of  # noqa: PLC0415

    configure(style=log_format)
    say = Sayer(log_format)
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
    _check_hosting(config, found, explicitly=bool(roles) and "host" in chosen)
    if join and server:
        fail("--join takes the server of the service that runs already; leave --nats out")
    service = Service(found.checked, config, roles=chosen, server=server or "")
    service.folder.prepare()
    try:
        if join:
            service.join = service.folder.running()["url"]
            lock: AbstractContextManager[object] = nullcontext()
        else:
            lock = Lock(service.folder)
        with lock, sandbox_of() as service.sandbox:
            service.executor = executor_of(found, config, service.sandbox)
            asyncio.run(_serve(service, say))
    except (BusyError, NotRunningError) as error:
        fail(str(error))


def _check_hosting(config: ServiceConfig, found: Workspace, *, explicitly: bool) -> None:
    """End with a message if what is to be hosted does not fit the rules."""
    from lotabots.service.hosting_config import unknown_environments  # noqa: PLC0415
    from lotabots.service.hosts import hosts_something  # noqa: PLC0415

    for fault in unknown_environments(config.services, config.targets, found.checked.fleet.events):
        fail(f"lotabots.yaml: {fault}")
    if explicitly and not hosts_something(config):
        fail("there is nothing to host; add `services` to lotabots.yaml")


class Sayer:
    """Says what the service itself has to say: to people, or as records of the log."""

    def __init__(self, log_format: str) -> None:
        self._to_log = log_format == "json"
        if self._to_log:
            log.setLevel(logging.INFO)

    def __call__(
        self, event: str, words: str, *, level: int = logging.INFO, **fields: object
    ) -> None:
        """Say `words`, or log `event` with its `fields`."""
        if self._to_log:
            log.log(level, event, extra=fields)
        else:
            click.echo(words)


async def _serve(service: Service, say: Sayer) -> None:
    from lotabots.adapters.files.auditlog import AuditLogError  # noqa: PLC0415
    from lotabots.adapters.hosting.releases import HostError  # noqa: PLC0415
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
            await _announce(service, say)
            calm_collector()
            await service.run(stop)
    except (ServerError, SetupError, AuditLogError, HostError) as error:
        fail(str(error))
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    except BaseExceptionGroup as group:
        known, others = group.split((ServerError, AuditLogError, GapError))
        if others is not None or known is None:
            raise
        fail(str(_first(known)))
    say("service.stopped", "stopped; what was in flight continues at the next start")


async def _announce(service: Service, say: Sayer) -> None:
    """Say where the service is, which bots cannot run here, and that it is ready."""
    from lotabots.service.readiness import in_words, unfit  # noqa: PLC0415
    from lotabots.service.wire import WORKER  # noqa: PLC0415

    fleet, url, state = service.checked.fleet, service.url, str(service.config.state)
    name, count = fleet.settings.name, len(fleet.bots)
    words = f"lotabots serves {name} ({counted(count, 'bot')}) at {url}; state in {state}"
    say("service.serves", words, fleet=name, bots=count, url=url, state=state)
    if WORKER in service.roles and service.executor is not None:
        # It compares every file of the toolboxes, once: not on the loop, which has to answer.
        found = await asyncio.to_thread(unfit, fleet, service.executor)
        if found:
            words = in_words(found, fleet, width=terminal_width() if sys.stdout.isatty() else 0)
            say("service.cannot_run", words, level=logging.WARNING, bots=found, code="LR408")
    say("service.ready", "ready; Ctrl-C ends it")


def _first(error: BaseException) -> BaseException:
    """The first error in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
