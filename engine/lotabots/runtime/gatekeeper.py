"""The gatekeeper: feeds events to the gates, in the order of the stream, in one process at a time.

Its consumer is pinned to one client; the others stand by. The state of the gates is nowhere
stored: it is what the events of the longest window make of it, so whoever takes over reads them
again, with effects muted. A gate's event has an id made of gate, key and causes, so feeding twice
emits once.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Raw, structs

from lotabots.model.envelope import Envelope, encode_envelope
from lotabots.policy.correlate import advance
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import EmitEvent, Ignore, Reject
from lotabots.policy.project_broker import event_subject
from lotabots.policy.state import State
from lotabots.runtime.ports import Outgoing
from lotabots.runtime.record import (
    CAUSE,
    HOPS,
    message_of,
    record_of,
    stamp_of,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from lotabots.policy.decision import Effect, Step
    from lotabots.policy.rules import Policy
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock, Delivery, Inlet

log = logging.getLogger(__name__)

BATCH: Final = 50
TICK_S: Final = 1.0
"""How often gates that wait for silence are looked at."""


class History(Protocol):
    """Reads events again that were already acknowledged."""

    def since(self, start: datetime, /, *, before: int) -> AsyncIterator[Delivery]:
        """The events stored at `start` or later, with sequences below `before`, in order."""
        ...


class Gatekeeper:
    """Feeds the gates. `key` is the engine's secret, from which ids of gate events are made."""

    def __init__(
        self,
        policy: Policy,
        *,
        inlet: Inlet,
        ledger: Ledger,
        history: History,
        clock: Clock,
        key: bytes,
        name: str,
    ) -> None:
        self._policy = policy
        self._inlet = inlet
        self._ledger = ledger
        self._history = history
        self._clock = clock
        self._key = key
        self._name = name
        self._state = State()
        self._last = -1

    async def run(self) -> None:
        """Feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed_for_ever())
            tasks.create_task(self._tick_for_ever())

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Feed a batch of events, one after the other, and acknowledge them."""
        for delivery in deliveries:
            if delivery.sequence <= self._last:
                continue  # fed before, only the acknowledgement was lost
            if delivery.sequence != self._last + 1:
                await self._catch_up(delivery)
            await self._feed(delivery)
            self._last = delivery.sequence
        await self._inlet.ack(deliveries)

    async def _feed_for_ever(self) -> None:
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._last >= 0:
                now = self._clock.now()
                step = advance(self._policy, self._state, now)
                self._state = step.state
                await self._emit(step.effects, now)

    async def _feed(self, delivery: Delivery) -> None:
        step = self._decide(delivery)
        if not any(v.target.startswith("gate.") for v in step.decision.verdicts):
            return
        token = f"{token_of(delivery, stamp_of(delivery).source)}.gates"
        record = record_of(delivery, step, token, engine=self._name)
        message = message_of(structs.replace(record, jobs=()), token)
        (ack,) = await self._ledger.store([message])
        if ack.conflict and (await self._ledger.record(token)).sequence != delivery.sequence:
            return  # another event has this id; the engine records that it is a duplicate
        self._state = step.state
        await self._emit(step.effects, delivery.stored_at)

    def _decide(self, delivery: Delivery) -> Step:
        """The decision on gates alone; what bots would do is the engine's."""
        now = delivery.stored_at
        step = decide_bytes(self._policy, self._state, delivery.body, stamp_of(delivery), now)
        verdicts = tuple(v for v in step.decision.verdicts if v.target.startswith("gate."))
        return structs.replace(
            step,
            state=State(gates=step.state.gates),
            decision=structs.replace(step.decision, verdicts=verdicts),
        )

    async def _catch_up(self, delivery: Delivery) -> None:
        """Make the state that the events before `delivery` leave, without their effects."""
        self._state = State()
        window = max((rule.spec.within for rule in self._policy.gates.values()), default=0)
        start = delivery.stored_at - timedelta(microseconds=window)
        seen: set[str] = set()
        count = 0
        async for earlier in self._history.since(start, before=delivery.sequence):
            count += 1
            step = self._decide(earlier)
            if all(isinstance(v, Ignore | Reject) for v in step.decision.verdicts):
                continue
            token = token_of(earlier, stamp_of(earlier).source)
            if token not in seen:
                seen.add(token)
                self._state = step.state
        log.info("gates.caught_up", extra={"events": count, "to": delivery.sequence})

    async def _emit(self, effects: Sequence[Effect], now: datetime) -> None:
        emitted = [effect for effect in effects if isinstance(effect, EmitEvent)]
        await self._ledger.store([self._message(effect, now) for effect in emitted])

    def _message(self, effect: EmitEvent, now: datetime) -> Outgoing:
        named = "\0".join((effect.source, effect.type, effect.key, *effect.causes))
        envelope = Envelope(
            id=hmac.new(self._key, named.encode(), sha256).hexdigest(),
            timestamp=now,
            source=effect.source,
            type=effect.type,
            payload=Raw(effect.payload.encode()),
        )
        headers = {HOPS: str(effect.hops), CAUSE: " ".join(effect.causes)[:1024]}
        subject = event_subject(effect.source, effect.type)
        return Outgoing(subject, encode_envelope(envelope), headers)
