"""The service's questions and answers: status, trace, why, dead letters, redrive.

Operators have no right to read streams; they ask on ``lb.api.<verb>`` and get JSON. Every question
is bounded, and every answer says what it left out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct, structs

from lotabots.policy.contract import Job, event_token
from lotabots.policy.project_broker import (
    ATTEMPTS,
    CONTROL,
    DECISIONS,
    EVENTS,
    OUTCOMES,
    RETRY,
    WORK,
    source_of,
)
from lotabots.runtime.guard import breaker_subject, read_note
from lotabots.runtime.ports import ONLY_FIRST, BusError, Outgoing
from lotabots.runtime.record import CAUSE, read_record
from lotabots.runtime.worker import Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from lotabots.adapters.nats.scan import Scanner
    from lotabots.runtime.dispatcher import Dispatcher
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock

log = logging.getLogger(__name__)

QUEUE: Final = "api"
MAX_ROWS: Final = 500
MAX_SHOWN: Final = 16 * 1024
"""Longest payload, in bytes, that an answer shows."""

_API_TIMEOUT_S: Final = 5.0


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be asked about: an event or job id, or nothing."""

    id: str = ""


class UnknownIdError(Exception):
    """Nothing is known under that id."""


class Api:
    """Answers the questions of operators."""

    def __init__(
        self,
        client: Client,
        *,
        scanner: Scanner,
        ledger: Ledger,
        dispatcher: Dispatcher,
        clock: Clock,
        about: dict[str, Any],
    ) -> None:
        self._client = client
        self._scanner = scanner
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._clock = clock
        self._about = about
        self._verbs: dict[str, Callable[[str], Awaitable[Any]]] = {
            "status": self._status,
            "trace": self._trace,
            "dlq": self._dead_letters,
            "redrive": self._redrive,
        }

    async def start(self) -> None:
        """Answer from now on; engines share the questions."""
        await self._client.subscribe("lb.api.*", queue=QUEUE, cb=self._on_question)

    async def _on_question(self, message: Msg) -> None:
        verb = message.subject.rpartition(".")[2]
        try:
            question = msgspec.json.decode(message.data or b"{}", type=Question)
            answer = {"ok": await self._verbs[verb](question.id)}
        except UnknownIdError as error:
            answer = {"unknown": str(error)}
        except KeyError:
            answer = {"error": f"no such question: {verb[:32]}"}
        except (BusError, msgspec.MsgspecError) as error:
            answer = {"error": str(error)}
        if message.reply:
            await self._client.publish(message.reply, msgspec.json.encode(answer))

    async def _status(self, _id: str) -> dict[str, Any]:
        counts = {}
        for stream in (EVENTS, DECISIONS, WORK, ATTEMPTS, OUTCOMES):
            counts[stream] = (await self._stream(stream))["state"]["messages"]
        queues = (await self._stream(WORK, {"subjects_filter": ">"}))["state"].get("subjects") or {}
        dead = (await self._stream(OUTCOMES, {"subjects_filter": "lb.out.dead.>"}))["state"]
        return {
            **self._about,
            "at": self._clock.now().isoformat(),
            "messages": counts,
            "queued": {subject.rpartition(".")[2]: n for subject, n in sorted(queues.items())},
            "dead_letters": len(dead.get("subjects") or {}),
            "waiting": await self._waiting(),
            "breakers": await self._breakers(),
        }

    async def _waiting(self) -> dict[str, int]:
        """Jobs outside the queues: those that pause before an attempt, or found the queue full."""
        info = await self._stream(RETRY, {"subjects_filter": ">"})
        waiting: dict[str, int] = {}
        for subject, count in sorted((info["state"].get("subjects") or {}).items()):
            bot = subject.split(".")[2]
            waiting[bot] = waiting.get(bot, 0) + count
        return waiting

    async def _breakers(self) -> dict[str, str]:
        """The phase of every breaker that ever moved."""
        info = await self._stream(CONTROL, {"subjects_filter": breaker_subject("*")})
        phases = {}
        for subject in sorted(info["state"].get("subjects") or {}):
            stored = await self._ledger.last(CONTROL, subject)
            if stored is not None:
                note = read_note(stored.body)
                phases[note.bot] = str(note.breaker.phase)
        return phases

    async def _stream(self, name: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                f"$JS.API.STREAM.INFO.{name}",
                msgspec.json.encode(request or {}),
                timeout=_API_TIMEOUT_S,
            )
        except Exception as error:  # nats-py's errors share no useful base
            raise BusError(f"asking about {name}: {str(error) or 'no answer'}") from error
        said: dict[str, Any] = msgspec.json.decode(answer.data)
        if refusal := said.get("error"):
            raise BusError(f"asking about {name}: {refusal.get('description')}")
        return said

    async def _trace(self, wanted: str) -> dict[str, Any]:
        """Everything that one event led to, as a list of spans in order of time.

        The list starts at the event (or at the event that a job was given out for) and follows
        jobs and the events they emit, to `MAX_ROWS`.
        """
        start = await self._event_of(wanted)
        todo, done = [start], set[str]()
        spans: list[dict[str, Any]] = []
        while todo and len(spans) < MAX_ROWS:
            event = todo.pop(0)
            if event["token"] in done:
                continue
            done.add(event["token"])
            spans.append(event)
            for job in await self._jobs_of(event):
                spans.append(job)
                todo += await self._caused_by(job["job"], event["sequence"])
            todo += await self._caused_by(event["id"], event["sequence"])
        return {"spans": spans, "left_out": len(todo)}

    async def _event_of(self, wanted: str) -> dict[str, Any]:
        async for delivery in self._scanner.all(EVENTS, "lb.ev.>"):
            source = source_of(delivery.subject)
            found = _envelope_id(delivery.body)
            token = event_token(source, found) if found else f"seq-{delivery.sequence}"
            if wanted in (found, token, str(delivery.sequence)):
                return _event_row(delivery.sequence, found, token, delivery)
        async for delivery in self._scanner.all(DECISIONS, "lb.dec.>"):
            record = read_record(delivery.body)
            if any(ref.job == wanted for ref in record.jobs):
                return await self._event_of(str(record.sequence))
        raise UnknownIdError(f"no event and no job is called `{wanted}`")

    async def _jobs_of(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        stored = await self._ledger.last(DECISIONS, f"lb.dec.{event['token']}")
        gates = await self._ledger.last(DECISIONS, f"lb.dec.{event['token']}.gates")
        rows = []
        for found in (stored, gates):
            if found is not None:
                record = read_record(found.body)
                event.setdefault("verdicts", []).extend(
                    msgspec.json.decode(record.decision)["verdicts"]
                )
                event["decided_at"] = found.stored_at.isoformat()
                rows += [await self._job_row(ref.job, ref.bot, ref.action) for ref in record.jobs]
        return rows

    async def _job_row(self, job: str, bot: str, action: str) -> dict[str, Any]:
        row: dict[str, Any] = {"kind": "job", "job": job, "bot": bot, "action": action}
        attempts = [
            {"subject": d.subject, "at": d.stored_at.isoformat(), **msgspec.json.decode(d.body)}
            async for d in self._scanner.all(ATTEMPTS, f"lb.att.{bot}.{job}.>")
        ]
        row["attempts"] = attempts
        outcome = await self._ledger.last(OUTCOMES, f"lb.out.*.{bot}.{job}")
        if outcome is not None:
            row["outcome"] = msgspec.json.decode(outcome.body)
            row["ended_at"] = outcome.stored_at.isoformat()
        return row

    async def _caused_by(self, cause: str, after: int) -> list[dict[str, Any]]:
        found = []
        async for delivery in self._scanner.all(EVENTS, "lb.ev.>", first=after + 1):
            if cause in delivery.headers.get(CAUSE, "").split():
                source = source_of(delivery.subject)
                name = _envelope_id(delivery.body)
                token = event_token(source, name) if name else f"seq-{delivery.sequence}"
                found.append(_event_row(delivery.sequence, name, token, delivery))
        return found

    async def _dead_letters(self, wanted: str) -> dict[str, Any]:
        rows = []
        async for delivery in self._scanner.all(OUTCOMES, "lb.out.dead.>"):
            outcome = msgspec.json.decode(delivery.body)
            if not wanted or outcome["job"] == wanted:
                redriven = await self._ledger.last(
                    CONTROL, f"lb.ctl.engine.redrive.{outcome['job']}"
                )
                rows.append({**outcome, "redriven": redriven is not None})
        if wanted and not rows:
            raise UnknownIdError(f"no dead letter is called `{wanted}`")
        return {"dead_letters": rows[-MAX_ROWS:], "left_out": max(0, len(rows) - MAX_ROWS)}

    async def _redrive(self, wanted: str) -> dict[str, Any]:
        """Queue the job of a dead letter again, under a new id that names the old one; once."""
        stored = await self._ledger.last(OUTCOMES, f"lb.out.dead.*.{wanted}")
        if stored is None:
            raise UnknownIdError(f"no dead letter is called `{wanted}`")
        outcome = msgspec.json.decode(stored.body, type=Outcome)
        assert isinstance(outcome.message, Job)  # noqa: S101 - dead letters hold their job
        again = structs.replace(outcome.message, job=f"{wanted}-again", attempt=1)
        note = {"job": wanted, "again": again.job, "at": self._clock.now().isoformat()}
        subject = f"lb.ctl.engine.redrive.{wanted}"
        (ack,) = await self._ledger.store(
            [Outgoing(subject, msgspec.json.encode(note), ONLY_FIRST)]
        )
        begun = f"lb.att.{again.bot}.{again.job}.1.started"
        if ack.conflict and await self._ledger.last(ATTEMPTS, begun) is not None:
            raise UnknownIdError(f"`{wanted}` was redriven before, as `{again.job}`")
        # Also after a conflict: whoever noted it first may have been killed before this line.
        await self._dispatcher.queue([again])
        return note


def _envelope_id(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


class _Named(Struct):
    id: str


class _Carrying(Struct):
    payload: Raw


def _payload(body: bytes) -> Raw | None:
    """The payload of an event, if it is short enough to be shown."""
    try:
        payload = msgspec.json.decode(body, type=_Carrying).payload
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return payload if len(payload) <= MAX_SHOWN else None


def _event_row(sequence: int, found: str, token: str, delivery: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "kind": "event",
        "id": found,
        "token": token,
        "sequence": sequence,
        "type": delivery.subject.split(".", 4)[4],
        "source": source_of(delivery.subject),
        "at": delivery.stored_at.isoformat(),
        "causes": delivery.headers.get(CAUSE, "").split(),
        "payload": _payload(delivery.body),
    }
