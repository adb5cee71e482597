"""The role `host`: what the configuration says is hosted, and how its records get into the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from lotabots.adapters.clock import SystemClock
from lotabots.runtime.ports import Outgoing
from lotabots.service.granted import secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from lotabots.adapters.executor.executor import Sandbox
    from lotabots.adapters.hosting.host import Host
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock
    from lotabots.service.config import ServiceConfig

log = logging.getLogger(__name__)

SUBJECT: Final = "lb.ctl.host"
FLUSH_S: Final = 2.0
"""How long the end of the host waits for the server to take the last records."""

MOST: Final = 5_000
"""Records that wait for the server at once; each has a few KiB at most."""

REFUSED, LEFT_OUT = "refused", "left-out"
ASK_S: Final = 5.0
SHOWN: Final = ("service", "environment", "listen", "release", "instances", "running")


class Records:
    """Publishes what the host did and refused, in order, until the server has it.

    While the server is away records wait, `MOST` at most: when they are full, the host changes
    nothing any more. Refusals take half of that at most, so that nobody who is refused again and
    again keeps others from a change; beyond, they are counted, and the number is on record.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._left_out = 0

    @property
    def full(self) -> bool:
        """Whether no change can be put on record, and so none may be made."""
        return self._waiting.qsize() >= MOST

    def __call__(self, verb: str, about: Mapping[str, Any], /) -> None:
        """Put on record; publishing goes on in the background."""
        if verb == REFUSED and self._waiting.qsize() >= MOST // 2:
            if not self._left_out:
                log.error("records.left_out", extra={"waiting": self._waiting.qsize()})
            self._left_out += 1
            return
        said = {"at": self._clock.now().isoformat(), **about}
        self._waiting.put_nowait(Outgoing(f"{SUBJECT}.{verb}", json.dumps(said).encode()))

    @contextlib.asynccontextmanager
    async def published(self, ledger: Ledger) -> AsyncIterator[asyncio.Task[None]]:
        """Publish as long as the context lasts; its end waits, within a bound, for the last ones.

        The task ends only by an error that it cannot answer.
        """
        task = asyncio.create_task(self._publish(ledger))
        try:
            yield task
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._waiting.join()
            except TimeoutError:
                lost = self._waiting.qsize() + 1  # and the one that is being published
                fields = {"records": lost, "refusals": self._left_out}
                log.error("records.lost", extra=fields)  # noqa: TRY400 - it says it all
        finally:
            task.cancel()

    async def _publish(self, ledger: Ledger) -> None:
        while True:
            message = await self._waiting.get()
            await ledger.store([message])
            if self._left_out and self._waiting.empty():
                left_out, self._left_out = self._left_out, 0
                self(LEFT_OUT, {"refusals": left_out})
            self._waiting.task_done()


def hosts_something(config: ServiceConfig) -> bool:
    """Whether there is anything for a host to do."""
    return bool(config.services or config.targets)


def host_of(config: ServiceConfig, sandbox: Sandbox, records: Records) -> Host:
    """The host of a configuration."""
    # Imported where something is hosted: it takes a quarter of a second.
    from lotabots.adapters.hosting.host import Host, Plan  # noqa: PLC0415

    plan = Plan(config.services, config.targets, secrets())
    state = config.state.absolute()
    return Host(state, plan, sandbox=sandbox, clock=SystemClock(), record=records)


async def hosted_now(config: ServiceConfig) -> list[dict[str, Any]]:
    """What the configured services are at the moment, by the host's own word.

    Each has its name, environment, address, active release and running instances; `running` is
    false when no host answers, and then nothing is known of the release.
    """
    found = await _ask(config.state / "doors")
    known = {one["name"]: {**one, "running": True} for one in found}
    nothing = {"release": None, "instances": 0, "running": False}
    rows = (
        known.get(one.name)
        or {"service": one.service, "environment": one.environment, "listen": one.listen} | nothing
        for one in config.services
    )
    return [{key: row[key] for key in SHOWN} for row in rows]


async def _ask(doors: Path) -> list[dict[str, Any]]:
    """The targets, through the door for those who only look; none if nobody answers."""
    from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector  # noqa: PLC0415

    try:
        folder = os.open(doors, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    try:
        # By way of the open folder: the path of a socket must be short.
        connector = UnixConnector(f"/proc/self/fd/{folder}/monitor.sock")
        async with (
            ClientSession(connector=connector, timeout=ClientTimeout(ASK_S)) as session,
            session.get("http://host/targets") as answer,
        ):
            found: list[dict[str, Any]] = json.loads(await answer.read())
    except (OSError, ClientError, TimeoutError, ValueError):
        return []
    else:
        return found
    finally:
        os.close(folder)
