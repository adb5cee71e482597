"""Publishing, pulling and reading over nats-py's public API, without its per-message costs.

`Publisher` sends many messages and counts their acknowledgements on one inbox; `Puller` keeps
requests outstanding on a durable consumer. nats-py's own ``js.publish`` and ``fetch`` create
tasks, timers and ids for each message; measured, that costs two thirds of the throughput (see
``benchmarks/pipeline``).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from nats.errors import Error as NatsError

from lotabots.policy.project_broker import API, GUEST_API
from lotabots.runtime.ports import Ack, AckError, BusError, Delivery, Stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from lotabots.runtime.ports import Outgoing

PULL_EXPIRES_S: Final = 5.0
ACK: Final = b"+ACK"
IN_PROGRESS: Final = b"+WPI"
IDLE, EXPIRED, NOT_PINNED = "100", "408", "423"
"""Statuses on a pull: still there, the request's time is over, another client is pinned. Others
(404, 409, 503) mean that the consumer cannot serve now."""

REFUSED_S: Final = 0.1
"""How long to wait before asking a consumer again that refused."""

NO_MESSAGE, NO_JETSTREAM = 10037, 10039
"""JetStream's errors for a message that is not there, and for an account without JetStream."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Batch:
    """Acknowledgements still to come for one call of `publish_all`."""

    __slots__ = ("acks", "done", "missing")

    def __init__(self, size: int, done: asyncio.Future[None]) -> None:
        self.acks: list[Ack | None] = [None] * size
        self.missing = size
        self.done = done


class Publisher:
    """Publishes to JetStream and waits for the server's word on every message."""

    def __init__(self, client: Client, *, timeout: float = 5.0) -> None:
        self._client = client
        self._timeout = timeout
        self._box = client.new_inbox()
        self._next = 0
        self._waiting: dict[int, tuple[_Batch, int]] = {}
        self._decode = msgspec.json.Decoder(Ack).decode

    async def start(self) -> None:
        """Listen for acknowledgements; call once."""
        await self._client.subscribe(f"{self._box}.*", cb=self._on_ack)

    async def publish(self, message: Outgoing) -> Ack:
        """Publish one message; see `publish_all`."""
        return (await self.publish_all([message]))[0]

    async def publish_all(self, messages: Sequence[Outgoing], /) -> list[Ack]:
        """Publish all and return the server's answers in the same order.

        An answer may be a conflict or a full queue: these are results, not errors.

        Raises:
            BusError: an answer did not come in time, or the server refused for another reason.
        """
        if not messages:
            return []
        batch = _Batch(len(messages), asyncio.get_running_loop().create_future())
        first = self._next
        self._next += len(messages)
        try:
            for index, message in enumerate(messages):
                self._waiting[first + index] = (batch, index)
                await self._client.publish(
                    message.subject,
                    message.body,
                    reply=f"{self._box}.{first + index}",
                    headers=dict(message.headers) if message.headers else None,
                )
            async with asyncio.timeout(self._timeout):
                await batch.done
        except TimeoutError:
            said = f"no acknowledgement for {batch.missing} of {len(messages)} messages"
            raise BusError(f"{said}, the first to {messages[0].subject}") from None
        except NatsError as error:
            raise BusError(str(error)) from error
        finally:
            for number in range(first, first + len(messages)):
                self._waiting.pop(number, None)
        return [_expected(ack, message) for ack, message in zip(batch.acks, messages, strict=True)]

    async def _on_ack(self, message: Msg) -> None:
        waiting = self._waiting.pop(int(message.subject.rpartition(".")[2]), None)
        if waiting is None:
            return
        batch, index = waiting
        if message.headers and message.headers.get("Status") == "503":
            batch.acks[index] = Ack(error=AckError(503, 0, "no stream takes this subject"))
        else:
            batch.acks[index] = self._decode(message.data)
        batch.missing -= 1
        if not batch.missing and not batch.done.done():
            batch.done.set_result(None)


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

    async def ack(self, deliveries: Sequence[Delivery], /) -> None:
        """These are done."""
        for delivery in deliveries:
            await self._client.publish(delivery.reply, ACK)

    async def working(self, delivery: Delivery, /) -> None:
        """Keep the lease of `delivery`."""
        await self._client.publish(delivery.reply, IN_PROGRESS)

    async def later(self, delivery: Delivery, seconds: float, /) -> None:
        """Give `delivery` back, to come again after `seconds`."""
        body = b'-NAK {"delay": %d}' % int(seconds * 1_000_000_000)
        await self._client.publish(delivery.reply, body)

    def unsettled(self, seconds: float, /) -> bool:
        """Whether the connection was made anew less than `seconds` ago."""
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
        if old is not None:
            self._renewed = asyncio.get_running_loop().time()
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


