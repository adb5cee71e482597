"""The auditor: moves what the streams record into the transparency log, in order, once.

Its consumer is pinned to one client, and the log on disk has one writer. A record is acknowledged
only after a signed checkpoint covers it; after a crash the records that come again are known by
their sequence.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from lotabots.audit.record import leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.runtime.ports import Delivery, Inlet

log = logging.getLogger(__name__)

BATCH: Final = 1000


class AuditSink(Protocol):
    """The log, as its only writer sees it."""

    last_sequence: int

    def append(self, entries: Sequence[bytes], /) -> None:
        """Add entries."""
        ...

    def publish(self) -> object:
        """Make everything that was added durable and sign it."""
        ...


class GapError(Exception):
    """The audit stream skips a sequence: records are lost, and nothing may hide it."""


class Auditor:
    """Writes the audit log."""

    def __init__(self, *, inlet: Inlet, sink: AuditSink) -> None:
        self._inlet = inlet
        self._sink = sink

    async def run(self) -> None:
        """Write until cancelled.

        Raises:
            GapError: a record is missing.
        """
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Log a batch, sign a checkpoint over it, acknowledge."""
        fresh = [d for d in deliveries if d.sequence > self._sink.last_sequence]
        expected = self._sink.last_sequence
        for delivery in fresh:
            expected += 1
            if delivery.sequence != expected:
                raise GapError(f"audit record {expected} is missing; {delivery.sequence} came")
        entries = [_leaf(delivery) for delivery in fresh]
        if entries:
            # Shielded: a cancelled write would leave the sink between two states.
            await asyncio.shield(asyncio.to_thread(self._write, entries))
        await self._inlet.ack(deliveries)

    def _write(self, entries: Sequence[bytes]) -> None:
        self._sink.append(entries)
        self._sink.publish()


def _leaf(delivery: Delivery) -> bytes:
    origin = delivery.headers.get("Nats-Stream-Source", "")
    return leaf(
        delivery.sequence,
        delivery.stored_at,
        subject=delivery.subject,
        origin=" ".join(origin.split()[:2]),
        body=delivery.body,
    )
