"""The onlooker: knows what the gates wait for, without being the one who feeds them.

Only one process feeds the gates, and any may be asked about them. Their state is what the events of
the stream make of it, so the newest snapshot and the events since then give it to everybody. An
onlooker decides those events for itself, changes nothing, and keeps what it has read.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.policy.project_broker import DECISIONS, EVENTS, STATE
from lotabots.policy.state import State
from lotabots.runtime.gatekeeper import SNAPSHOT, read_snapshot
from lotabots.runtime.record import decided, read_record, stamp_of, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Protocol

    from lotabots.policy.rules import Policy
    from lotabots.runtime.ports import Delivery, Stored

    class Archived(Protocol):
        """Reads streams; every method raises BusError without an answer."""

        async def last(self, stream: str, subject: str, /) -> Stored | None:
            """The newest message of `stream` on `subject`, if there is one."""
            ...

        def all(
            self, stream: str, subject: str, *, first: int = 1
        ) -> AsyncGenerator[Delivery, None]:
            """The messages of `stream` on `subject` from sequence `first` to the end of now."""
            ...


AT_ONCE: Final = 5000
"""Events that one look reads, at most; ten times as many as lie between two snapshots."""


class Sight(NamedTuple):
    """The state of the gates, and whether there are events that were not read for it yet."""

    state: State
    behind: bool


class Onlooker:
    """Looks at the gates of `policy`."""

    def __init__(self, policy: Policy, archive: Archived, *, at_once: int = AT_ONCE) -> None:
        self._policy = policy
        self._archive = archive
        self._at_once = at_once
        self._state = State()
        self._last = 0
        self._turn = asyncio.Lock()

    async def look(self) -> Sight:
        """The gates as the events that are stored now leave them.

        Raises:
            BusError: no answer.
        """
        async with self._turn:
            await self._adopt_snapshot()
            left = self._at_once
            events = self._archive.all(EVENTS, "lb.ev.>", first=self._last + 1)
            async with aclosing(events):
                async for delivery in events:
                    if not left:
                        return Sight(self._state, behind=True)
                    await self._see(delivery)
                    left -= 1
            return Sight(self._state, behind=False)

    async def _adopt_snapshot(self) -> None:
        stored = await self._archive.last(STATE, SNAPSHOT)
        if stored is None:
            return
        sequence, state = read_snapshot(stored.body)
        if sequence > self._last:
            self._last, self._state = sequence, state

    async def _see(self, delivery: Delivery) -> None:
        stamp = stamp_of(delivery)
        step = decided(self._policy, self._state, delivery, stamp).step
        if any(v.target.startswith("gate.") for v in step.decision.verdicts):
            token = token_of(stamp.source, step.decision.event_id, delivery.sequence)
            stored = await self._archive.last(DECISIONS, f"lb.dec.{token}.gates")
            # Of two events with one id only the first counts, as it does for who feeds the gates.
            if stored is None or read_record(stored.body).sequence == delivery.sequence:
                self._state = State(gates=step.state.gates)
        self._last = delivery.sequence
