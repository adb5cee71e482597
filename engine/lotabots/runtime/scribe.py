"""The scribe: keeps events readable after the stream has let them go, for who checks what was done.

It copies what proves something: results, what came from outside (changes, approvals), and what
gates asked for. It copies bytes, whatever was decided about them; the audit log says that, under
the hash that stands beside each copy.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from lotabots.model.names import SCHEDULE_TICK, is_gate_source
from lotabots.policy.project_broker import EVENTS
from lotabots.runtime.ports import BusError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from lotabots.model.event import EventType
    from lotabots.model.fleet import Fleet
    from lotabots.runtime.auditor import Follows
    from lotabots.runtime.gatekeeper import History
    from lotabots.runtime.ports import Clock, Delivery

log = logging.getLogger(__name__)

PLACE: Final = "system-state"
"""The placeholder by which a grant names the record."""

PAUSE_S: Final = 1.0
CALM: Final = timedelta(seconds=30)
"""How long the record says nothing new where nothing happens."""

BATCH: Final = 500
_OUTCOME: Final = "outcome"


class RecordSink(Protocol):
    """The record, as its only writer sees it."""

    sequence: int

    def publish(
        self, deliveries: Sequence[Delivery], /, *, sequence: int, lost: int, as_of: datetime
    ) -> None:
        """Add copies; from now on the record reaches `sequence`, and was complete at `as_of`."""
        ...


class Scribe:
    """Keeps the record of events whose types are in `kept`."""

    def __init__(
        self,
        kept: Collection[str],
        *,
        reads: Follows,
        history: History,
        sink: RecordSink,
        clock: Clock,
    ) -> None:
        self._kept = frozenset(kept)
        self._reads = reads
        self._history = history
        self._sink = sink
        self._clock = clock
        self._as_of: datetime | None = None

    async def run(self) -> None:
        """Copy until cancelled."""
        while True:
            try:
                await self.catch_up()
            except BusError as error:
                log.warning("scribe.read", extra={"error": str(error)})
            await asyncio.sleep(PAUSE_S)

    async def catch_up(self) -> None:
        """Copy what is new.

        Raises:
            BusError: no answer; what was not copied is copied the next time.
        """
        now = self._clock.now()
        first = self._sink.sequence + 1
        if await self._reads.following(EVENTS, ">", first) is not None:
            await self._copy(first, now)
        elif self._as_of is None or now - self._as_of >= CALM:
            await self._publish([], sequence=self._sink.sequence, lost=0, as_of=now)

    async def _copy(self, first: int, now: datetime) -> None:
        batch: list[Delivery] = []
        expected, lost = first, 0
        async for delivery in self._history.all(EVENTS, ">", first=first):
            lost += delivery.sequence - expected
            expected = delivery.sequence + 1
            if type_of(delivery.subject) in self._kept:
                batch.append(delivery)
            if len(batch) == BATCH:
                await self._publish(batch, sequence=expected - 1, lost=lost, as_of=self._as_of)
                batch, lost = [], 0
        await self._publish(batch, sequence=expected - 1, lost=lost, as_of=now)

    async def _publish(
        self, batch: Sequence[Delivery], *, sequence: int, lost: int, as_of: datetime | None
    ) -> None:
        at = as_of or batch[-1].stored_at
        await asyncio.to_thread(self._sink.publish, batch, sequence=sequence, lost=lost, as_of=at)
        self._as_of = at


def type_of(subject: str) -> str:
    """The event type that a subject of the events' stream ends with.

    >>> type_of("lb.ev.bot.TestBot.test.completed"), type_of("lb.ev.gate.rollback")
    ('test.completed', '')
    """
    return "".join(subject.split(".", 4)[4:])


def kept_types(fleet: Fleet) -> frozenset[str]:
    """The types of events that prove something."""
    return frozenset(one.name for one in fleet.events.values() if _proves(one))


def is_asked_for(fleet: Fleet) -> bool:
    """Whether a bot may read the record; else nobody keeps one."""
    place = f"{{{PLACE}}}"
    readers = (bot for bot in fleet.bots if bot.enabled)
    return any(place in action.grants.read for bot in readers for action in bot.actions)


def _proves(event: EventType) -> bool:
    if event.name == SCHEDULE_TICK:
        return False
    asked = any(is_gate_source(one) for one in event.emitters)
    return event.external or asked or event.payload.field(_OUTCOME) is not None
