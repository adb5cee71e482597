"""The engine: takes events, stores one decision for each, queues the jobs it gives out.

Any number of engines share one durable consumer. The order is always: store the decision (compare
and swap), queue its jobs, acknowledge the event. Killed anywhere in between, the event comes
again, the stored decision is found, and the same jobs are queued under the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from lotabots.model.envelope import decode_envelope
from lotabots.policy.decide import decide_bytes
from lotabots.policy.payload import PayloadError
from lotabots.policy.state import State
from lotabots.runtime.record import (
    Record,
    jobs_of,
    message_of,
    record_of,
    stamp_of,
    token_of,
    work_message,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.policy.decision import Decision
    from lotabots.policy.rules import Policy
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Delivery, Inlet, Outgoing

log = logging.getLogger(__name__)

BATCH: Final = 100
LANES: Final = 3
"""Batches at work at the same time: while one waits for the server, another is decided."""

FULL_S: Final = 1.0
"""How long an event waits whose job does not fit into its bot's queue."""


class Ruling(NamedTuple):
    """A delivery with the record of its decision and the token it is stored under."""

    delivery: Delivery
    token: str
    record: Record


class Board:
    """The state that all lanes of this process decide with; events of gates are not part of it."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()


class Engine:
    """Decides events. `name` goes into records, so that one knows which process decided."""

    def __init__(
        self,
        policy: Policy,
        board: Board,
        *,
        inlet: Inlet,
        ledger: Ledger,
        name: str,
    ) -> None:
        self._policy = policy
        self._board = board
        self._inlet = inlet
        self._ledger = ledger
        self._name = name

    async def run(self) -> None:
        """Decide until cancelled; what is in flight then comes again to somebody else."""
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Decide, store, queue and acknowledge a batch of events."""
        rulings = [self._rule(delivery) for delivery in deliveries]
        acks = await self._ledger.store([message_of(r.record, r.token) for r in rulings])
        settled = [
            await self._settled(ruling) if ack.conflict else ruling
            for ruling, ack in zip(rulings, acks, strict=True)
        ]
        late = await self._queue(settled)
        await self._inlet.ack([r.delivery for r in settled if r.delivery.sequence not in late])
        for ruling in settled:
            if ruling.delivery.sequence in late:
                await self._inlet.later(ruling.delivery, FULL_S)

    def _rule(self, delivery: Delivery, *, duplicate: bool = False) -> Ruling:
        stamp = stamp_of(delivery)
        token = f"seq-{delivery.sequence}" if duplicate else token_of(delivery, stamp.source)
        if duplicate:
            stamp = structs.replace(stamp, duplicate=True)
        board = self._board
        step = decide_bytes(self._policy, board.state, delivery.body, stamp, delivery.stored_at)
        board.state = State(step.state.bots, step.state.rollout)
        decision = _bots_only(step.decision)
        step = structs.replace(step, decision=decision)
        return Ruling(delivery, token, record_of(delivery, step, token, engine=self._name))

    async def _settled(self, ruling: Ruling) -> Ruling:
        """What to do about an event that was decided before: act on that, or call it a duplicate.

        The same stream sequence means that the event itself came again; another one means that
        somebody sent another event with the same id.
        """
        stored = await self._ledger.record(ruling.token)
        if stored.sequence == ruling.delivery.sequence:
            return ruling._replace(record=stored)
        copy = self._rule(ruling.delivery, duplicate=True)
        copy = copy._replace(record=structs.replace(copy.record, duplicate_of=stored.sequence))
        await self._ledger.store([message_of(copy.record, copy.token)])
        return copy

    async def _queue(self, rulings: Sequence[Ruling]) -> set[int]:
        """Queue the jobs of all rulings; the sequences of events some of whose jobs do not fit."""
        messages: list[Outgoing] = []
        owners: list[int] = []
        for ruling in rulings:
            if ruling.record.jobs:
                payload = self._payload(ruling.delivery)
                for job in jobs_of(ruling.record, ruling.delivery, ruling.token, payload=payload):
                    messages.append(work_message(job))
                    owners.append(ruling.delivery.sequence)
        acks = await self._ledger.store(messages)
        return {owner for owner, ack in zip(owners, acks, strict=True) if ack.full}

    def _payload(self, delivery: Delivery) -> object:
        """The checked payload of an event that was dispatched, so it can be decoded."""
        envelope = decode_envelope(delivery.body)
        try:
            return self._policy.events[envelope.type].reader.read(envelope.payload)
        except (KeyError, PayloadError) as error:
            # The rules changed between the stored decision and now; the decision stands.
            log.warning("engine.payload", extra={"error": str(error)})
            return envelope.payload


def _bots_only(decision: Decision) -> Decision:
    """The verdicts on bots; gates are decided where their state is (see `gatekeeper`)."""
    verdicts = tuple(v for v in decision.verdicts if not v.target.startswith("gate."))
    return structs.replace(decision, verdicts=verdicts)
