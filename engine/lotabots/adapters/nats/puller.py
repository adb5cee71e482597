"""Pulling from a durable consumer over nats-py's public API, without its costs for each message.

nats-py's own ``fetch`` creates tasks and timers for each batch and leaves the consumer idle
in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from lotabots.adapters.nats.delivery import delivery_of
from lotabots.adapters.nats.heeding import heeding
from lotabots.policy.project_broker import API

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from lotabots.runtime.ports import Delivery

PULL_EXPIRES_S: Final = 5.0
ACK: Final = b"+ACK"
IN_PROGRESS: Final = b"+WPI"
IDLE, EXPIRED, NOT_PINNED = "100", "408", "423"
"""Statuses on a pull: still there, the request's time is over, another client is pinned. Others
(404, 409, 503) mean that the consumer cannot serve now."""

REFUSED_S: Final = 0.1
"""How long to wait before asking a consumer again that refused."""


class _Request:
    """A pull request: what may still come for it, and until when (the loop's clock)."""

    __slots__ = ("left", "until")

    def __init__(self, left: int, until: float) -> None:
        self.left = left
        self.until = until


class Puller:
    """A continuous pull on a durable consumer.

    With `prefetch` the next messages are asked for while the last ones are worked on; without, a
    message is taken off the server only when somebody waits for it, as a lease should be. `group`
    serves consumers with the ``pinned_client`` priority policy (ADR-42 of nats-architecture).

    INVARIANT: requests under way and messages not yet taken are together never more than asked
    for. Each request is remembered until it is served, ended by the server, or overdue; after a
    reconnection answers go to a new inbox, so that the server drops what it still has of the old
    requests.
    """

    def __init__(
        self,
        client: Client,
        *,
        stream: str,
        consumer: str,
        prefetch: int = 0,
        group: str = "",
    ) -> None:
        self._client = client
        self._subject = f"{API}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._prefetch = prefetch
        self._group = group
        self._pin = ""
        self._box = ""
        self._subscription: Subscription | None = None
        self._connection = -1
        self._ready: deque[Delivery] = deque()
        self._news = asyncio.Event()
        self._requests: dict[int, _Request] = {}
        self._number = 0
        self._not_before = 0.0
        self._renewed = float("-inf")

    async def start(self) -> None:
        """Listen for deliveries; call once."""
        await self._listen()

    @heeding
    async def take(self, limit: int, /) -> list[Delivery]:
        """Up to `limit` deliveries; waits for the first."""
        while not self._ready:
            self._news.clear()
            await self._ask(max(limit, self._prefetch))
            # A request can be lost with its connection; ask again rather than wait for ever.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait()):
                    await self._news.wait()
        taken = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        await self._ask(self._prefetch)
        return taken

    @heeding
    async def ack(self, deliveries: Sequence[Delivery], /) -> None:
        """These are done."""
        for delivery in deliveries:
            await self._client.publish(delivery.reply, ACK)

    @heeding
    async def working(self, delivery: Delivery, /) -> None:
        """Keep the lease of `delivery`."""
        await self._client.publish(delivery.reply, IN_PROGRESS)

    @heeding
    async def later(self, delivery: Delivery, seconds: float, /) -> None:
        """Give `delivery` back, to come again after `seconds`."""
        body = b'-NAK {"delay": %d}' % int(seconds * 1_000_000_000)
        await self._client.publish(delivery.reply, body)

    def unsettled(self, seconds: float, /) -> bool:
        """Whether the connection was made, or made anew, less than `seconds` ago."""
        return asyncio.get_running_loop().time() - self._renewed < seconds

    async def give_back(self) -> None:
        """Nobody takes any more here: what was fetched ahead goes to whoever asks next."""
        while self._ready:
            await self.later(self._ready.popleft(), 0)

    def forget(self) -> None:
        """A connection was made anew: look whether it was ours, and do not wait for it."""
        self._news.set()

    async def _listen(self) -> None:
        """Hear answers to requests of this connection, and of no earlier one."""
        old, self._connection = self._subscription, self._client.stats["reconnects"]
        self._requests.clear()
        self._box = self._client.new_inbox()
        self._subscription = await self._client.subscribe(f"{self._box}.*", cb=self._on_message)
        self._renewed = asyncio.get_running_loop().time()
        if old is not None:
            await old.unsubscribe()

    async def _ask(self, wanted: int) -> None:
        """Ask for what is missing to `wanted`, in portions of at least half of it."""
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            return
        if not self._client.is_connected:
            # It would be sent with the next connection, answered, and taken for an old request.
            self._not_before = now + REFUSED_S
            return
        if self._connection != self._client.stats["reconnects"]:
            await self._listen()
        for number in [n for n, request in self._requests.items() if request.until <= now]:
            del self._requests[number]
        asked = sum(request.left for request in self._requests.values())
        free = wanted - asked - len(self._ready)
        if free <= 0 or (free * 2 < wanted and asked):
            return
        request: dict[str, object] = {"batch": free, "expires": int(PULL_EXPIRES_S * 0.9 * 1e9)}
        if self._group:
            request["group"] = self._group
            if self._pin:
                request["id"] = self._pin
        self._number += 1
        self._requests[self._number] = _Request(free, now + PULL_EXPIRES_S)
        reply = f"{self._box}.{self._number}"
        await self._client.publish(self._subject, msgspec.json.encode(request), reply=reply)

    def _wait(self) -> float:
        """Seconds until it is time to ask again, if nothing comes."""
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            return self._not_before - now
        overdue = min((request.until for request in self._requests.values()), default=now)
        return max(overdue - now, 0.0)

    async def _on_message(self, message: Msg) -> None:
        headers = message.headers or {}
        status = None if message.reply else headers.get("Status")
        if status is None:
            self._count()
            if self._group:
                self._pin = headers.get("Nats-Pin-Id", self._pin)
            self._ready.append(delivery_of(message))
        elif status != IDLE:
            self._requests.pop(int(message.subject.rpartition(".")[2]), None)
            if status == NOT_PINNED:
                self._pin = ""
            elif status != EXPIRED:  # refused: at once it would be refused again
                self._not_before = asyncio.get_running_loop().time() + REFUSED_S
        self._news.set()

    def _count(self) -> None:
        """A message came; requests are served in their order."""
        for number, request in self._requests.items():
            request.left -= 1
            if not request.left:
                del self._requests[number]
            return
