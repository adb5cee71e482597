"""The mover of a bot: brings what waits for its queue into it, when there is room.

Two kinds of jobs wait: those whose pause before the next attempt is over (the server puts them
here by its schedule), and those that found the queue full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.policy.project_broker import WAITING
from lotabots.runtime.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Delivery, Inlet

SHORTEST_S: Final = 0.05
LONGEST_S: Final = 1.0
"""How long jobs that found the queue full wait before they try again: longer each time in vain."""


class Mover:
    """Moves the jobs of one bot."""

    def __init__(self, bot: str, *, inlet: Inlet, ledger: Ledger) -> None:
        self._subject = f"lb.work.{bot}"
        self._inlet = inlet
        self._ledger = ledger
        self._pause = SHORTEST_S

    async def run(self) -> None:
        """Move until cancelled."""
        while True:
            await self.handle(await self._inlet.take(WAITING))

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Queue a batch of jobs. A message that comes again is known by its place in the stream."""
        acks = await self._ledger.store([self._moved(delivery) for delivery in deliveries])
        moved = [d for d, ack in zip(deliveries, acks, strict=True) if not ack.full]
        self._pause = SHORTEST_S if moved else min(self._pause * 2, LONGEST_S)
        await self._inlet.ack(moved)
        for delivery, ack in zip(deliveries, acks, strict=True):
            if ack.full:
                await self._inlet.later(delivery, self._pause)

    def _moved(self, delivery: Delivery) -> Outgoing:
        named = {"Nats-Msg-Id": f"due/{delivery.sequence}"}
        return Outgoing(self._subject, delivery.body, named)
