"""Publishing over nats-py's public API, without its costs for each message.

nats-py's own ``js.publish`` creates a task, a timer and an id for each message; measured, that
costs two thirds of the throughput (see ``benchmarks/bench_pipeline.py``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from nats.errors import Error as NatsError

from lotabots.adapters.nats.heeding import heeding
from lotabots.runtime.ports import Ack, AckError, BusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from lotabots.runtime.ports import Outgoing


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

    @heeding
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


def _expected(ack: Ack | None, message: Outgoing) -> Ack:
    assert ack is not None  # noqa: S101 - the batch is complete
    if ack.error is not None and not ack.conflict and not ack.full:
        raise BusError(f"{message.subject}: {ack.error.description} ({ack.error.err_code})")
    return ack
