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
from lotabots.policy.project_broker import AUDIT
from lotabots.runtime.ledger import RETRY_S
from lotabots.runtime.ports import BusError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from lotabots.runtime.ports import Delivery, Inlet, Stored

log = logging.getLogger(__name__)

BATCH: Final = 1000


class AuditSink(Protocol):
    """The log, as its only writer sees it."""

    last_sequence: int
    newest: bytes
    """The last entry; empty if there is none."""

    def append(self, entries: Sequence[bytes], /) -> None:
        """Add entries."""
        ...

    def publish(self) -> object:
        """Make everything that was added durable and sign it."""
        ...


class Follows(Protocol):
    """Looks up what a stream holds, one message after the other."""

    async def following(self, stream: str, subject: str, sequence: int, /) -> Stored | None:
        """The first message on `subject` at or after `sequence`, if there is one.

        Raises:
            BusError: no answer.
        """
        ...


class GapError(Exception):
    """The audit stream skips a sequence, or is another one: nothing may hide that records miss."""


class Auditor:
    """Writes the audit log. `reads` finds the records that a broken connection swallowed."""

    def __init__(self, *, inlet: Inlet, sink: AuditSink, reads: Follows) -> None:
        self._inlet = inlet
        self._sink = sink
        self._reads = reads
        self._is_known = False

    async def run(self) -> None:
        """Write until cancelled; a batch that is being written is finished first.

        Raises:
            GapError: a record is missing, or the log is that of another stream.
        """
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Log a batch, sign a checkpoint over it, acknowledge."""
        if not self._is_known:
            await self._know(max(delivery.sequence for delivery in deliveries))
        fresh: list[Delivery | Stored] = sorted(
            (d for d in deliveries if d.sequence > self._sink.last_sequence),
            key=lambda delivery: delivery.sequence,
        )
        if fresh and fresh[-1].sequence != self._sink.last_sequence + len(fresh):
            fresh = await self._complete(fresh[-1].sequence)
        if fresh:
            await _to_the_end(asyncio.to_thread(self._write, [_leaf(d) for d in fresh]))
        await self._inlet.ack(deliveries)

    async def _know(self, newest: int) -> None:
        """Make sure, once, that the log is that of this stream, which has a record `newest`.

        The records of another one begin at 1 again: they would be taken for such as are known.
        """
        last = self._sink.last_sequence
        found = await self._following(last) if last else None
        same = found is not None and (found.sequence > last or _leaf(found) == self._sink.newest)
        if last and not same and not (found is None and newest > last):
            raise GapError(
                f"the audit log ends with record {last} of another stream; keep `audit` and "
                "`record` of the state folder elsewhere, and new ones begin"
            )
        self._is_known = True

    async def _complete(self, last: int) -> list[Delivery | Stored]:
        """All records after the last one in the log, up to `last`, from the stream itself.

        Deliveries that were lost on the way come again when their lease ends, after newer ones.
        """
        first = self._sink.last_sequence + 1
        return [await self._record(sequence) for sequence in range(first, last + 1)]

    async def _record(self, sequence: int) -> Stored:
        found = await self._following(sequence)
        if found is None or found.sequence != sequence:
            came = found.sequence if found else "nothing"
            raise GapError(f"audit record {sequence} is missing; {came} follows")
        return found

    async def _following(self, sequence: int) -> Stored | None:
        while True:
            try:
                return await self._reads.following(AUDIT, ">", sequence)
            except BusError as error:
                log.warning("auditor.read", extra={"error": str(error)})
                await asyncio.sleep(RETRY_S)

    def _write(self, entries: Sequence[bytes]) -> None:
        self._sink.append(entries)
        self._sink.publish()


async def _to_the_end(work: Coroutine[None, None, None]) -> None:
    """Wait for `work` even when cancelled: the log has one writer, which must be done with it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _leaf(delivery: Delivery | Stored) -> bytes:
    origin = delivery.headers.get("Nats-Stream-Source", "")
    return leaf(
        delivery.sequence,
        delivery.stored_at,
        subject=delivery.subject,
        origin=" ".join(origin.split()[:2]),
        body=delivery.body,
    )
