"""The worker: takes jobs from the queues of the bots it serves and sees each to its one outcome.

A job's attempt starts with a record that only one queue message may write, keeps its lease by
signs of life, publishes what the contract allows as the bot, and ends with an outcome that is
written once. Only then is the message acknowledged. What a crash leaves half done comes again
under the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct, structs

from lotabots.diagnostics import codes
from lotabots.model.envelope import encode_envelope
from lotabots.policy.contract import (
    MAX_LINES,
    ActionContract,
    Emitted,
    Job,
    Violation,
    event_of,
    finish_line,
    read_line,
)
from lotabots.policy.project_broker import ATTEMPTS, LEASE_S, OUTCOMES
from lotabots.policy.retry import delay
from lotabots.runtime.ports import ONLY_FIRST, KeepError, Outgoing, RunReport
from lotabots.runtime.record import CAUSE, HOPS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lotabots.model.bot import Bot, RetryPolicy
    from lotabots.policy.contract import Contracts
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock, Delivery, Executor, Inlet, Keep

log = logging.getLogger(__name__)

SIGN_OF_LIFE_S: Final = LEASE_S / 3
DONE, DEAD = "done", "dead"


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


class Fault(NamedTuple):
    """Why an attempt did not do its work; `final` if another attempt cannot help."""

    code: str
    reason: str
    final: bool


class Worker:
    """Runs the jobs of the bots at `desks`. `core` writes records, `key` makes event ids."""

    def __init__(
        self,
        contracts: Contracts,
        executor: Executor,
        *,
        desks: Mapping[str, Desk],
        core: Ledger,
        clock: Clock,
        key: bytes,
        name: str,
    ) -> None:
        self._contracts = contracts
        self._executor = executor
        self._desks = desks
        self._core = core
        self._clock = clock
        self._key = key
        self._name = name

    async def run(self) -> None:
        """Serve all desks until cancelled; runs under way are ended and come again."""
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
        """See one queue message to its end and acknowledge it."""
        job = _JOB.decode(delivery.body)
        if await self._is_mine(job, delivery):
            alive = asyncio.create_task(self._keep_alive(desk, delivery))
            try:
                await self._attempt(desk, job)
            finally:
                alive.cancel()
        await desk.inlet.ack([delivery])

    async def _is_mine(self, job: Job, delivery: Delivery) -> bool:
        """Whether this message is the one that may run this attempt, and the job is not over.

        A second copy of a message has another sequence; the first one's record stands.
        """
        if await self._core.last(OUTCOMES, f"lb.out.*.{job.bot}.{job.job}") is not None:
            return False
        if await self._core.last(ATTEMPTS, _attempt_subject(job, "ended")) is not None:
            return False
        subject = _attempt_subject(job, "started")
        body = {
            "job": job.job,
            "bot": job.bot,
            "action": job.action,
            "attempt": job.attempt,
            "decision": job.decision,
            "message": delivery.sequence,
            "worker": self._name,
            "at": self._now().isoformat(),
        }
        (ack,) = await self._core.store([_outgoing(subject, body, ONLY_FIRST)])
        if not ack.conflict:
            return True
        stored = await self._core.last(ATTEMPTS, subject)
        return stored is not None and msgspec.json.decode(stored.body)["message"] == (
            delivery.sequence
        )

    async def _keep_alive(self, desk: Desk, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(SIGN_OF_LIFE_S)
            await desk.inlet.working(delivery)

    async def _attempt(self, desk: Desk, job: Job) -> None:
        contract = self._contracts.get(job.bot, job.action)
        refusal = self._executor.refusal(job.bot, job.action)
        if contract is None or refusal:
            said = refusal or f"`{job.bot}` has no action `{job.action}` any more"
            fault = Fault(codes.NO_EXECUTOR.code, said, final=True)
            await self._end(desk, job, _Lines(contract), fault)
            return
        lines = _Lines(contract)

        async def on_line(raw: bytes, keep: Keep) -> None:
            emitted = await lines.take(raw, keep, job)
            if emitted is not None:
                event = event_of(emitted, job, line=lines.count, key=self._key, now=self._now())
                lines.ids.append(event.id)
                headers = {HOPS: str(job.hops + 1), CAUSE: job.job}
                body = encode_envelope(event)
                await desk.publish.store([Outgoing(f"ev.{emitted.type}", body, headers)])

        try:
            report = await self._executor.run(job, on_line=on_line)
        except Exception as error:  # a fault of ours must cost one attempt, not the worker
            log.exception("worker.run", extra={"job": job.job})
            report = RunReport(status=1, refused=f"internal error: {type(error).__name__}")
        await self._end(desk, job, lines, _fault(report, lines.violations), report)

    async def _end(
        self,
        desk: Desk,
        job: Job,
        lines: _Lines,
        fault: Fault | None,
        report: RunReport | None = None,
    ) -> None:
        """Store the outcome, or the next attempt if there is one; then that this one ended."""
        again = None
        if fault is not None and not fault.final:
            again = self._again(desk.bot.constraints.retry_policy, job)
        last = again or self._outcome(job, lines, fault)
        await self._core.store([last, self._ended(job, lines, report)])

    def _ended(self, job: Job, lines: _Lines, report: RunReport | None) -> Outgoing:
        """What happened in this attempt, whatever becomes of the job."""
        body = {
            "job": job.job,
            "bot": job.bot,
            "attempt": job.attempt,
            "report": report,
            "lines": lines.count,
            "violations": lines.violations,
            "emitted": lines.ids,
            "at": self._now().isoformat(),
        }
        return _outgoing(_attempt_subject(job, "ended"), body)

    def _outcome(self, job: Job, lines: _Lines, fault: Fault | None) -> Outgoing:
        outcome = Outcome(
            job=job.job,
            bot=job.bot,
            action=job.action,
            decision=job.decision,
            outcome="error" if fault else lines.outcome or "success",
            attempts=job.attempt,
            code=fault.code if fault else "",
            reason=fault.reason if fault else "",
            emitted=tuple(lines.ids),
            ended_at=self._now().isoformat(),
            message=job if fault else None,
        )
        kind = DEAD if fault else DONE
        either = {"Nats-Expected-Last-Subject-Sequence-Subject": f"lb.out.*.{job.bot}.{job.job}"}
        return _outgoing(f"lb.out.{kind}.{job.bot}.{job.job}", outcome, ONLY_FIRST | either)

    def _again(self, policy: RetryPolicy, job: Job) -> Outgoing | None:
        """The message that brings the next attempt when its wait is over.

        It is a schedule of the server: a waiting job holds neither a slot nor a lease.
        """
        wait = delay(policy, job.attempt, key=job.job)
        if wait is None:
            return None
        due = (self._now() + wait).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        attempt = structs.replace(job, attempt=job.attempt + 1)
        return Outgoing(
            f"lb.retry.{job.bot}.{job.job}.{attempt.attempt}",
            msgspec.json.encode(attempt),
            {"Nats-Schedule": f"@at {due}", "Nats-Schedule-Target": f"lb.due.{job.bot}"},
        )

    def _now(self) -> datetime:
        return self._clock.now()


class _Lines:
    """The output of one run so far."""

    def __init__(self, contract: ActionContract | None) -> None:
        self._contract = contract
        self.count = 0
        self.outcome = ""
        self.ids: list[str] = []
        self.violations: list[Violation] = []

    async def take(self, raw: bytes, keep: Keep, job: Job) -> Emitted | None:
        """The event that a line of output is; None if it breaks the contract."""
        self.count += 1
        if self._contract is None or self.violations:
            return None  # after one breach nothing more is believed
        if self.count > MAX_LINES:
            said = f"more than {MAX_LINES} lines of output"
            return self._refuse(Violation(codes.OUTPUT_MALFORMED.code, self.count, said))
        line = read_line(self._contract, raw, number=self.count)
        if isinstance(line, Violation):
            return self._refuse(line)
        try:
            stored = tuple([await keep(artifact) for artifact in line.artifacts])
        except KeepError as error:
            return self._refuse(Violation(codes.ARTIFACT_INVALID.code, self.count, str(error)))
        emitted = finish_line(self._contract, line, job, stored=stored, number=self.count)
        if isinstance(emitted, Violation):
            return self._refuse(emitted)
        self.outcome = emitted.outcome
        return emitted

    def _refuse(self, violation: Violation) -> Emitted | None:
        self.violations.append(violation)
        return None


def _fault(report: RunReport, violations: list[Violation]) -> Fault | None:
    """What was wrong with a run. Only what another attempt may cure is not final."""
    if report.refused:
        return Fault(codes.SANDBOX_REFUSED.code, report.refused, final=False)
    if violations:
        first = violations[0]
        said = f"line {first.line}: {first.reason}"
        return Fault(first.code, said, final=True)
    if report.limit:
        return Fault(codes.RUN_LIMITED.code, f"limit `{report.limit}` exceeded", final=False)
    if report.status:
        return Fault(codes.RUN_FAILED.code, f"exit status {report.status}", final=False)
    return None


def _attempt_subject(job: Job, what: str) -> str:
    return f"lb.att.{job.bot}.{job.job}.{job.attempt}.{what}"


def _outgoing(subject: str, body: object, headers: Mapping[str, str] | None = None) -> Outgoing:
    return Outgoing(subject, msgspec.json.encode(body), headers)


_JOB: Final = msgspec.json.Decoder(Job)
