"""What the decisions stream holds: one record per event, with everything to act on it again.

The record of an event is written before anything is done about it, and only once (compare and
swap on its subject). Whoever finds it there acts on *it*, not on a decision of their own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

from lotabots.model.envelope import Envelope, Event, MalformedError, Stamp, decode_envelope
from lotabots.policy.contract import Cause, Job, event_token, job_id
from lotabots.policy.decide import decide, decide_bytes
from lotabots.policy.payload import encode
from lotabots.policy.project_broker import source_of
from lotabots.runtime.ports import ONLY_FIRST, Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.policy.decision import Decision, StartJob, Step
    from lotabots.policy.rules import Policy
    from lotabots.policy.state import State
    from lotabots.runtime.ports import Delivery

HOPS: Final = "Lotabots-Hops"
CAUSE: Final = "Lotabots-Cause"
"""Headers of events that LotaBots itself publishes; from outside they are not looked at."""

_OWN: Final = ("bot", "gate", "engine")


class JobRef(Struct, frozen=True, gc=False):
    """A job that a decision gives out."""

    job: str
    bot: str
    action: str


class Record(Struct, frozen=True, gc=False):
    """A stored decision. `sequence` is the event's in its stream, `sha256` that of its bytes.

    `engine` names the process that decided, `policy` is the digest of the rules it decided with.
    """

    subject: str
    sequence: int
    sha256: str
    decision: Raw
    jobs: tuple[JobRef, ...] = ()
    duplicate_of: int = 0
    engine: str = ""
    policy: str = ""
    version: int = 1


class Ruled(NamedTuple):
    """A step with the envelope it was decided for; None if that could not be read."""

    step: Step
    envelope: Envelope | None


def stamp_of(delivery: Delivery) -> Stamp:
    """What the engine knows of an event from where it came and how."""
    source, is_own = _origin(delivery.subject)
    if not is_own:
        return Stamp(source, delivery.stored_at)
    hops = delivery.headers.get(HOPS, "0")
    return Stamp(
        source,
        delivery.stored_at,
        hops=int(hops) if hops.isdecimal() else 0,
        causation_id=delivery.headers.get(CAUSE, ""),
    )


@lru_cache(maxsize=4096)
def _origin(subject: str) -> tuple[str, bool]:
    """The source that a subject proves, and whether it is one of the fleet's own."""
    return source_of(subject), subject.split(".", 3)[2] in _OWN


def token_of(source: str, event_id: str, sequence: int) -> str:
    """The subject token under which the decision on an event is stored.

    An event that has no readable id is known by its place in the stream.
    """
    return event_token(source, event_id) if event_id else f"seq-{sequence}"


def decided(policy: Policy, state: State, delivery: Delivery, stamp: Stamp) -> Ruled:
    """The decision on the event in `delivery`, at the time it was stored."""
    now = delivery.stored_at
    try:
        envelope = decode_envelope(delivery.body)
    except MalformedError:  # the reason is worth a second look
        return Ruled(decide_bytes(policy, state, delivery.body, stamp, now), None)
    return Ruled(decide(policy, state, Event(envelope, stamp), now), envelope)


def record_of(
    delivery: Delivery, decision: Decision, jobs: Sequence[StartJob], *, token: str, engine: str
) -> Record:
    """The record of `decision` on `delivery`, which gives out `jobs`."""
    return Record(
        delivery.subject,
        delivery.sequence,
        sha256(delivery.body).hexdigest(),
        Raw(_ENCODER.encode(decision)),
        tuple([JobRef(job_id(token, job.bot), job.bot, job.action) for job in jobs]),
        engine=engine,
        policy=decision.digest,
    )


def message_of(record: Record, token: str) -> Outgoing:
    """The message that stores `record`, unless there is one already."""
    return Outgoing(f"lb.dec.{token}", _ENCODER.encode(record), ONLY_FIRST)


def read_record(body: bytes) -> Record:
    """The record that the decisions stream holds.

    Raises:
        msgspec.MsgspecError: it is not one of ours.
    """
    return _RECORD.decode(body)


def jobs_of(
    record: Record,
    envelope: Envelope,
    stamp: Stamp,
    *,
    token: str,
    payload: Any,  # noqa: ANN401 - decoded by type
) -> list[Job]:
    """The jobs that `record` gives out, for the event in `envelope` with its checked payload."""
    correlation = envelope.correlation_id
    cause = Cause(
        envelope.id,
        envelope.type,
        stamp.source,
        envelope.timestamp,
        Raw(encode(payload)),
        correlation if isinstance(correlation, str) else "",
    )
    return [
        Job(
            job=ref.job,
            bot=ref.bot,
            action=ref.action,
            event=cause,
            decision=token,
            policy=record.policy,
            hops=stamp.hops,
        )
        for ref in record.jobs
    ]


def work_message(job: Job) -> Outgoing:
    """The message that queues an attempt of `job`; a second one within minutes is dropped."""
    return Outgoing(f"lb.work.{job.bot}", _ENCODER.encode(job), _named(job))


def waiting_message(job: Job) -> Outgoing:
    """The message that lets an attempt of `job` wait for room in its bot's queue."""
    return Outgoing(f"lb.due.{job.bot}", _ENCODER.encode(job), _named(job))


def scheduled_message(job: Job, due: datetime) -> Outgoing:
    """The message that brings `job` when it is `due`.

    It is a schedule of the server: a job that waits so holds neither a slot nor a lease.
    """
    at = due.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Outgoing(
        f"lb.retry.{job.bot}.{job.job}.{job.attempt}",
        _ENCODER.encode(job),
        {"Nats-Schedule": f"@at {at}", "Nats-Schedule-Target": f"lb.due.{job.bot}"},
    )


def _named(job: Job) -> dict[str, str]:
    return {"Nats-Msg-Id": f"{job.job}/{job.attempt}"}


_ENCODER: Final = msgspec.json.Encoder()
_RECORD: Final = msgspec.json.Decoder(Record)
