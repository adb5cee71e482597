"""What was decided, and why: values that can be stored, compared and shown.

None of these values can be part of a cycle, so none of them bothers the cycle collector.

A `Decision` is the whole answer to one event: exactly one verdict per candidate. Verdicts are a
closed union; match them with `assert_never`. Most verdicts depend only on the rules, so
`policy.compile` builds them once and every event that gets one shares it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from lotabots.diagnostics.span import Span
from lotabots.model.record import NOWHERE
from lotabots.policy.state import State


class RuleRef(Struct, frozen=True, gc=False):
    """The rule that decided: whose it is, what kind, where it stands, what it says.

    `owner` is a bot, ``gate.<name>``, an event type or a file; `kind` is the word of the rule
    files (``trigger``, ``boundary``, ``scope``, ``output``, ``edge``, ``gate``, ...).
    """

    kind: str
    owner: str
    span: Span = NOWHERE
    text: str = ""


class Saw(Struct, frozen=True, gc=False):
    """The state that a verdict depends on, as it was at that moment.

    `queued` is a number of jobs; `rollout` the last phase in service; `approved` whether a
    person's approval came with the event.
    """

    enabled: bool = True
    breaker: str = "closed"
    queued: int = 0
    rollout: str = ""
    approved: bool = False


class Dispatch(Struct, frozen=True, gc=False, tag="dispatch", tag_field="verdict"):
    """`target` does `action`. For a gate, `action` is ``emit <event type>``."""

    target: str
    action: str
    rule: RuleRef
    saw: Saw | None = None


class Reject(Struct, frozen=True, gc=False, tag="reject", tag_field="verdict"):
    """Refused by a rule; `target` is empty when the whole event is. `delegate` may do it."""

    target: str
    code: str
    reason: str
    rule: RuleRef
    delegate: str = ""
    saw: Saw | None = None


class Wait(Struct, frozen=True, gc=False, tag="wait", tag_field="verdict"):
    """Not yet: until a time, or until the `missing` parts of a gate have come."""

    target: str
    code: str
    reason: str
    rule: RuleRef
    until: datetime | None = None
    missing: tuple[str, ...] = ()
    saw: Saw | None = None


class Ignore(Struct, frozen=True, gc=False, tag="ignore", tag_field="verdict"):
    """Nothing to do, and nobody's fault. `clause` is the part of the condition that failed.

    Clauses are those of the top-level ``&&``, from 0; -1 when no condition failed.
    """

    target: str
    code: str
    reason: str
    rule: RuleRef
    clause: int = -1


class DeadLetter(Struct, frozen=True, gc=False, tag="dead_letter", tag_field="verdict"):
    """Will never be done: it is kept for a person to look at."""

    target: str
    code: str
    reason: str
    rule: RuleRef
    saw: Saw | None = None


Verdict = Dispatch | Reject | Wait | Ignore | DeadLetter


class StartJob(Struct, frozen=True, gc=False):
    """Run `action` of `bot` for the event. `payload` is what was decoded and checked.

    INVARIANT: the job gets `payload` encoded again, never the sender's bytes, so that a bot cannot
    read a repeated key or an undeclared member differently from the rules.
    """

    bot: str
    action: str
    event_id: str
    payload: Any


class EmitEvent(Struct, frozen=True, gc=False):
    """Publish an event of a complete gate. `payload` is JSON text; `causes` are event ids."""

    source: str
    type: str
    payload: str
    key: str
    causes: tuple[str, ...]
    hops: int


class GateDropped(Struct, frozen=True, gc=False):
    """A gate gave up what it had for `key`: it was ``full``, ``expired`` or ``changed``."""

    gate: str
    key: str
    reason: str
    causes: tuple[str, ...] = ()


Effect = StartJob | EmitEvent | GateDropped


class Decision(Struct, frozen=True, gc=False):
    """The record of one decision. `digest` names the policy, `at` is the `now` it was made with.

    Verdicts are sorted by target. Id, type and source are empty where the event had none that
    could be read.
    """

    event_id: str
    event_type: str
    source: str
    verdicts: tuple[Verdict, ...]
    digest: str
    at: datetime


class Step(Struct, frozen=True, gc=False):
    """What `decide` returns: the state after, the record, and what is to be done."""

    state: State
    decision: Decision
    effects: tuple[Effect, ...] = ()


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """`decision` as plain JSON data; equal decisions give equal data. Times are RFC 3339."""
    data: dict[str, Any] = msgspec.to_builtins(decision)
    return data


def decision_from_json(data: object) -> Decision:
    """The decision that `data` describes.

    Raises:
        msgspec.ValidationError: `data` is not what `decision_to_json` gives.
    """
    return msgspec.convert(data, Decision)