class Reader:
    """Looks up the newest message of a subject.

    A client whose account has no JetStream of its own asks through its door to the core's.
    """

    def __init__(self, client: Client, *, timeout: float = 5.0) -> None:
        self._client = client
        self._timeout = timeout
        self._api = API

    async def last(self, stream: str, subject: str, /) -> Stored | None:
        """The newest message of `stream` on `subject`, if there is one.

        Raises:
            BusError: no answer, or the server refuses.
        """
        return await self._get(stream, {"last_by_subj": subject})

    async def following(self, stream: str, subject: str, sequence: int, /) -> Stored | None:
        """The first message on `subject` at or after `sequence`, if there is one.

        Raises:
            BusError: no answer, or the server refuses.
        """
        return await self._get(stream, {"next_by_subj": subject, "seq": sequence})

    async def _get(self, stream: str, request: dict[str, object]) -> Stored | None:
        found = await self._ask(stream, request)
        if _refused(found) == NO_JETSTREAM:
            self._api = GUEST_API
            found = await self._ask(stream, request)
        if _refused(found) == NO_MESSAGE:
            return None
        if "error" in found:
            raise BusError(f"looking up {stream}: {found['error'].get('description')}")
        return _stored(found["message"])

    async def _ask(self, stream: str, request: dict[str, object]) -> dict[str, Any]:
        subject = f"{self._api}.STREAM.MSG.GET.{stream}"
        try:
            answer = await self._client.request(
                subject, msgspec.json.encode(request), timeout=self._timeout
            )
        except NatsError as error:
            raise BusError(f"looking up {stream}: {str(error) or 'no answer'}") from error
        found: dict[str, Any] = msgspec.json.decode(answer.data)
        return found


def _refused(answer: dict[str, Any]) -> int:
    """The error code of an answer of JetStream, 0 if it is none."""
    code: int = answer.get("error", {}).get("err_code", 0)
    return code


def _expected(ack: Ack | None, message: Outgoing) -> Ack:
    assert ack is not None  # noqa: S101 - the batch is complete
    if ack.error is not None and not ack.conflict and not ack.full:
        raise BusError(f"{message.subject}: {ack.error.description} ({ack.error.err_code})")
    return ack


def delivery_of(message: Msg) -> Delivery:
    """A delivery, its place read from the reply subject (ADR-15 of nats-architecture).

    ``$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<ns>.<pending>``; the
    newer form has a domain and an account hash after ``ACK``.
    """
    tokens = message.reply.split(".")
    shift = 2 if len(tokens) > 9 else 0  # noqa: PLR2004 - see above
    stream, delivered, sequence, stored = (tokens[i + shift] for i in (2, 4, 5, 7))
    return Delivery(
        message.subject,
        message.data,
        message.headers or {},
        stream,
        int(sequence),
        int(delivered),
        EPOCH + timedelta(microseconds=int(stored) // 1000),
        message.reply,
    )


def _stored(message: dict[str, Any]) -> Stored:
    headers = base64.b64decode(message.get("hdrs", "")).decode("utf-8", "replace")
    pairs = (line.partition(":") for line in headers.split("\r\n")[1:] if line)
    return Stored(
        message["subject"],
        base64.b64decode(message.get("data", "")),
        {name: value.strip() for name, _, value in pairs},
        message["seq"],
        msgspec.convert(message["time"], datetime),
    )
