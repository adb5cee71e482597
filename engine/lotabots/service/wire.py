"""The composition root: picks the adapters, starts everything, stops everything.

One process may play any of the roles; several processes share the work of a role through the
durable consumers. The first one owns the state folder and the embedded server, others join.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lotabots import __version__
from lotabots.adapters.clock import SystemClock
from lotabots.adapters.files.auditlog import AuditWriter, load_seed
from lotabots.adapters.git.watch import RefWatcher
from lotabots.adapters.nats.connection import set_up
from lotabots.adapters.nats.keys import ensure_keys
from lotabots.adapters.nats.reader import Reader
from lotabots.adapters.nats.server import EmbeddedServer, ServerError, ServerFiles
from lotabots.policy.contract import compile_contracts
from lotabots.policy.moment import span
from lotabots.policy.project_broker import (
    AUDIT,
    WORK,
    consumers,
    outside_account,
    server_config,
    streams,
    users,
)
from lotabots.runtime.attempt import Runner
from lotabots.runtime.auditor import Auditor
from lotabots.runtime.guard import Guard
from lotabots.runtime.scribe import is_asked_for
from lotabots.runtime.switches import Attendant, Switchboard
from lotabots.runtime.ticker import schedule_messages
from lotabots.runtime.worker import Desk, Limits, Worker
from lotabots.service.deciding import start_deciding
from lotabots.service.folder import StateFolder
from lotabots.service.hosts import Records, host_of, hosts_something
from lotabots.service.ingress import SOURCE as GIT_SOURCE
from lotabots.service.ingress import GitIngress
from lotabots.service.isolation import prove_isolation
from lotabots.service.links import Links
from lotabots.service.recording import scribe_of
from lotabots.service.schedules import keep_schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Self

    from lotabots.adapters.executor.executor import Sandbox
    from lotabots.policy.checked import CheckedFleet
    from lotabots.runtime.ports import Executor
    from lotabots.service.config import ServiceConfig

log = logging.getLogger(__name__)

ENGINE, WORKER, AUDITOR, INGRESS, HOST = "engine", "worker", "audit", "ingress", "host"
ROLES: Final = (ENGINE, WORKER, AUDITOR, INGRESS, HOST)
SHARED: Final = (ENGINE, WORKER)
"""Roles that several processes can share; of the others one process is enough."""

AUDIT_PREFETCH: Final = 2000
START_TRIES: Final = 5


@dataclass(slots=True)
class Service:
    """A running part of the service. Use as an asynchronous context manager, then `run`."""

    checked: CheckedFleet
    config: ServiceConfig
    executor: Executor | None = None
    sandbox: Sandbox | None = None
    """In which releases run; without one nothing is hosted."""

    roles: tuple[str, ...] = ROLES
    join: str = ""
    """URL of the server of a service that runs already, whose work is shared."""

    server: str = ""
    """URL of a server that somebody else runs, with the configuration of `lotabots nats config`."""

    url: str = ""
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _server: EmbeddedServer | None = None
    _loops: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = field(default_factory=list)

    @property
    def folder(self) -> StateFolder:
        """The state folder."""
        return StateFolder(self.config.state)

    async def __aenter__(self) -> Self:
        """Start the server (or join one), set up streams, connect every role.

        Raises:
            ServerError: the nats-server does not start.
            SetupError: it refuses a stream or consumer.
            AuditLogError: the audit log on disk is damaged or has another writer.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Let go of everything, in reverse order."""
        await self._stack.aclose()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. What is in flight then comes again at the next start.

        Raises:
            ExceptionGroup: a loop failed for a reason that it cannot answer.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop(), name=name) for name, loop in self._loops]
            if self._server is not None:
                tasks.append(group.create_task(self._keep_server(self._server)))
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _start(self) -> None:
        folder = self.folder
        folder.prepare()
        everybody = users(self.checked.fleet, self.config.outside)
        keys = ensure_keys(folder.keys, [user.name for user in everybody])
        if self.join or self.server:
            self.url = self.join or self.server
        else:
            await self._own_server(ServerFiles(folder.nats, server_config(everybody, keys)))
        links = Links(self.url, folder.keys, self._stack)
        if not self.join:
            await self._set_up(links)
        if ENGINE in self.roles:
            await self._engine(links)
        if WORKER in self.roles and self.executor is not None:
            await self._worker(links, self.executor)
        if AUDITOR in self.roles:
            await self._auditor(links)
        if INGRESS in self.roles and self.config.repositories:
            await self._ingress(links)
        if HOST in self.roles and self.sandbox is not None and hosts_something(self.config):
            await self._host(links, self.sandbox)
        self._stack.push_async_callback(links.give_back)

    async def _own_server(self, files: ServerFiles) -> None:
        """Start the embedded server."""
        server = self._server = EmbeddedServer(files)
        self._stack.push_async_callback(server.stop)
        await server.start()
        self.url = server.url

    async def _set_up(self, links: Links) -> None:
        """Bring the server's streams, consumers and schedules to what the rules say."""
        if self.server:
            async with contextlib.AsyncExitStack() as tried:
                own = Links(self.url, self.folder.keys, tried)
                await prove_isolation(own, self.checked.fleet, self.config.outside)
        fleet = self.checked.fleet
        admin = await links.connect("admin")
        await set_up(admin, streams(fleet), consumers(fleet, lease=self.config.lease))
        ledger = await links.ledger(await links.connect("engine"), "schedules")
        await keep_schedules(admin, ledger, schedule_messages(fleet))
        self._announce()

    def _announce(self) -> None:
        """Say where the service is, for the commands of the same user."""
        said = {"url": self.url, "pid": os.getpid(), "version": __version__}
        path = self.folder.address
        path.write_text(json.dumps(said), encoding="utf-8")
        self._stack.callback(path.unlink, missing_ok=True)

    async def _keep_server(self, server: EmbeddedServer) -> None:
        """Start the embedded server again whenever it ends by itself.

        Raises:
            ServerError: it does not start, several times in a row.
        """
        failures = 0
        while True:
            status = await server.died()
            log.error("server.died", extra={"status": status})
            try:
                await server.start()
            except ServerError:
                failures += 1
                if failures == START_TRIES:
                    raise
            else:
                failures = 0
                log.info("server.started", extra={"url": server.url})

    def _loop(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loops.append((name, loop))

    async def _engine(self, links: Links) -> None:
        key = self.folder.engine_key()
        self._loops += await start_deciding(links, self.checked, key=key, name=self.name)

    async def _worker(self, links: Links, executor: Executor) -> None:
        client = await links.connect("runner")
        core = await links.ledger(client, "worker")
        desks = {}
        for bot in self.checked.fleet.bots:
            inlet = await links.inlet(client, WORK, bot.name)
            publish = await links.ledger(await links.connect(bot.name), bot.name)
            desks[bot.name] = Desk(bot, inlet, publish)
        clock = SystemClock()
        contracts = compile_contracts(self.checked.fleet)
        worker = Worker(
            Runner(contracts, executor, clock=clock, key=self.folder.engine_key()),
            Guard(core, clock),
            Attendant(Switchboard(core), self.checked.fleet.settings),
            desks=desks,
            core=core,
            clock=clock,
            name=self.name,
            limits=Limits(self.config.lease, span(self.checked.fleet.settings.max_age)),
        )
        self._loop("worker", worker.run)

    async def _auditor(self, links: Links) -> None:
        client = await links.connect("audit")
        inlet = await links.inlet(client, AUDIT, "WRITER", prefetch=AUDIT_PREFETCH, pinned=True)
        seed = load_seed(self.folder.keys / "audit.key")
        sink = self._stack.enter_context(AuditWriter(self.folder.audit, seed))
        self._loop("auditor", Auditor(inlet=inlet, sink=sink, reads=Reader(client)).run)
        if is_asked_for(self.checked.fleet):
            reading = await links.connect("engine")
            self._loop("scribe", scribe_of(reading, self.folder.root, self.checked.fleet).run)

    async def _host(self, links: Links, sandbox: Sandbox) -> None:
        records = Records(SystemClock())
        ledger = await links.ledger(await links.connect("host"), "host")
        publishing = await self._stack.enter_async_context(records.published(ledger))
        await self._stack.enter_async_context(host_of(self.config, sandbox, records))
        self._loop("host", lambda: _of(publishing))

    async def _ingress(self, links: Links) -> None:
        client = await links.connect(outside_account(GIT_SOURCE))
        publish = await links.ledger(client, GIT_SOURCE)
        memory = self.folder.root / "git"
        watchers = [
            RefWatcher(name, path, memory) for name, path in self.config.repositories.items()
        ]
        ingress = GitIngress(watchers, publish=publish, clock=SystemClock())
        await ingress.begin()
        self._loop("ingress", ingress.run)


def calm_collector() -> None:
    """Let the garbage collector leave alone what lives as long as the process, and look less often.

    Rules and contracts are many objects that never become garbage, and events make few cycles.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _of(task: asyncio.Task[None]) -> None:
    """Whatever ends `task` early; a cancellation of the waiting leaves it alone."""
    await asyncio.shield(task)
