"""The mover: puts jobs whose wait for the next attempt is over back into their bot's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lotabots.policy.contract import Job
from lotabots.runtime.record import work_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Delivery, Inlet

BATCH: Final = 100
FULL_S: Final = 1.0


class Mover:
    """Moves jobs that are due."""

    def __init__(self, *, inlet: Inlet, ledger: Ledger) -> None:
        self._inlet = inlet
        self._ledger = ledger

    async def run(self) -> None:
        """Move until cancelled."""
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Queue a batch of jobs; the message ids are those of the attempts, so twice is once."""
        jobs = [_JOB.decode(delivery.body) for delivery in deliveries]
        acks = await self._ledger.store([work_message(job) for job in jobs])
        await self._inlet.ack([d for d, ack in zip(deliveries, acks, strict=True) if not ack.full])
        for delivery, ack in zip(deliveries, acks, strict=True):
            if ack.full:
                await self._inlet.later(delivery, FULL_S)


_JOB: Final = msgspec.json.Decoder(Job)
