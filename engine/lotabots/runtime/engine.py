"""The engine: takes events, stores one decision for each, queues the jobs it gives out.

Any number of engines share one durable consumer. The order is always: store the decision (compare
and swap), queue its jobs, acknowledge the event. Killed anywhere in between, the event comes
again, the stored decision is found, and the same jobs are queued under the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import structs

from lotabots.policy.decision import StartJob
from lotabots.policy.payload import PayloadError
from lotabots.policy.state import State
from lotabots.runtime.record import (
    Record,
    decided,
    jobs_of,
    message_of,
    record_of,
    stamp_of,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.model.envelope import Envelope, Stamp
    from lotabots.policy.contract import Job
    from lotabots.policy.decision import Decision
    from lotabots.policy.rules import Policy
    from lotabots.runtime.dispatcher import Dispatcher
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Delivery, Inlet

log = logging.getLogger(__name__)

BATCH: Final = 100
LANES: Final = 3
"""Batches at work at the same time: while one waits for the server, another is decided."""


class Ruling(NamedTuple):
    """A delivery with the record of its decision and the token it is stored under.

    `envelope` and `payload` are what the decision was made on, where there is a job to give out.
    """

    delivery: Delivery
    stamp: Stamp
    token: str
    record: Record
    envelope: Envelope | None
    payload: Any = None


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
        dispatcher: Dispatcher,
        name: str,
    ) -> None:
        self._policy = policy
        self._board = board
        self._inlet = inlet
        self._ledger = ledger
        self._dispatcher = dispatcher
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
        await self._dispatcher.queue([job for ruling in settled for job in self._jobs(ruling)])
        await self._inlet.ack(deliveries)

    def _rule(self, delivery: Delivery, *, duplicate: bool = False) -> Ruling:
        stamp = stamp_of(delivery)
        if duplicate:
            stamp = structs.replace(stamp, duplicate=True)
        board = self._board
        step, envelope = decided(self._policy, board.state, delivery, stamp)
        decision = step.decision
        if step.state is not board.state:
            board.state = State(step.state.bots, step.state.rollout, said=step.state.said)
        token = token_of(stamp.source, "" if duplicate else decision.event_id, delivery.sequence)
        jobs: list[StartJob] = []
        if step.effects:
            jobs = [effect for effect in step.effects if type(effect) is StartJob]
        decision = _bots_only(decision)
        record = record_of(delivery, decision, jobs, token=token, engine=self._name)
        payload = jobs[0].payload if jobs else None
        return Ruling(delivery, stamp, token, record, envelope, payload)

    async def _settled(self, ruling: Ruling) -> Ruling:
        """What to do about an event that was decided before: act on that, or call it a duplicate.

        The same stream sequence means that the event itself came again; another one means that
        somebody sent another event with the same id.
        """
        stored = await self._ledger.record(ruling.token)
        if stored.sequence == ruling.delivery.sequence:
            return ruling._replace(record=stored, payload=None)
        copy = self._rule(ruling.delivery, duplicate=True)
        copy = copy._replace(record=structs.replace(copy.record, duplicate_of=stored.sequence))
        await self._ledger.store([message_of(copy.record, copy.token)])
        return copy

    def _jobs(self, ruling: Ruling) -> list[Job]:
        if not ruling.record.jobs or ruling.envelope is None:
            return []
        payload = ruling.payload or self._payload(ruling.envelope)
        return jobs_of(
            ruling.record, ruling.envelope, ruling.stamp, token=ruling.token, payload=payload
        )

    def _payload(self, envelope: Envelope) -> object:
        """The checked payload of an event that was dispatched before."""
        try:
            return self._policy.events[envelope.type].reader.read(envelope.payload)
        except (KeyError, PayloadError) as error:
            # The rules changed between the stored decision and now; the decision stands.
            log.warning("engine.payload", extra={"error": str(error)})
            return envelope.payload


def _bots_only(decision: Decision) -> Decision:
    """The verdicts on bots; gates are decided where their state is (see `gatekeeper`)."""
    for verdict in decision.verdicts:
        if verdict.target.startswith("gate."):
            verdicts = tuple(v for v in decision.verdicts if not v.target.startswith("gate."))
            return structs.replace(decision, verdicts=verdicts)
    return decision
