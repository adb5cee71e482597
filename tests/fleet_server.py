"""A real nats-server for tests, set up for a small fleet: every account, stream and consumer.

A test asks for the fixture `nats_fleet` and connects as whom it likes; an `async def` test runs on
an event loop of its own, and its connections end with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, Final

from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from deciding import FILES
from lotabots.adapters.nats.connection import PIN_GROUP, set_up, settle
from lotabots.adapters.nats.keys import ensure_keys, read_seed
from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.puller import Puller
from lotabots.adapters.nats.server import EmbeddedServer, ServerFiles
from lotabots.model.load import load
from lotabots.policy.project_broker import consumers, server_config, streams, users

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from lotabots.model.fleet import Fleet

OUTSIDE: Final = ("cli.ann", "cli.bob", "ingress.git")
PATIENCE_S: Final = 20.0
"""How long a test waits for what must come; only a failing test waits that long."""


class NatsFleet:
    """A fleet and the server that carries it. `refused` holds what clients were refused so far."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        texts = files or FILES
        self.fleet: Fleet = load({path: text.encode() for path, text in texts.items()}).fleet
        self.keys = folder / "keys"
        self.users = users(self.fleet, OUTSIDE)
        public = ensure_keys(self.keys, [user.name for user in self.users])
        self.config = server_config(self.users, public)
        self.server = EmbeddedServer(ServerFiles(folder / "nats", self.config))
        self.refused: list[str] = []
        self._clients: list[Client] = []

    async def start(self) -> None:
        """Start the server and make its streams and consumers."""
        await self.server.start()
        admin = await self.connect("admin")
        await set_up(admin, streams(self.fleet), consumers(self.fleet))
        await self.close()

    async def connect(
        self, user: str, *, on_reconnect: Callable[[], Awaitable[None]] | None = None
    ) -> Client:
        """A connection as `user`, which reconnects at once; closed when the test ends."""

        async def note(error: Exception) -> None:
            self.refused.append(str(error))

        client = Client()
        await client.connect(
            self.server.url,
            nkeys_seed_str=read_seed(self.keys, user),
            inbox_prefix=f"_INBOX_{user}".encode(),
            error_cb=note,
            reconnected_cb=on_reconnect,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.01,
        )
        self._clients.append(client)
        return client

    async def publisher(self, user: str, *, timeout: float = PATIENCE_S) -> Publisher:  # noqa: ASYNC109 - the bus has it
        """A publisher on a connection of its own."""
        publisher = Publisher(await self.connect(user), timeout=timeout)
        await publisher.start()
        return publisher

    async def puller(
        self, user: str, stream: str, consumer: str, *, prefetch: int = 0, pinned: bool = False
    ) -> Puller:
        """A puller on a connection of its own, which hears of reconnections."""
        pullers: list[Puller] = []

        async def back() -> None:
            for puller in pullers:
                puller.forget()

        client = await self.connect(user, on_reconnect=back)
        group = PIN_GROUP if pinned else ""
        puller = Puller(client, stream=stream, consumer=consumer, prefetch=prefetch, group=group)
        pullers.append(puller)
        await puller.start()
        return puller

    def kill(self) -> None:
        """End the server as a crash does; `server.start` brings it back with what it stored."""
        os.kill(self.server.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = self._clients, []
        for client in clients:
            await client.close()

    async def may_publish(self, client: Client, subject: str, body: bytes = b"{}") -> bool:
        """Whether the server takes a message from `client` on `subject`.

        The server tells a refusal out of band, in order: what comes before the answer to a ping
        was said about what was sent before it.
        """
        before = len(self.refused)
        await client.publish(subject, body)
        return await self._allowed(client, before)

    async def may_subscribe(self, client: Client, subject: str) -> bool:
        """Whether the server lets `client` listen on `subject`."""
        before = len(self.refused)
        subscription = await client.subscribe(subject)
        allowed = await self._allowed(client, before)
        if allowed:
            await subscription.unsubscribe()
        return allowed

    async def _allowed(self, client: Client, before: int) -> bool:
        await settle(client)
        return len(self.refused) == before


async def ask(client: Client, subject: str, body: bytes = b"", *, patience: float = 0.3) -> bytes:
    """The answer to a request; empty if none came, as when the server drops a refused request."""
    with contextlib.suppress(NatsTimeoutError, NoRespondersError):
        return (await client.request(subject, body, timeout=patience)).data
    return b""


async def until(done: Callable[[], Any], *, patience: float = PATIENCE_S) -> None:
    """Wait until `done()` holds.

    Raises:
        TimeoutError: it did not in time.
    """
    async with asyncio.timeout(patience):
        while not done():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.005)
