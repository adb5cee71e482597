"""The gatekeeper: feeds events to the gates, in the order of the stream, in one process at a time.

Its consumer is pinned to one client; the others stand by. The state of the gates is what the
events of the stream make of it, one after the other, so whoever takes over reads the newest
snapshot and the events since then. Feeding an event twice does once what it does: its decision is
stored by compare and swap, and a gate's event has an id made of gate, key and causes.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import zlib
from contextlib import aclosing
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import Raw, structs

from lotabots.model.envelope import Envelope, encode_envelope
from lotabots.policy.contract import event_token
from lotabots.policy.correlate import advance
from lotabots.policy.decision import EmitEvent, GateDropped
from lotabots.policy.project_broker import DECISIONS, EVENTS, STATE, event_subject
from lotabots.policy.state import State, state_from_json, state_to_json
from lotabots.runtime.ledger import RETRY_S
from lotabots.runtime.ports import BusError, Outgoing
from lotabots.runtime.record import (
    CAUSE,
    HOPS,
    decided,
    message_of,
    record_of,
    stamp_of,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from datetime import datetime

    from lotabots.policy.decision import Effect, Step
    from lotabots.policy.rules import Policy
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock, Delivery, Inlet

log = logging.getLogger(__name__)

BATCH: Final = 50
TICK_S: Final = 1.0
"""How often gates that wait for silence are looked at."""

SNAPSHOT_EVERY: Final = 500
"""A snapshot is stored after so many events, and whenever `CALM_TICKS` have passed with any."""

CALM_TICKS: Final = 5
SNAPSHOT: Final = "lb.state.gates"
MAX_SNAPSHOT: Final = 900_000
"""Bytes. A larger state is not stored; whoever takes over then reads more events instead."""


class History(Protocol):
    """Reads events again that were already acknowledged."""

    def all(self, stream: str, subject: str, *, first: int = 1) -> AsyncGenerator[Delivery, None]:
        """The messages of `stream` on `subject` from sequence `first` to the end of now.

        Raises:
            BusError: no answer.
        """
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
        self._last = 0
        self._saved = 0
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed_for_ever())
            tasks.create_task(self._tick_for_ever())

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Feed a batch of events, one after the other, and acknowledge them."""
        async with self._turn:
            for delivery in deliveries:
                if delivery.sequence > self._last + 1:
                    await self._read_on(before=delivery.sequence)
                if delivery.sequence > self._last:
                    await self._feed(delivery)
            if self._last - self._saved >= SNAPSHOT_EVERY:
                await self._save()
        await self._inlet.ack(deliveries)

    async def tick(self) -> None:
        """Do what time alone brings about; never before everything that is stored was read."""
        async with self._turn:
            if self._advanced().effects:
                await self._read_on()
            step = self._advanced()
            self._state = step.state
            await self._perform(step.effects, self._clock.now(), again=True)

    async def _feed_for_ever(self) -> None:
        async with self._turn:
            await self._read_on()
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def _tick_for_ever(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()
            ticks += 1
            if ticks % CALM_TICKS == 0 and self._last > self._saved:
                async with self._turn:
                    await self._save()

    def _advanced(self) -> Step:
        return advance(self._policy, self._state, self._clock.now())

    async def _feed(self, delivery: Delivery) -> None:
        """Decide, record and perform; events must come in the order of the stream."""
        self._last = delivery.sequence
        stamp = stamp_of(delivery)
        step = decided(self._policy, self._state, delivery, stamp).step
        verdicts = tuple(v for v in step.decision.verdicts if v.target.startswith("gate."))
        if not verdicts:
            return
        decision = structs.replace(step.decision, verdicts=verdicts)
        token = f"{token_of(stamp.source, decision.event_id, delivery.sequence)}.gates"
        record = record_of(delivery, decision, (), token=token, engine=self._name)
        (ack,) = await self._ledger.store([message_of(record, token)])
        if ack.conflict and (await self._ledger.record(token)).sequence != delivery.sequence:
            return  # another event has this id; the engine records that it is a duplicate
        self._state = State(gates=step.state.gates)
        await self._perform(step.effects, delivery.stored_at, again=ack.conflict)

    async def _read_on(self, *, before: int = 0) -> None:
        """Feed what is stored after the last event that was fed, up to `before` or the end."""
        await self._adopt_snapshot()
        first = self._last + 1
        while True:
            try:
                await self._read(before)
            except BusError as error:
                log.warning("gates.read", extra={"error": str(error)})
                await asyncio.sleep(RETRY_S)
            else:
                break
        log.info("gates.read", extra={"first": first, "last": self._last})

    async def _read(self, before: int) -> None:
        events = self._history.all(EVENTS, "lb.ev.>", first=self._last + 1)
        async with aclosing(events):
            async for delivery in events:
                if before and delivery.sequence >= before:
                    return
                await self._feed(delivery)

    async def _adopt_snapshot(self) -> None:
        stored = await self._ledger.last(STATE, SNAPSHOT)
        if stored is None:
            return
        sequence, state = read_snapshot(stored.body)
        if sequence > self._last:
            self._state = state
            self._last = self._saved = sequence

    async def _save(self) -> None:
        state = {"sequence": self._last, "state": state_to_json(self._state)}
        body = zlib.compress(msgspec.json.encode(state), 1)
        self._saved = self._last
        if len(body) > MAX_SNAPSHOT:
            log.warning("gates.snapshot_too_large", extra={"bytes": len(body)})
            return
        await self._ledger.store([Outgoing(SNAPSHOT, body)])

    async def _perform(self, effects: Sequence[Effect], now: datetime, *, again: bool) -> None:
        """Emit what gates emit, record what they gave up; `again` if it may have been done."""
        messages = []
        for effect in effects:
            if isinstance(effect, EmitEvent):
                name = self._id(effect)
                if not (again and await self._is_decided(effect.source, name)):
                    messages.append(self._event(effect, name, now))
            elif isinstance(effect, GateDropped):
                messages.append(_given_up(effect, now))
        await self._ledger.store(messages)

    async def _is_decided(self, source: str, name: str) -> bool:
        subject = f"lb.dec.{event_token(source, name)}"
        return await self._ledger.last(DECISIONS, subject) is not None

    def _id(self, effect: EmitEvent) -> str:
        named = "\0".join((effect.source, effect.type, effect.key, *effect.causes))
        return hmac.new(self._key, named.encode(), sha256).hexdigest()

    def _event(self, effect: EmitEvent, name: str, now: datetime) -> Outgoing:
        envelope = Envelope(
            id=name,
            timestamp=now,
            source=effect.source,
            type=effect.type,
            payload=Raw(effect.payload.encode()),
        )
        headers = {
            HOPS: str(effect.hops),
            CAUSE: " ".join(effect.causes)[:1024],
            "Nats-Msg-Id": name,
        }
        subject = event_subject(effect.source, effect.type)
        return Outgoing(subject, encode_envelope(envelope), headers)


def read_snapshot(body: bytes) -> tuple[int, State]:
    """The sequence of the last event that was fed, and the state of the gates after it.

    Raises:
        msgspec.MsgspecError: the body is not a snapshot of ours.
        zlib.error: the same.
    """
    found = msgspec.json.decode(zlib.decompress(body))
    return found["sequence"], state_from_json(found["state"])


def _given_up(effect: GateDropped, now: datetime) -> Outgoing:
    body = {
        "gate": effect.gate,
        "key": effect.key,
        "reason": effect.reason,
        "causes": effect.causes,
        "at": now.isoformat(),
    }
    named = "\0".join((effect.gate, effect.key, effect.reason, *effect.causes))
    once = {"Nats-Msg-Id": sha256(named.encode()).hexdigest()}
    return Outgoing("lb.ctl.engine.gave_up", msgspec.json.encode(body), once)
