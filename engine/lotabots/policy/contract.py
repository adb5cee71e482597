"""The contract of an executor: the job it gets, the lines it may write, what they become.

A bot's output is as untrusted as an event from outside. Each line must be an event that the
action declares, its payload of the declared type once the engine has filled in what `set:` says
and what artifacts were stored. Anything else is a `Violation`, with its code.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct, field

from lotabots.diagnostics import codes
from lotabots.model.bot import Copied, Counted, Counter, Emission
from lotabots.model.envelope import Envelope, depth, reason
from lotabots.policy.payload import DECODE_ERRORS, PayloadError, PayloadReader, Readers

if TYPE_CHECKING:
    from lotabots.model.bot import Action, SetValue
    from lotabots.model.event import ObjectType
    from lotabots.model.fleet import Fleet

VERSION: Final = 1
MAX_LINE: Final = 256 * 1024
"""Largest line of output, in bytes; the same as the largest event."""

MAX_LINES: Final = 1000
MAX_ARTIFACTS: Final = 100
_MAX_DEPTH: Final = 32
_JOB_CHARS: Final = 32
_ARTIFACTS: Final = "artifacts"
_REPORTS: Final = "reports"


class Cause(Struct, frozen=True):
    """The event that a job was dispatched for; `payload` is JSON text, checked and re-encoded."""

    id: str
    type: str
    source: str
    timestamp: datetime
    payload: Raw
    correlation_id: str = ""


class Job(Struct, frozen=True, kw_only=True):
    """One run of an action, as it waits in a bot's queue.

    `job` is the same for every attempt and is the idempotency key of all its effects. `decision`
    is the subject token of the decision that dispatched it, `policy` the digest it was made with.
    """

    job: str
    bot: str
    action: str
    event: Cause
    decision: str
    policy: str
    attempt: int = 1
    hops: int = 0
    version: int = VERSION


class Artifact(Struct, frozen=True, forbid_unknown_fields=True):
    """A file in the output folder that a line hands over. `path` is relative to that folder."""

    path: str
    kind: str
    name: str = ""
    media_type: str = ""


class StoredArtifact(Struct, frozen=True, omit_defaults=True):
    """An artifact in the content-addressed store, as events name it."""

    name: str
    kind: str
    digest: str
    size: int
    media_type: str = ""


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of output, read but not yet believed."""

    type: str
    payload: dict[str, Any]
    artifacts: tuple[Artifact, ...] = ()


class Violation(Struct, frozen=True):
    """Output that the contract does not allow; `line` counts from 1, 0 for the run as a whole."""

    code: str
    line: int
    reason: str


class Emitted(Struct, frozen=True):
    """A line that the contract allows, ready to be published by the bot."""

    type: str
    payload: Raw
    outcome: str


class ActionContract(Struct, frozen=True):
    """What one action may write: event types with their readers and fixed fields, artifacts.

    `listed` says for each event type which member lists the stored artifacts of a line.
    """

    emissions: Mapping[str, tuple[Emission, PayloadReader]]
    produces: frozenset[str]
    listed: Mapping[str, str] = field(default_factory=dict)


class Contracts(Struct, frozen=True):
    """The contracts of a fleet, by bot and action."""

    actions: Mapping[tuple[str, str], ActionContract] = field(default_factory=dict)

    def get(self, bot: str, action: str) -> ActionContract | None:
        """The contract of an action."""
        return self.actions.get((bot, action))


def compile_contracts(fleet: Fleet) -> Contracts:
    """The contracts of every action of `fleet`. An undeclared event type is never allowed."""
    readers = Readers()
    return Contracts(
        {
            (bot.name, action.name): _contract(fleet, action, readers)
            for bot in fleet.bots
            for action in bot.actions
        }
    )


def read_line(contract: ActionContract, raw: bytes, *, number: int) -> Line | Violation:
    """Read a line of output, up to the point where its artifacts have to be stored."""
    if len(raw) > MAX_LINE or depth(raw) > _MAX_DEPTH:
        said = f"longer than {MAX_LINE} bytes or nested deeper than {_MAX_DEPTH}"
        return Violation(codes.OUTPUT_MALFORMED.code, number, said)
    try:
        line = _LINE.decode(raw)
    except DECODE_ERRORS as error:
        return Violation(codes.OUTPUT_MALFORMED.code, number, reason(error))
    if line.type not in contract.emissions:
        allowed = ", ".join(f"`{name}`" for name in sorted(contract.emissions)) or "nothing"
        said = f"`{line.type[:128]}` is not declared in `emits:`; this action may emit {allowed}"
        return Violation(codes.OUTPUT_UNDECLARED.code, number, said)
    if len(line.artifacts) > MAX_ARTIFACTS:
        return Violation(
            codes.ARTIFACT_INVALID.code, number, f"more than {MAX_ARTIFACTS} artifacts"
        )
    for artifact in line.artifacts:
        if artifact.kind not in contract.produces:
            said = f"artifacts of kind `{artifact.kind[:64]}` are not declared in `produces:`"
            return Violation(codes.ARTIFACT_INVALID.code, number, said)
    return line


