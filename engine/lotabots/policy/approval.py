"""What a person would have to say to approve what a gate waits for, read off the rules.

The join key says what is approved, the condition of the part says what else must be in the event.
What neither settles, the person says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Raw, Struct

from lotabots.condition.expr import Compare, Flag, Not
from lotabots.condition.parse import parse
from lotabots.condition.text import clauses, fields
from lotabots.model.event import ObjectType
from lotabots.model.fleet import GateKind
from lotabots.model.names import matches
from lotabots.policy.correlate import put
from lotabots.policy.payload import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lotabots.condition.expr import Expr
    from lotabots.model.event import EventType
    from lotabots.model.fleet import Fleet, Gate, GatePart


class Approval(Struct, frozen=True):
    """An approval that is waited for. `payload` is what is settled of it, as JSON.

    `needs` are the dotted paths, below the payload, of what a person has to add.
    """

    event: str
    payload: Raw
    needs: tuple[str, ...] = ()


def approvals(fleet: Fleet, gate: Gate) -> dict[int, EventType]:
    """The parts of `gate`, by number, that only a person's approval can fill, and its event type.

    Only an ``all`` gate waits for one with a key that is known before.
    """
    found = {
        number: _approving(fleet, part)
        for number, part in enumerate(gate.parts)
        if gate.kind is GateKind.ALL
    }
    return {number: event for number, event in found.items() if event is not None}


def approval(event: EventType, part: GatePart, key: Mapping[str, Any]) -> Approval:
    """What to say for `part`; `key` has the values of the key by their paths (``payload.…``)."""
    payload: dict[str, Any] = {}
    settled, open_ = _settled(part.when)
    for path, value in (*settled.items(), *key.items()):
        put(payload, tuple(path.split(".")[1:]), value)
    asked = [path.split(".", 1)[1] for path in open_ if path not in (settled.keys() | key.keys())]
    lacking = [*_lacking(event.payload, payload, ""), *(p for p in asked if not _has(payload, p))]
    return Approval(event.name, Raw(encode(payload)), tuple(dict.fromkeys(lacking)))


def _approving(fleet: Fleet, part: GatePart) -> EventType | None:
    """The first event type that can fill `part`, if all of them are decisions of people."""
    types = [event for name, event in sorted(fleet.events.items()) if matches(part.pattern, name)]
    if types and all(event.approval and event.from_people for event in types):
        return types[0]
    return None


def _settled(when: str) -> tuple[dict[str, Any], list[str]]:
    """The values that a condition demands, by path, and the paths that it asks for otherwise."""
    parsed = parse(when) if when else ()
    if isinstance(parsed, tuple):  # no condition, or one that does not parse: a finding of its own
        return {}, []
    values: dict[str, Any] = {}
    others: list[str] = []
    for clause in clauses(parsed):
        found = _demanded(clause)
        values.update(found)
        if not found:
            others += [path for path in fields(clause) if path.startswith("payload.")]
    return values, others


def _demanded(clause: Expr) -> dict[str, Any]:
    match clause:
        case Compare(field=field, operator="==", value=value) if field.names[0] == "payload":
            return {str(field): value.value}
        case Flag(field=field) if field.names[0] == "payload":
            return {str(field): True}
        case Not(operand=Flag(field=field)) if field.names[0] == "payload":
            return {str(field): False}
        case _:
            return {}


def _lacking(kind: ObjectType, payload: Mapping[str, Any], where: str) -> Iterator[str]:
    """The members that `kind` requires and `payload` has not, as dotted paths."""
    for field in kind.fields:
        there = payload.get(field.name)
        if isinstance(field.type, ObjectType) and isinstance(there, dict):
            yield from _lacking(field.type, there, f"{where}{field.name}.")
        elif there is None and not field.optional:
            yield f"{where}{field.name}"


def _has(payload: Mapping[str, Any], path: str) -> bool:
    *way, last = path.split(".")
    inside: Any = payload
    for name in way:
        inside = inside.get(name) if isinstance(inside, dict) else None
    return isinstance(inside, dict) and last in inside
