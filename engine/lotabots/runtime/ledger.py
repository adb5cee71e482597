"""Patient writing and reading: what must be stored is published until the server has answered.

Everything that goes through here can safely be sent twice: it is the first on its subject, or has
a message id, or an event id that the decision store knows.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from lotabots.policy.project_broker import DECISIONS
from lotabots.runtime.ports import BusError
from lotabots.runtime.record import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.runtime.ports import Ack, Outgoing, Publishes, Reads, Stored
    from lotabots.runtime.record import Record

log = logging.getLogger(__name__)

RETRY_S: Final = 0.2


class Ledger:
    """Writes and reads until the server has answered. `name` is who asks, for the log."""

    def __init__(self, bus: Publishes, reads: Reads, *, name: str) -> None:
        self._bus = bus
        self._reads = reads
        self._name = name

    async def store(self, messages: Sequence[Outgoing]) -> list[Ack]:
        """Publish all; answers in the same order, conflicts and full queues among them."""
        while True:
            try:
                return await self._bus.publish_all(messages)
            except BusError as error:
                log.warning("ledger.store", extra={"who": self._name, "error": str(error)})
                await asyncio.sleep(RETRY_S)

    async def record(self, token: str) -> Record:
        """The stored decision under `token`, which is known to be there."""
        while True:
            stored = await self.last(DECISIONS, f"lb.dec.{token}")
            if stored is not None:
                return read_record(stored.body)
            await asyncio.sleep(RETRY_S)

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The newest message of `stream` on `subject`, if there is one."""
        while True:
            try:
                return await self._reads.last(stream, subject)
            except BusError as error:
                log.warning("ledger.read", extra={"who": self._name, "error": str(error)})
                await asyncio.sleep(RETRY_S)
