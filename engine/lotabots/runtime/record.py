"""What the decisions stream holds: one record per event, with everything to act on it again.

The record of an event is written before anything is done about it, and only once (compare and
swap on its subject). Whoever finds it there acts on *it*, not on a decision of their own.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from lotabots.model.envelope import MalformedError, Stamp, decode_envelope
from lotabots.policy.contract import Cause, Job, event_token, job_id
from lotabots.policy.decision import StartJob
from lotabots.policy.payload import encode
from lotabots.policy.project_broker import source_of
from lotabots.runtime.ports import ONLY_FIRST, Outgoing

if TYPE_CHECKING:
    from lotabots.policy.decision import Step
    from lotabots.runtime.ports import Delivery

HOPS: Final = "Lotabots-Hops"
CAUSE: Final = "Lotabots-Cause"
"""Headers of events that LotaBots itself publishes; from outside they are not looked at."""

_OWN: Final = ("bot", "gate", "engine")


class JobRef(Struct, frozen=True):
    """A job that a decision gives out."""

    job: str
    bot: str
    action: str


class Record(Struct, frozen=True):
    """A stored decision. `sequence` is the event's in its stream, `sha256` that of its bytes."""

    subject: str
    sequence: int
    sha256: str
    decision: Raw
    jobs: tuple[JobRef, ...] = ()
    duplicate_of: int = 0
    engine: str = ""
    version: int = 1


def stamp_of(delivery: Delivery) -> Stamp:
    """What the engine knows of an event from where it came and how."""
    source = source_of(delivery.subject)
    family = delivery.subject.split(".", 3)[2]
    headers = delivery.headers if family in _OWN else {}
    hops = headers.get(HOPS, "0")
    return Stamp(
        source,
        delivery.stored_at,
        hops=int(hops) if hops.isdecimal() else 0,
        causation_id=headers.get(CAUSE, ""),
    )


def token_of(delivery: Delivery, source: str) -> str:
    """The subject token under which the decision on an event is stored."""
    try:
        return event_token(source, decode_envelope(delivery.body).id)
    except MalformedError:
        return f"seq-{delivery.sequence}"


def record_of(delivery: Delivery, step: Step, token: str, *, engine: str) -> Record:
    """The record of `step`, the decision on `delivery`."""
    return Record(
        delivery.subject,
        delivery.sequence,
        sha256(delivery.body).hexdigest(),
        Raw(msgspec.json.encode(step.decision)),
        tuple(
            JobRef(job_id(token, effect.bot), effect.bot, effect.action)
            for effect in step.effects
            if isinstance(effect, StartJob)
        ),
        engine=engine,
    )


def message_of(record: Record, token: str) -> Outgoing:
    """The message that stores `record`, unless there is one already."""
    return Outgoing(f"lb.dec.{token}", msgspec.json.encode(record), ONLY_FIRST)


def read_record(body: bytes) -> Record:
    """The record that the decisions stream holds.

    Raises:
        msgspec.MsgspecError: it is not one of ours.
    """
    return _RECORD.decode(body)


def jobs_of(record: Record, delivery: Delivery, token: str, *, payload: Any) -> list[Job]:  # noqa: ANN401 - decoded by type
    """The jobs that `record` gives out, for the event in `delivery` with its checked payload."""
    if not record.jobs:
        return []
    envelope = decode_envelope(delivery.body)
    stamp = stamp_of(delivery)
    correlation = envelope.correlation_id
    cause = Cause(
        envelope.id,
        envelope.type,
        stamp.source,
        envelope.timestamp,
        Raw(encode(payload)),
        correlation if isinstance(correlation, str) else "",
    )
    digest = _DIGEST.decode(record.decision).digest
    return [
        Job(
            job=ref.job,
            bot=ref.bot,
            action=ref.action,
            event=cause,
            decision=token,
            policy=digest,
            hops=stamp.hops,
        )
        for ref in record.jobs
    ]


def work_message(job: Job) -> Outgoing:
    """The message that queues an attempt of `job`; a second one within minutes is dropped."""
    named = {"Nats-Msg-Id": f"{job.job}/{job.attempt}"}
    return Outgoing(f"lb.work.{job.bot}", msgspec.json.encode(job), named)


class _Digested(Struct):
    digest: str


_RECORD: Final = msgspec.json.Decoder(Record)
_DIGEST: Final = msgspec.json.Decoder(_Digested)