def finish_line(
    contract: ActionContract,
    line: Line,
    job: Job,
    *,
    stored: tuple[StoredArtifact, ...],
    number: int,
) -> Emitted | Violation:
    """Fill in what the engine knows and check the payload against its type."""
    emission, reader = contract.emissions[line.type]
    payload = dict(line.payload)
    if stored:
        payload[contract.listed.get(line.type, _ARTIFACTS)] = [
            msgspec.to_builtins(artifact) for artifact in stored
        ]
    cause = _UNTYPED.decode(job.event.payload)
    for path, value in emission.set.items():
        _put(payload, path.split("."), _value(value, cause, job))
    foreign = _blobs(payload) - _blobs(cause) - {artifact.digest for artifact in stored}
    if foreign:
        said = f"`{min(foreign)[:80]}` is no artifact that this run handed over or was given"
        return Violation(codes.ARTIFACT_INVALID.code, number, said)
    if payload.get("outcome") == "success" and payload.get("checked") == 0:
        said = "a success that checked nothing: `checked` must be at least 1"
        return Violation(codes.OUTPUT_INVALID.code, number, said)
    raw = _ENCODER.encode(payload)
    try:
        reader.read(raw)
    except PayloadError as error:
        return Violation(codes.OUTPUT_INVALID.code, number, str(error))
    outcome = payload.get("outcome")
    return Emitted(line.type, Raw(raw), outcome if isinstance(outcome, str) else "")


def check_tool(emitted: Emitted, toolbox: str, *, number: int) -> Violation | None:
    """What is wrong with the tools that an emitted line names; `toolbox` is what the run had."""
    try:
        said = _TOOLED.decode(emitted.payload).tool.digest
    except DECODE_ERRORS:  # members of these names that mean something else
        return None
    if said in ("", toolbox):
        return None
    had = f"the toolbox {toolbox}" if toolbox else "no toolbox"
    reason = f"`tool.digest` is {said[:80]}, but this run had {had}"
    return Violation(codes.FOREIGN_TOOL.code, number, reason)


def event_of(emitted: Emitted, job: Job, *, line: int, key: bytes, now: datetime) -> Envelope:
    """The envelope in which a bot publishes an emitted line.

    The id is an HMAC of job, attempt and line under the engine's key: a run that is repeated
    after a crash gives the same ids, and nobody else can guess one.
    """
    named = f"{job.job}\0{job.attempt}\0{line}".encode()
    return Envelope(
        id=hmac.new(key, named, sha256).hexdigest(),
        timestamp=now,
        source=job.bot,
        type=emitted.type,
        payload=emitted.payload,
        correlation_id=job.event.correlation_id or job.event.id,
    )


def event_token(source: str, event_id: str) -> str:
    """The subject token of an event: ids are free text, subjects are not.

    >>> event_token("cli.ann", "any * text")
    'c74a11faed432ec8414477d19c873ff6d6b3b72cdb344349de209b25286a6db8'
    """
    return sha256(f"{source}\0{event_id}".encode()).hexdigest()


def job_id(token: str, bot: str) -> str:
    """The id of the job that a decision gives to a bot."""
    return sha256(f"{token}\0{bot}".encode()).hexdigest()[:_JOB_CHARS]


def _contract(fleet: Fleet, action: Action, readers: Readers) -> ActionContract:
    return ActionContract(
        {
            emission.type: (emission, readers.reader(fleet.events[emission.type].payload))
            for emission in action.emits
            if emission.type in fleet.events
        },
        frozenset(action.produces),
        {
            emission.type: _list_of_artifacts(fleet.events[emission.type].payload)
            for emission in action.emits
            if emission.type in fleet.events
        },
    )


def _list_of_artifacts(payload: ObjectType) -> str:
    """`artifacts`, or `reports` in a type that has only these: results list what they report."""
    only_reports = payload.field(_ARTIFACTS) is None and payload.field(_REPORTS) is not None
    return _REPORTS if only_reports else _ARTIFACTS


def _blobs(value: Any) -> set[str]:  # noqa: ANN401 - JSON values
    """The digests of all artifacts that a payload names: objects with a digest and a kind."""
    found: set[str] = set()
    todo = [value]
    while todo:
        inner = todo.pop()
        if isinstance(inner, dict):
            if "kind" in inner and isinstance(inner.get("digest"), str):
                found.add(inner["digest"])
            todo += inner.values()
        elif isinstance(inner, list):
            todo += inner
    return found


def _value(value: SetValue, cause: Any, job: Job) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, Copied):
        for member in value.path.split("."):
            cause = cause.get(member) if isinstance(cause, dict) else None
        return cause
    if isinstance(value, Counted):
        return (job.attempt if value.counter is Counter.ATTEMPT else job.hops) + value.plus
    return value


def _put(payload: dict[str, Any], path: list[str], value: Any) -> None:  # noqa: ANN401 - JSON
    """Write `value` at `path`; None (a source field that is absent) removes what is there."""
    *parents, last = path
    for parent in parents:
        inner = payload.get(parent)
        if value is None and not isinstance(inner, dict):
            return
        payload[parent] = inner = dict(inner) if isinstance(inner, dict) else {}
        payload = inner
    if value is None:
        payload.pop(last, None)
    else:
        payload[last] = value


class _Tool(Struct):
    digest: str = ""


class _Tooled(Struct):
    tool: _Tool = field(default_factory=_Tool)


_TOOLED: Final = msgspec.json.Decoder(_Tooled)
_LINE: Final = msgspec.json.Decoder(Line, float_hook=Decimal)
_UNTYPED: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
