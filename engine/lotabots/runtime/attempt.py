"""One attempt of a job: run it, believe its output line by line, say how it ended.

A run's events are held until it has ended well, and published all or not at all: an attempt that
fails leaves nothing behind that the next one would say again.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from lotabots.diagnostics import codes
from lotabots.model.envelope import encode_envelope
from lotabots.policy.contract import (
    MAX_LINES,
    ActionContract,
    Emitted,
    Job,
    Violation,
    check_tool,
    event_of,
    finish_line,
    read_line,
)
from lotabots.runtime.ports import KeepError, Outgoing, RunReport
from lotabots.runtime.record import CAUSE, HOPS

if TYPE_CHECKING:
    from lotabots.policy.contract import Contracts
    from lotabots.runtime.ports import Clock, Executor, Keep

log = logging.getLogger(__name__)


class Fault(NamedTuple):
    """Why an attempt did not do its work; `final` if another attempt cannot help."""

    code: str
    reason: str
    final: bool = True


class Ended(Struct, frozen=True, kw_only=True):
    """The record that an attempt is over, written once; what becomes of the job follows from it.

    `code` and `reason` say what was wrong, if anything was; `retry_at` is when the next attempt
    is due, if there is one. `emitted` are the ids of the events it published.
    """

    job: str
    bot: str
    attempt: int
    worker: str
    report: RunReport | None = None
    lines: int = 0
    violations: tuple[Violation, ...] = ()
    emitted: tuple[str, ...] = ()
    outcome: str = "success"
    code: str = ""
    reason: str = ""
    retry_at: datetime | None = None
    at: datetime


class Result(NamedTuple):
    """What came of a run: its report, what it said, what was wrong; events only if nothing was."""

    report: RunReport | None
    lines: Lines
    fault: Fault | None
    events: tuple[Outgoing, ...] = ()
    ids: tuple[str, ...] = ()


class Runner:
    """Runs attempts. `key` is the secret from which the ids of events are made."""

    def __init__(
        self, contracts: Contracts, executor: Executor, *, clock: Clock, key: bytes
    ) -> None:
        self._contracts = contracts
        self._executor = executor
        self._clock = clock
        self._key = key

    async def run(self, job: Job) -> Result:
        """Run `job` once. Whatever goes wrong is in the result."""
        contract = self._contracts.get(job.bot, job.action)
        refusal = self._executor.refusal(job.bot, job.action)
        lines = Lines(contract)
        if contract is None or refusal:
            said = refusal or f"`{job.bot}` has no action `{job.action}` any more"
            return Result(None, lines, Fault(codes.NO_EXECUTOR.code, said))

        async def on_line(raw: bytes, keep: Keep) -> None:
            await lines.take(raw, keep, job)

        try:
            report = await self._executor.run(job, on_line=on_line)
        except Exception as error:  # a fault of ours must cost one attempt, not the worker
            log.exception("worker.run", extra={"job": job.job})
            report = RunReport(status=1, refused=f"internal error: {type(error).__name__}")
        if not report.status:
            lines.check_tools(report.tool)
        fault = fault_of(report, lines.violations)
        if fault is not None:
            return Result(report, lines, fault)
        return self._said(job, report, lines)

    def _said(self, job: Job, report: RunReport, lines: Lines) -> Result:
        """The events of a run that ended well."""
        now = self._clock.now()
        headers = {HOPS: str(job.hops + 1), CAUSE: job.job}
        events: list[Outgoing] = []
        ids: list[str] = []
        for number, emitted in enumerate(lines.emitted, start=1):
            event = event_of(emitted, job, line=number, key=self._key, now=now)
            named = headers | {"Nats-Msg-Id": event.id}
            events.append(Outgoing(f"ev.{emitted.type}", encode_envelope(event), named))
            ids.append(event.id)
        return Result(report, lines, None, tuple(events), tuple(ids))


class Lines:
    """The output of one run so far. After one breach of the contract nothing more is believed."""

    def __init__(self, contract: ActionContract | None) -> None:
        self._contract = contract
        self.count = 0
        self.emitted: list[Emitted] = []
        self.violations: list[Violation] = []

    @property
    def outcome(self) -> str:
        """The outcome that the last line says."""
        return (self.emitted[-1].outcome if self.emitted else "") or "success"

    async def take(self, raw: bytes, keep: Keep, job: Job) -> None:
        """Read one more line."""
        self.count += 1
        if self._contract is None or self.violations:
            return
        found = await self._read(self._contract, raw, keep=keep, job=job)
        if isinstance(found, Violation):
            self.violations.append(found)
        else:
            self.emitted.append(found)

    def check_tools(self, toolbox: str) -> None:
        """A run that is over had this toolbox: no line may name another one."""
        for number, emitted in enumerate(self.emitted, start=1):
            found = check_tool(emitted, toolbox, number=number)
            if found is not None and not self.violations:
                self.violations.append(found)

    async def _read(
        self, contract: ActionContract, raw: bytes, *, keep: Keep, job: Job
    ) -> Emitted | Violation:
        if self.count > MAX_LINES:
            said = f"more than {MAX_LINES} lines of output"
            return Violation(codes.OUTPUT_MALFORMED.code, self.count, said)
        line = read_line(contract, raw, number=self.count)
        if isinstance(line, Violation):
            return line
        try:
            stored = tuple([await keep(artifact) for artifact in line.artifacts])
        except KeepError as error:
            return Violation(codes.ARTIFACT_INVALID.code, self.count, str(error))
        return finish_line(contract, line, job, stored=stored, number=self.count)


def fault_of(report: RunReport, violations: list[Violation]) -> Fault | None:
    """What was wrong with a run. Only what another attempt may cure is not final."""
    if report.refused:
        return Fault(codes.SANDBOX_REFUSED.code, report.refused, final=False)
    if violations:
        first = violations[0]
        return Fault(first.code, f"line {first.line}: {first.reason}")
    if report.limit:
        return Fault(codes.RUN_LIMITED.code, f"limit `{report.limit}` exceeded", final=False)
    if report.status:
        return Fault(codes.RUN_FAILED.code, f"exit status {report.status}", final=False)
    return None
