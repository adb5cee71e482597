"""What a gate waits for, key by key: what came, what is missing, since when and until when.

The opposite of a decision: nothing is decided here, only read off the state of a gate.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from lotabots.model.fleet import GateKind
from lotabots.model.names import gate_source
from lotabots.policy.approval import Approval, approval, approvals
from lotabots.policy.correlate import advance, key_values, lacking
from lotabots.policy.correlator import pending
from lotabots.policy.moment import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lotabots.model.event import EventType
    from lotabots.model.fleet import Fleet, Gate
    from lotabots.policy.correlator import Pending, Seen
    from lotabots.policy.rules import GateRule, Policy
    from lotabots.policy.state import State


class Came(Struct, frozen=True):
    """An event that came: the name of its part, or the part's pattern, and the event's id."""

    part: str
    event: str
    at: datetime


class Waiting(Struct, frozen=True):
    """One key of one gate. `key` has its values by their paths in the payload.

    `until` is when the oldest of what came no longer counts; for a gate that waits for silence,
    when it completes. `approval` is the one word of a person that is missing, if it is one.
    """

    gate: str
    doc: str
    kind: str
    key: dict[str, Any]
    has: tuple[Came, ...]
    missing: tuple[str, ...]
    since: datetime
    until: datetime
    approval: Approval | None = None


def waiting(fleet: Fleet, policy: Policy, state: State, now: datetime) -> tuple[Waiting, ...]:
    """What every gate waits for at `now`, gate by gate, the key that was touched last first.

    Gates that sleep after a match (``any``) wait for nothing.
    """
    state = advance(policy, state, now).state
    return tuple(row for gate in fleet.gates for row in _of_gate(fleet, policy, state, gate))


def _of_gate(fleet: Fleet, policy: Policy, state: State, gate: Gate) -> Iterator[Waiting]:
    target = gate_source(gate.name)
    known, rule = state.gates.get(target), policy.gates.get(target)
    if known is None or rule is None or known.spec != rule.spec or gate.kind is GateKind.ANY:
        return
    wanted = approvals(fleet, gate)
    for key, value in reversed(pending(known)):
        yield _row(gate, rule, key, value, wanted=wanted)


def _row(
    gate: Gate, rule: GateRule, key: str, value: Pending, *, wanted: dict[int, EventType]
) -> Waiting:
    values = dict(zip(gate.join_on, key_values(key), strict=True))
    oldest = min(seen.at for seen in value.seen)
    asked = sorted(wanted.keys() - {seen.part for seen in value.seen})
    person = None
    if len(asked) == 1:
        (number,) = asked
        person = approval(wanted[number], gate.parts[number], values)
    return Waiting(
        rule.target,
        gate.doc,
        gate.kind.value,
        values,
        tuple(_came(gate, seen) for seen in value.seen),
        lacking(rule, value.seen),
        moment(oldest),
        moment(oldest + rule.spec.within),
        person,
    )


def _came(gate: Gate, seen: Seen) -> Came:
    after = gate.kind is GateKind.ABSENT and seen.part == 1
    part = gate.after if after else gate.parts[seen.part]
    assert part is not None  # noqa: S101 - a gate that waits for silence has an `after`
    return Came(part.name or part.pattern, seen.event_id, moment(seen.at))
