"""Gates as their file says them, compiled: parts, keys, and what to put into the emitted event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lotabots.graph.nodes import AFTER
from lotabots.model.bot import Copied, Counted
from lotabots.model.event import ListType, ObjectType
from lotabots.model.names import gate_source
from lotabots.policy.conditions import Condition, Flawed
from lotabots.policy.correlate import COMPLETING
from lotabots.policy.correlator import GateSpec
from lotabots.policy.decision import Dispatch, RuleRef
from lotabots.policy.moment import span_micros
from lotabots.policy.nearest import by_reach
from lotabots.policy.rules import GateCandidate, GateRule, PartRule
from lotabots.policy.verdicts import condition_error, false_clauses

if TYPE_CHECKING:
    from lotabots.graph.nodes import Start
    from lotabots.model.event import EventType, PayloadType
    from lotabots.model.fleet import Gate
    from lotabots.policy.conditions import Conditions
    from lotabots.policy.decision import Reject
    from lotabots.policy.legality import Law

_NO_PART: Final = -2
"""The part of a copy that names a part which the gate does not have: nothing is copied."""


class GateCompiler:
    """Compiles the gates of a fleet."""

    def __init__(self, law: Law, conditions: Conditions) -> None:
        self._conditions = conditions
        self.rules: dict[str, GateRule] = {
            gate_source(gate.name): _gate_rule(gate) for gate in law.fleet.gates
        }

    def candidate(self, event: EventType, slot: int, starts: list[Start]) -> GateCandidate:
        """The gate of `starts` as it takes events of type `event`."""
        gate = self.rules[starts[0].node]
        parts = [self._part(event, gate, start) for start in starts]
        failed, places = by_reach([part.failed for part in parts])
        return GateCandidate(slot, gate, tuple(zip(parts, places, strict=True)), failed)

    def _part(self, event: EventType, gate: GateRule, start: Start) -> PartRule:
        number = 1 if start.number == AFTER else start.number
        when = start.rule.when
        ref = RuleRef("part", gate.target, start.rule.at("when"), when)
        flaw = _key_flaw(gate, event)
        condition = self._conditions.get(when, event.payload)
        if isinstance(condition, Flawed):
            flaw = condition_error(gate.target, ref, condition.reason)
        if isinstance(condition, Condition) and flaw is None:
            failed = false_clauses(gate.target, ref, condition.clauses)
            return PartRule(number, ref, condition.holds, failed, None)
        return PartRule(number, ref, None, (), flaw)


def _gate_rule(gate: Gate) -> GateRule:
    target = gate_source(gate.name)
    names = {part.name: number for number, part in enumerate(gate.parts) if part.name}
    if gate.after is not None and gate.after.name:
        names[gate.after.name] = 1
    spec = GateSpec(
        name=gate.name,
        kind=gate.kind,
        parts=len(gate.parts),
        times=gate.times,
        within=span_micros(gate.within),
        max_pending=max(gate.max_pending, 1),
    )
    ref = RuleRef("gate", target, gate.span)
    values = [(_path(name), value) for name, value in gate.set.items()]
    return GateRule(
        target=target,
        spec=spec,
        emit=gate.emit,
        keys=tuple(_path(path) for path in gate.join_on),
        constants=tuple((p, v) for p, v in values if not isinstance(v, Copied | Counted)),
        copies=tuple(
            (p, names.get(v.part, _NO_PART) if v.part else COMPLETING, _path(v.path))
            for p, v in values
            if isinstance(v, Copied)
        ),
        counters=tuple((p, v.counter, v.plus) for p, v in values if isinstance(v, Counted)),
        waits_for=tuple(part.pattern for part in gate.parts),
        complete=Dispatch(target, f"emit {gate.emit}", ref),
        rule=ref,
    )


def _key_flaw(gate: GateRule, event: EventType) -> Reject | None:
    """LR107 if the key cannot be read from events of this type: no such field, or not a scalar."""
    for path in gate.keys:
        kind: PayloadType | None = event.payload
        for name in path:
            member = kind.field(name) if isinstance(kind, ObjectType) else None
            kind = member.type if member else None
        if kind is None or isinstance(kind, ObjectType | ListType):
            reason = f"`payload.{'.'.join(path)}` is not a scalar field of `{event.name}`"
            return condition_error(gate.target, gate.rule, reason)
    return None


def _path(text: str) -> tuple[str, ...]:
    return tuple(text.removeprefix("payload.").split("."))
