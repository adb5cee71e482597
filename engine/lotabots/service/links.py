"""The connections of a process to the server, and what reads and writes on them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from nats.errors import Error as NatsError

from lotabots.adapters.nats.connection import PIN_GROUP, connect, settle
from lotabots.adapters.nats.keys import read_seed
from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.puller import Puller
from lotabots.adapters.nats.reader import Reader
from lotabots.runtime.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.client import Client

FLUSH_S: Final = 2


class Links:
    """Connects to the server at `url`; `keys` is the folder with the seeds of all identities."""

    def __init__(self, url: str, keys: Path, stack: contextlib.AsyncExitStack) -> None:
        self._url = url
        self._keys = keys
        self._stack = stack
        self._pullers: list[Puller] = []

    async def connect(self, user: str) -> Client:
        """A connection as `user`, closed with the stack."""

        async def back() -> None:
            for puller in self._pullers:
                puller.forget()

        seed = read_seed(self._keys, user)
        client = await connect(self._url, user=user, seed=seed, on_reconnect=back)
        self._stack.push_async_callback(lambda: _close(client))
        return client

    async def ledger(self, client: Client, name: str) -> Ledger:
        """What writes and reads patiently on `client`; `name` is who asks, for the log."""
        publisher = Publisher(client)
        await publisher.start()
        return Ledger(publisher, Reader(client), name=name)

    async def inlet(
        self, client: Client, stream: str, consumer: str, *, prefetch: int = 0, pinned: bool = False
    ) -> Puller:
        """The deliveries of a durable consumer, given back by `give_back` if they wait here."""
        group = PIN_GROUP if pinned else ""
        puller = Puller(client, stream=stream, consumer=consumer, prefetch=prefetch, group=group)
        await puller.start()
        self._pullers.append(puller)
        return puller

    async def give_back(self) -> None:
        """What was fetched ahead must not wait for the end of a lease that nobody keeps."""
        for puller in self._pullers:
            await puller.give_back()


async def _close(client: Client) -> None:
    """Send what is still in the buffer, if the server is there, and end."""
    if client.is_connected:
        with contextlib.suppress(NatsError):
            await settle(client, timeout=FLUSH_S)
    await client.close()
