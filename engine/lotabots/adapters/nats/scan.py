"""Reading a stretch of a stream in order, without disturbing anybody's consumer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from lotabots.adapters.nats.delivery import delivery_of
from lotabots.adapters.nats.heeding import heeding
from lotabots.runtime.ports import BusError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from lotabots.runtime.ports import Delivery

BATCH: Final = 500
_TIMEOUT_S: Final = 5.0


class Scanner:
    """Reads streams through consumers that live as long as the reading.

    They need no acknowledgements, so what is read stays as it is for everybody else.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def all(
        self, stream: str, subject: str, *, first: int = 1
    ) -> AsyncGenerator[Delivery, None]:
        """The messages of `stream` on `subject` from sequence `first` to the end of now."""
        policy = {"deliver_policy": "by_start_sequence", "opt_start_seq": first}
        messages = self._read(stream, policy | {"filter_subject": subject})
        async with contextlib.aclosing(messages):  # who stops early leaves no consumer behind
            async for delivery in messages:
                yield delivery

    async def _read(self, stream: str, policy: dict[str, Any]) -> AsyncGenerator[Delivery, None]:
        name, pending = await self._create(stream, policy)
        inbox = await self._client.subscribe(self._client.new_inbox())
        try:
            while pending > 0:
                request = {"batch": min(BATCH, pending), "no_wait": True}
                subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"
                await self._client.publish(
                    subject, msgspec.json.encode(request), reply=inbox.subject
                )
                for _ in range(min(BATCH, pending)):
                    message = await _next(inbox)
                    if not message.reply:
                        return  # a status: nothing is left, because the stream was cut meanwhile
                    pending -= 1
                    yield delivery_of(message)
        except NatsTimeoutError as error:
            raise BusError(f"reading {stream}: no answer") from error
        finally:
            await inbox.unsubscribe()
            await self._client.publish(f"$JS.API.CONSUMER.DELETE.{stream}.{name}", b"")

    @heeding
    async def _create(self, stream: str, policy: dict[str, Any]) -> tuple[str, int]:
        config = {"ack_policy": "none", "inactive_threshold": 30_000_000_000, "mem_storage": True}
        request = msgspec.json.encode({"stream_name": stream, "config": config | policy})
        try:
            answer = await self._client.request(
                f"$JS.API.CONSUMER.CREATE.{stream}", request, timeout=_TIMEOUT_S
            )
        except NatsError as error:
            raise BusError(f"reading {stream}: {str(error) or 'no answer'}") from error
        made: dict[str, Any] = msgspec.json.decode(answer.data)
        if refusal := made.get("error"):
            raise BusError(f"reading {stream}: {refusal.get('description')}")
        return made["name"], made["num_pending"]


@heeding
async def _next(inbox: Subscription) -> Msg:
    return await inbox.next_msg(timeout=_TIMEOUT_S)
