"""Publishing, pulling and reading over nats-py's public API, without its per-message costs.

`Publisher` sends many messages and counts their acknowledgements on one inbox; `Puller` keeps
requests outstanding on a durable consumer. nats-py's own ``js.publish`` and ``fetch`` create
tasks, timers and ids for each message; measured, that costs two thirds of the throughput (see
``benchmarks/pipeline``).
"""

from __future__ import annotations

import asyncio
import base64
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

    from lotabots.runtime.ports import Outgoing

PULL_EXPIRES_S: Final = 5.0
ACK: Final = b"+ACK"
IN_PROGRESS: Final = b"+WPI"
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


class Puller:
    """A continuous pull on a durable consumer.

    With `prefetch` the next messages are asked for while the last ones are worked on; without, a
    message is taken off the server only when somebody waits for it, as a lease should be. `group`
    serves consumers with the ``pinned_client`` priority policy (ADR-42 of nats-architecture).
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
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._prefetch = prefetch
        self._group = group
        self._pin = ""
        self._box = client.new_inbox()
        self._ready: deque[Delivery] = deque()
        self._news = asyncio.Event()
        self._asked = 0
        self._requests = 0

    async def start(self) -> None:
        """Listen for deliveries; call once."""
        await self._client.subscribe(f"{self._box}.*", cb=self._on_message)

    async def take(self, limit: int, /) -> list[Delivery]:
        """Up to `limit` deliveries; waits for the first."""
        while not self._ready:
            self._news.clear()
            await self._ask(max(limit, self._prefetch))
            try:
                async with asyncio.timeout(PULL_EXPIRES_S):
                    await self._news.wait()
            except TimeoutError:
                # A request can be lost with its connection; ask again rather than wait for ever.
                self._asked = 0
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

    async def give_back(self) -> None:
        """Nobody takes any more here: what was fetched ahead goes to whoever asks next."""
        while self._ready:
            await self.later(self._ready.popleft(), 0)

    def forget(self) -> None:
        """The connection was made anew: requests of the old one are gone."""
        self._asked = 0
        self._news.set()

    async def _ask(self, wanted: int) -> None:
        """Ask for what is missing to `wanted`, in portions of at least half of it."""
        free = wanted - self._asked - len(self._ready)
        if free <= 0 or (free * 2 < wanted and self._asked):
            return
        request: dict[str, object] = {"batch": free, "expires": int(PULL_EXPIRES_S * 0.9 * 1e9)}
        if self._group:
            request["group"] = self._group
            if self._pin:
                request["id"] = self._pin
        self._requests += 1
        self._asked += free
        reply = f"{self._box}.{self._requests}"
        await self._client.publish(self._subject, msgspec.json.encode(request), reply=reply)

    async def _on_message(self, message: Msg) -> None:
        headers = message.headers or {}
        status = None if message.reply else headers.get("Status")
        if status is None:
            self._asked = max(0, self._asked - 1)
            if self._group:
                self._pin = headers.get("Nats-Pin-Id", self._pin)
            self._ready.append(delivery_of(message))
        elif status == "423":  # another client is pinned now
            self._pin = ""
            self._asked = 0
        elif status != "100":  # the request ended: unused credit comes back
            self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages", 1 << 30)))
        self._news.set()


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
