"""The worker: takes jobs from the queues of the bots it serves and sees each to its one outcome.

An attempt is claimed by a record that only one queue message may write, keeps its lease by signs
of life, and is over with a second record that is written once. What becomes of the job (another
attempt, or its outcome) is in that record. Killed anywhere, the message comes again and whoever
gets it goes on after the last record that was written.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct, structs

from lotabots.diagnostics import codes
from lotabots.policy.breaker import Signal
from lotabots.policy.contract import Job
from lotabots.policy.project_broker import ATTEMPTS
from lotabots.policy.retry import delay
from lotabots.runtime.attempt import Ended, Fault, Lines, Result
from lotabots.runtime.ports import ONLY_FIRST, Outgoing
from lotabots.runtime.record import scheduled_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime, timedelta

    from lotabots.model.bot import Bot
    from lotabots.runtime.attempt import Runner
    from lotabots.runtime.guard import Guard
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock, Delivery, Inlet
    from lotabots.runtime.switches import Stop

SIGNS_OF_LIFE: Final = 3
"""How many in the time of a lease: two may be lost."""

HELD_S: Final = 0.5
"""How often a job that was taken for a bot that begins nothing asks again."""

DONE, DEAD = "done", "dead"


class Claim(Struct, frozen=True, kw_only=True):
    """The record that an attempt began: `message` is the queue message that may run it."""

    job: str
    bot: str
    action: str
    attempt: int
    decision: str
    message: int
    worker: str
    at: str


class Outcome(Struct, frozen=True, kw_only=True):
    """How a job ended for good: CDEvents' outcome, and where it did not succeed, why.

    `emitted` are the ids of the events it published. A dead letter holds the whole job in
    `message`, so that it can be run again.
    """

    job: str
    bot: str
    action: str
    decision: str
    outcome: str
    attempts: int
    code: str = ""
    reason: str = ""
    emitted: tuple[str, ...] = ()
    ended_at: str = ""
    message: Job | None = None


class Desk(NamedTuple):
    """What serving one bot takes: its rules, its queue, and its own connection to publish on."""

    bot: Bot
    inlet: Inlet
    publish: Ledger


class Limits(NamedTuple):
    """The lease of a queue message in seconds, and the age at which no event is waited for."""

    lease: float
    max_age: timedelta


class Halt(Protocol):
    """Knows which bots begin nothing for now."""

    async def stop(self, bot: Bot, /) -> Stop | None:
        """Why `bot` begins nothing now; None if it may."""
        ...


class Worker:
    """Serves the bots at `desks`; `core` writes records."""

    def __init__(
        self,
        runner: Runner,
        guard: Guard,
        halt: Halt,
        *,
        desks: Mapping[str, Desk],
        core: Ledger,
        clock: Clock,
        name: str,
        limits: Limits,
    ) -> None:
        self._runner = runner
        self._guard = guard
        self._halt = halt
        self._desks = desks
        self._core = core
        self._clock = clock
        self._name = name
        self._limits = limits
        self._at_work: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> None:
        """Serve all desks until cancelled; runs under way are ended and given back."""
        async with asyncio.TaskGroup() as desks:
            for desk in self._desks.values():
                desks.create_task(self._serve(desk))

    async def _serve(self, desk: Desk) -> None:
        """Take a job whenever one of the bot's slots is free; the queue's limit is fleet-wide."""
        slots = asyncio.Semaphore(desk.bot.constraints.max_concurrent_jobs)
        async with asyncio.TaskGroup() as runs:
            while True:
                await slots.acquire()
                (delivery,) = await desk.inlet.take(1)
                run = runs.create_task(self.handle(desk, delivery))
                run.add_done_callback(lambda _run: slots.release())

    async def handle(self, desk: Desk, delivery: Delivery) -> None:
        """See one queue message to its end and acknowledge it; cancelled, give it back at once."""
        job = _JOB.decode(delivery.body)
        try:
            # A message that comes again while its run goes on here waits for the end of that run.
            alone = self._at_work.setdefault((job.job, job.attempt), asyncio.Lock())
            async with self._lease(desk.inlet, delivery), alone:
                done = await self._see_through(desk, job, delivery)
        except asyncio.CancelledError:
            await desk.inlet.later(delivery, 0)
            raise
        if done:
            await desk.inlet.ack([delivery])
        else:
            await desk.inlet.later(delivery, self._limits.lease)

    @contextlib.asynccontextmanager
    async def _lease(self, inlet: Inlet, delivery: Delivery) -> AsyncIterator[None]:
        async def keep() -> None:
            while True:
                await asyncio.sleep(self._limits.lease / SIGNS_OF_LIFE)
                await inlet.working(delivery)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()

    async def _see_through(self, desk: Desk, job: Job, delivery: Delivery) -> bool:
        """Whether all was done that this message asks for; it has to come again if not."""
        fault = await self._held(desk.bot, job)
        until = None if fault else await self._guard.closed_until(desk.bot)
        if until is not None and await self._claim_of(job, delivery) is not None:
            until = None  # it began before the breaker opened, and no other message may go on
        if until is not None and self._lasts(job, until):
            await self._core.store([scheduled_message(job, until)])
            return True
        if until is not None:
            said = f"the breaker of `{job.bot}` is open for longer than the event lasts"
            fault = Fault(codes.BREAKER_OPEN.code, said)
        if await self._claim(job, delivery):
            await self._attempt(desk, job, fault)
        elif (ended := await self._last_ended(job)) is not None:
            await self._settle(job, ended)
        elif (claim := await self._claim_of(job, delivery)) is not None:
            if claim.worker != self._name and desk.inlet.unsettled(self._limits.lease):
                # It may run there still, and the server that knew may be dead. Its signs of life
                # keep this message away; without any, it comes back when a lease has passed.
                return False
            await self._attempt(desk, job, fault)
        # Otherwise another message holds the claim, and this one is a copy of it.
        return True

    async def _held(self, bot: Bot, job: Job) -> Fault | None:
        """Wait while `bot` begins nothing; a fault if that goes on for longer than the event lasts.

        The message is kept for as long, and the lease with it. What is over needs no waiting.
        """
        while (stop := await self._halt.stop(bot)) is not None:
            if not self._lasts(job, self._now()):
                return Fault(stop.code, f"{stop.reason}, for longer than the event lasts")
            if await self._last_ended(job) is not None:
                break
            await asyncio.sleep(HELD_S)
        return None

    def _lasts(self, job: Job, until: datetime) -> bool:
        return until <= job.event.timestamp + self._limits.max_age

    async def _claim(self, job: Job, delivery: Delivery) -> bool:
        """Whether this attempt begins now, with this message."""
        claim = Claim(
            job=job.job,
            bot=job.bot,
            action=job.action,
            attempt=job.attempt,
            decision=job.decision,
            message=delivery.sequence,
            worker=self._name,
            at=self._now().isoformat(),
        )
        (ack,) = await self._core.store([_outgoing(_subject(job, "started"), claim, ONLY_FIRST)])
        return not ack.conflict

    async def _claim_of(self, job: Job, delivery: Delivery) -> Claim | None:
        """The claim on this attempt, if it was made with this message."""
        stored = await self._core.last(ATTEMPTS, _subject(job, "started"))
        claim = _CLAIM.decode(stored.body) if stored is not None else None
        return claim if claim is not None and claim.message == delivery.sequence else None

    async def _last_ended(self, job: Job) -> Ended | None:
        stored = await self._core.last(ATTEMPTS, _subject(job, "ended"))
        return _ENDED.decode(stored.body) if stored is not None else None

    async def _attempt(self, desk: Desk, job: Job, fault: Fault | None) -> None:
        """Run, publish what was said, record the end; then act on the record that stands.

        With a `fault` that was there before, nothing is run.
        """
        if fault is not None:
            result = Result(None, Lines(None), fault)
        else:
            result = await self._runner.run(job)
            await desk.publish.store(result.events)
        ended = self._ended(desk.bot, job, result)
        (ack,) = await self._core.store([_outgoing(_subject(job, "ended"), ended, ONLY_FIRST)])
        if ack.conflict:
            ended = await self._last_ended(job) or ended
        elif result.report is not None:
            await self._guard.tell(desk.bot, Signal.ERROR if result.fault else Signal.SUCCESS)
        await self._settle(job, ended)

    def _ended(self, bot: Bot, job: Job, result: Result) -> Ended:
        now, fault = self._now(), result.fault
        wait = None
        if fault is not None and not fault.final:
            wait = delay(bot.constraints.retry_policy, job.attempt, key=job.job)
        return Ended(
            job=job.job,
            bot=job.bot,
            attempt=job.attempt,
            worker=self._name,
            report=result.report,
            lines=result.lines.count,
            violations=tuple(result.lines.violations),
            emitted=result.ids,
            outcome="error" if fault else result.lines.outcome,
            code=fault.code if fault else "",
            reason=fault.reason if fault else "",
            retry_at=now + wait if wait is not None else None,
            at=now,
        )

    async def _settle(self, job: Job, ended: Ended) -> None:
        """Store what follows from the end of an attempt; doing it twice is doing it once."""
        if ended.retry_at is None:
            await self._core.store([_outcome_message(job, ended)])
            return
        again = structs.replace(job, attempt=job.attempt + 1)
        await self._core.store([scheduled_message(again, ended.retry_at)])

    def _now(self) -> datetime:
        return self._clock.now()


def _outcome_message(job: Job, ended: Ended) -> Outgoing:
    outcome = Outcome(
        job=job.job,
        bot=job.bot,
        action=job.action,
        decision=job.decision,
        outcome=ended.outcome,
        attempts=job.attempt,
        code=ended.code,
        reason=ended.reason,
        emitted=ended.emitted,
        ended_at=ended.at.isoformat(),
        message=job if ended.code else None,
    )
    kind = DEAD if ended.code else DONE
    either = {"Nats-Expected-Last-Subject-Sequence-Subject": f"lb.out.*.{job.bot}.{job.job}"}
    return _outgoing(f"lb.out.{kind}.{job.bot}.{job.job}", outcome, ONLY_FIRST | either)


def _subject(job: Job, what: str) -> str:
    return f"lb.att.{job.bot}.{job.job}.{job.attempt}.{what}"


def _outgoing(subject: str, body: object, headers: Mapping[str, str] | None = None) -> Outgoing:
    return Outgoing(subject, msgspec.json.encode(body), headers)


_JOB: Final = msgspec.json.Decoder(Job)
_CLAIM: Final = msgspec.json.Decoder(Claim)
_ENDED: Final = msgspec.json.Decoder(Ended)
