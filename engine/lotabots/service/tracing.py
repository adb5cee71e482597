"""What an event led to, found by look-ups: decisions by token, attempts and outcomes by job.

Only what has no subject is read through: events that nobody has decided yet, what the gates
emitted that an event was fed to, for a job that waits and never began, the decisions, and for the
id of a commit, the pushes.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from msgspec import Raw, Struct

from lotabots.policy.contract import event_token
from lotabots.policy.project_broker import (
    ATTEMPTS,
    CONTROL,
    DECISIONS,
    EVENTS,
    OUTCOMES,
    source_of,
)
from lotabots.runtime.record import CAUSE, read_record
from lotabots.service.answers import VERSION, UnknownIdError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from lotabots.runtime.ports import Delivery, Stored
    from lotabots.runtime.record import Record

MAX_ROWS: Final = 500
MAX_SHOWN: Final = 16 * 1024
"""Longest payload, in bytes, that an answer shows."""

AT_ONCE: Final = 50
"""Look-ups under way at the same time."""

MAX_PUSHES: Final = 10
"""How many pushes of one commit are followed, the newest."""

_GATE: Final = "gate."
_PUSHES: Final = "lb.ev.*.*.change.pushed"
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}", re.ASCII)
_TOKEN: Final = re.compile(r"[0-9a-f]{64}|seq-[0-9]+", re.ASCII)
_JOB: Final = re.compile(r"[0-9a-f]{32}(-again)*", re.ASCII)


class Streams(Protocol):
    """What streams hold, and how far the engines are.

    Every method raises BusError if there is no answer.
    """

    async def last(self, stream: str, subject: str, /) -> Stored | None:
        """The newest message of `stream` on `subject` (wildcards work), if there is one."""
        ...

    async def following(self, stream: str, subject: str, sequence: int, /) -> Stored | None:
        """The first message on `subject` at or after `sequence`, if there is one."""
        ...

    async def subjects(self, stream: str, pattern: str, /) -> Iterable[str]:
        """The subjects that `stream` has messages on."""
        ...

    async def undecided(self) -> int:
        """The first sequence of the events that may have no decision yet."""
        ...

    def all(self, stream: str, subject: str, *, first: int = 1) -> AsyncGenerator[Delivery, None]:
        """The messages of `stream` on `subject` from sequence `first` to the end of now."""
        ...


class Tracer:
    """Follows events through what is stored about them."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def trace(self, wanted: str) -> dict[str, Any]:
        """Everything that one event led to, as a list of spans, causes before what they caused.

        `wanted` is the event's id, token or sequence, or the id of one of its jobs. It may also
        be a commit, in full or its first 7 digits or more: then all its pushes are meant. `asked`
        has the tokens of the events that `wanted` names. The list ends at `MAX_ROWS`; `left_out`
        events were not followed then.

        Raises:
            UnknownIdError: there is no such event or job.
            BusError: no answer.
        """
        todo, done = await self._start(wanted), set[str]()
        asked = [event["token"] for event in todo]
        spans: list[dict[str, Any]] = []
        while todo and len(spans) < MAX_ROWS:
            event = todo.pop(0)
            if event["token"] in done:
                continue
            done.add(event["token"])
            spans.append(event)
            for job in await self._jobs_of(event):
                spans.append(job)
                todo += await self._emitted_by(job)
            todo += await self._completed_by(event)
        return {"version": VERSION, "spans": spans, "left_out": len(todo), "asked": asked}

    async def _start(self, wanted: str) -> list[dict[str, Any]]:
        found = (
            await self._event_called(wanted)
            or await self._event_of_token(wanted)
            or await self._event_of_job(wanted)
            or (await self._event_at(int(wanted)) if _is_sequence(wanted) else None)
            or await self._undecided_event(wanted)
        )
        if found is not None:
            return [found]
        if not _COMMIT.fullmatch(wanted):
            raise UnknownIdError(f"no event and no job is called `{wanted}`")
        pushes = await self._pushes_of(wanted)
        if not pushes:
            raise UnknownIdError(
                f"no event and no job is called `{wanted}`, and no `change.pushed` is of such a "
                "commit; pushes are announced of the `repositories` in lotabots.yaml, from the "
                "service's first start on"
            )
        return pushes

    async def _event_called(self, name: str) -> dict[str, Any] | None:
        """The first event with the id `name`, of whichever source."""
        subjects = await self._streams.subjects(EVENTS, "lb.ev.>")
        sources = sorted({source_of(subject) for subject in subjects})
        tokens = [event_token(source, name) for source in sources]
        records = [record for record in await self._records(tokens) if record is not None]
        first = min(records, key=lambda record: record.sequence, default=None)
        return await self._event_at(first.sequence) if first else None

    async def _event_of_token(self, token: str) -> dict[str, Any] | None:
        if not _TOKEN.fullmatch(token):
            return None
        record = await self._record(token)
        return await self._event_at(record.sequence) if record else None

    async def _event_of_job(self, job: str) -> dict[str, Any] | None:
        """The event that a job was given out for. One that never began takes a longer look."""
        if not _JOB.fullmatch(job):
            return None
        for stream, subject in (
            (ATTEMPTS, f"lb.att.*.{job}.*.started"),
            (OUTCOMES, f"lb.out.*.*.{job}"),
        ):
            stored = await self._streams.last(stream, subject)
            if stored is not None:
                return await self._event_of_token(_DECIDED.decode(stored.body).decision)
        async with aclosing(self._streams.all(DECISIONS, "lb.dec.*")) as decisions:
            async for delivery in decisions:
                if job.encode() in delivery.body:
                    return await self._event_at(read_record(delivery.body).sequence)
        return None

    async def _event_at(self, sequence: int) -> dict[str, Any] | None:
        stored = await self._streams.following(EVENTS, "lb.ev.>", sequence)
        if stored is None or stored.sequence != sequence:
            return None  # older than what the stream keeps
        return await self._event_row(stored)

    async def _undecided_event(self, wanted: str) -> dict[str, Any] | None:
        """An event that no engine has come to yet."""
        first = await self._streams.undecided()
        async with aclosing(self._streams.all(EVENTS, "lb.ev.>", first=first)) as events:
            async for delivery in events:
                row = await self._event_row(delivery)
                if wanted in (row["id"], row["token"]):
                    return row
        return None

    async def _pushes_of(self, commit: str) -> list[dict[str, Any]]:
        """The newest events that say that a commit, whose id begins so, was pushed, by time."""
        found: deque[Delivery] = deque(maxlen=MAX_PUSHES)
        async with aclosing(self._streams.all(EVENTS, _PUSHES)) as pushes:
            async for delivery in pushes:
                if _commit(delivery.body).startswith(commit):
                    found.append(delivery)
        return [await self._event_row(delivery) for delivery in found]

    async def _jobs_of(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """The jobs of an event; its row learns what was decided, and by the gates too."""
        rows = []
        for subject in (f"lb.dec.{event['token']}", f"lb.dec.{event['token']}.gates"):
            found = await self._streams.last(DECISIONS, subject)
            if found is None:
                continue
            record = read_record(found.body)
            event.setdefault("verdicts", []).extend(
                msgspec.json.decode(record.decision)["verdicts"]
            )
            event["decided_at"] = found.stored_at.isoformat()
            for ref in record.jobs:
                rows += await self._job_rows(
                    {
                        "job": ref.job,
                        "bot": ref.bot,
                        "action": ref.action,
                        "event": event["token"],
                    },
                    at=event["decided_at"],
                )
        return rows

    async def _job_rows(self, ref: dict[str, str], *, at: str) -> list[dict[str, Any]]:
        """The row of a job, and that of the same job once it was redriven."""
        bot, job = ref["bot"], ref["job"]
        row: dict[str, Any] = {"kind": "job", **ref, "at": at, "attempts": []}
        sequence = 0
        while found := await self._streams.following(
            ATTEMPTS, f"lb.att.{bot}.{job}.>", sequence + 1
        ):
            said = {"subject": found.subject, "at": found.stored_at.isoformat()}
            row["attempts"].append(said | msgspec.json.decode(found.body))
            sequence = found.sequence
        outcome = await self._streams.last(OUTCOMES, f"lb.out.*.{bot}.{job}")
        if outcome is None:
            return [row]
        row["outcome"] = msgspec.json.decode(outcome.body)
        row["ended_at"] = outcome.stored_at.isoformat()
        if not row["outcome"].get("code"):
            return [row]
        again = await self._streams.last(CONTROL, f"lb.ctl.engine.redrive.{job}")
        if again is None:
            return [row]
        name = msgspec.json.decode(again.body)["again"]
        return [row, *await self._job_rows(ref | {"job": name}, at=again.stored_at.isoformat())]

    async def _emitted_by(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The events that a job published; what is not decided yet is not followed."""
        names = [name for attempt in job["attempts"] for name in attempt.get("emitted", ())]
        records = await self._records([event_token(job["bot"], name) for name in names])
        rows = [await self._event_at(record.sequence) for record in records if record]
        return [row for row in rows if row is not None]

    async def _completed_by(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """What the gates emitted that the event is a part of: one event of each, at most."""
        gates = {verdict["target"] for verdict in event.get("verdicts", ())}
        rows = []
        for gate in sorted(gate for gate in gates if gate.startswith(_GATE)):
            row = await self._emitted_because(gate, event)
            rows += [row] if row else []
        return rows

    async def _emitted_because(self, gate: str, event: dict[str, Any]) -> dict[str, Any] | None:
        subject = f"lb.ev.{gate}.>"
        events = self._streams.all(EVENTS, subject, first=event["sequence"] + 1)
        async with aclosing(events):
            async for delivery in events:
                if event["id"] in delivery.headers.get(CAUSE, "").split():
                    return await self._event_row(delivery)
        return None

    async def _records(self, tokens: Sequence[str]) -> list[Record | None]:
        found: list[Record | None] = []
        for at in range(0, len(tokens), AT_ONCE):
            some = tokens[at : at + AT_ONCE]
            found += await asyncio.gather(*(self._record(token) for token in some))
        return found

    async def _record(self, token: str) -> Record | None:
        stored = await self._streams.last(DECISIONS, f"lb.dec.{token}")
        return read_record(stored.body) if stored else None

    async def _event_row(self, stored: Delivery | Stored) -> dict[str, Any]:
        source, name = source_of(stored.subject), _envelope_id(stored.body)
        token = event_token(source, name) if name else f"seq-{stored.sequence}"
        record = await self._record(token)
        if record is not None and record.sequence != stored.sequence:
            token = f"seq-{stored.sequence}"  # another event has this id
        return {
            "kind": "event",
            "id": name,
            "token": token,
            "sequence": stored.sequence,
            "type": stored.subject.split(".", 4)[4],
            "source": source,
            "at": stored.stored_at.isoformat(),
            "causes": stored.headers.get(CAUSE, "").split(),
            "payload": _payload(stored.body),
        }


def _is_sequence(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:20]) < 2**63


def _envelope_id(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _commit(body: bytes) -> str:
    """The commit that a ``change.pushed`` is of; empty if it says none."""
    try:
        return msgspec.json.decode(body, type=_Pushed).payload.change.id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _payload(body: bytes) -> Raw | None:
    """The payload of an event, if it is short enough to be shown."""
    try:
        payload = msgspec.json.decode(body, type=_Carrying).payload
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return payload if len(payload) <= MAX_SHOWN else None


class _Named(Struct):
    id: str


class _Carrying(Struct):
    payload: Raw


class _Change(Struct):
    id: str


class _Changed(Struct):
    change: _Change


class _Pushed(Struct):
    payload: _Changed


class _Decided(Struct):
    decision: str


_DECIDED: Final = msgspec.json.Decoder(_Decided)
