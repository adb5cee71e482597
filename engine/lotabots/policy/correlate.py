"""Gates as events come: what a correlator is told, and what comes of its answers.

Everything that needs the payload happens here: join keys, the values that ``set:`` copies, the
event of a complete gate. The correlator gets numbers and texts only, so that another
implementation of it has nothing to be fooled with.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, assert_never

import msgspec
from msgspec import UNSET, Raw

from lotabots.diagnostics import codes
from lotabots.model.bot import Counter
from lotabots.model.fleet import GateKind
from lotabots.model.names import ENGINE
from lotabots.policy import correlator
from lotabots.policy.correlator import Mark, empty, feed
from lotabots.policy.decision import Decision, EmitEvent, GateDropped, Ignore, Step, Wait
from lotabots.policy.moment import micros, moment
from lotabots.policy.payload import MEMBER, encode
from lotabots.policy.state import with_gate

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.model.envelope import Stamp
    from lotabots.policy.correlator import Dropped, Fed, GateState, Match, Seen
    from lotabots.policy.decision import Effect, Verdict
    from lotabots.policy.rules import GateRule, Policy
    from lotabots.policy.state import State

COMPLETING: Final = -1
"""The part of a copy that comes from the event which completes the gate."""

_PLAIN_DIGITS: Final = 400
"""Whole numbers up to this many zeros are written out in a key; nobody needs more."""


def advance(policy: Policy, state: State, now: datetime) -> Step:
    """What time alone brings about by `now`: silence that was waited for, and keys that expire.

    The record has no event; its verdicts are those of the gates, in the order of their names.
    """
    verdicts: list[Verdict] = []
    effects: list[Effect] = []
    for target, gate in policy.gates.items():
        before = state.gates.get(target)
        if before is None or before.spec != gate.spec:
            continue
        after, matches, lost = correlator.advance(before, micros(now))
        if after is not before:
            state = with_gate(state, target, after)
        verdicts.extend(gate.complete for _ in matches)
        effects.extend(emitted(gate, match) for match in matches)
        verdicts.extend(_expired(gate, one) for one in lost)
        effects.extend(dropped(gate, one) for one in lost)
    decision = Decision("", "", ENGINE, tuple(verdicts), policy.digest, now)
    return Step(state, decision, tuple(effects))


def take(
    state: GateState | None, gate: GateRule, mark: Mark
) -> tuple[GateState, Verdict, tuple[Effect, ...]]:
    """Feed the gate: the gate after, its verdict, and what is to be done."""
    state, changed = current(state, gate)
    fed = feed(state, mark)
    effects: tuple[Effect, ...] = (
        *changed,
        *(dropped(gate, one) for one in fed.dropped),
        *(emitted(gate, match) for match in fed.matches),
    )
    return fed.state, _verdict(gate, fed), effects


def mark_of(
    gate: GateRule, parts: tuple[int, ...], *, payload: object, event_id: str, stamp: Stamp
) -> Mark | None:
    """What the correlator is told of an event; None if a field of the key is absent."""
    values = [member_at(payload, path) for path in gate.keys]
    if any(value is UNSET for value in values):
        return None
    copies = tuple(_copy(payload, path) for _, _, path in gate.copies)
    return Mark(key_text(values), parts, micros(stamp.received), event_id, copies, stamp.hops)


def current(state: GateState | None, gate: GateRule) -> tuple[GateState, tuple[Effect, ...]]:
    """The state of `gate`; a fresh one, with a record, if it was stored for another gate."""
    if state is None:
        return empty(gate.spec), ()
    if state.spec == gate.spec:
        return state, ()
    lost = GateDropped(gate.target, "", "changed") if state.size else None
    return empty(gate.spec), (lost,) if lost else ()


def dropped(gate: GateRule, one: Dropped) -> GateDropped:
    """The effect that records what a gate gave up."""
    return GateDropped(gate.target, one.key, one.reason, _causes(one.seen))


def emitted(gate: GateRule, match: Match) -> EmitEvent:
    """The event that a complete gate emits: its join keys, its constants, its copies."""
    payload: dict[str, Any] = {}
    for path, value in zip(gate.keys, key_values(match.key), strict=True):
        put(payload, path, value)
    for path, value in gate.constants:
        put(payload, path, value)
    hops = max(seen.hops for seen in match.seen) + 1
    for path, counter, plus in gate.counters:
        put(payload, path, plus + (hops if counter is Counter.HOPS else 1))
    for number, (path, part, _) in enumerate(gate.copies):
        text = _copied(match.seen, part, number)
        if text:
            put(payload, path, Raw(text.encode()))
    return EmitEvent(
        gate.target, gate.emit, encode(payload).decode(), match.key, _causes(match.seen), hops
    )


def member_at(payload: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """The member of a decoded payload at `path`; `UNSET` if it, or an object above, is absent."""
    for name in path:
        payload = getattr(payload, MEMBER + name, UNSET)
        if payload is UNSET:
            return UNSET
    return payload


def put(payload: dict[str, Any], path: tuple[str, ...], value: Any) -> None:  # noqa: ANN401
    """Set a member of a payload that is being built, with the objects on the way to it."""
    for name in path[:-1]:
        inside = payload.setdefault(name, {})
        if not isinstance(inside, dict):
            return  # two rules write into each other: the event will not pass its own schema
        payload = inside
    payload[path[-1]] = value


def key_text(values: list[Any]) -> str:
    """The join key of `values`: equal exactly if the values are, whatever their JSON spelling."""
    return encode([_plain(value) for value in values]).decode()


def key_values(key: str) -> list[Any]:
    """The values that `key_text` wrote, numbers exact."""
    values: list[Any] = _KEY.decode(key)
    return values


def lacking(gate: GateRule, seen: tuple[Seen, ...]) -> tuple[str, ...]:
    """What a gate that has `seen` for a key still waits for, in words; empty for nothing."""
    match gate.spec.kind:
        case GateKind.COUNT:
            return (f"{gate.waits_for[0]} ({gate.spec.times - len(seen)} more)",)
        case GateKind.ABSENT:
            return (f"no {gate.waits_for[0]}",)
        case GateKind.ALL | GateKind.ANY:
            there = {one.part for one in seen}
            return tuple(p for n, p in enumerate(gate.waits_for) if n not in there)
        case _:
            assert_never(gate.spec.kind)


def _expired(gate: GateRule, lost: Dropped) -> Ignore:
    reason = f"`{gate.target}` no longer waits for {_listed(lacking(gate, lost.seen))}"
    return Ignore(gate.target, codes.GATE_EXPIRED.code, reason, gate.rule)


def _verdict(gate: GateRule, fed: Fed) -> Verdict:
    if fed.matches:
        return gate.complete
    if fed.satisfied or not fed.seen:
        reason = f"`{gate.target}` waits for nothing more of this key"
        return Ignore(gate.target, codes.GATE_SATISFIED.code, reason, gate.rule)
    missing = lacking(gate, fed.seen)
    until = moment(min(one.at for one in fed.seen) + gate.spec.within)
    reason = f"`{gate.target}` waits for {_listed(missing)}"
    return Wait(gate.target, codes.GATE_WAITS.code, reason, gate.rule, until, missing)


def _listed(missing: tuple[str, ...]) -> str:
    return ", ".join(f"`{one}`" for one in missing)


def _copy(payload: object, path: tuple[str, ...]) -> str:
    value = member_at(payload, path)
    return "" if value is UNSET else encode(value).decode()


def _copied(seen: tuple[Seen, ...], part: int, number: int) -> str:
    wanted = [one for one in seen if part in (COMPLETING, one.part)]
    return max(wanted, key=lambda one: one.at).copies[number] if wanted else ""


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON scalar
    """`value` such that equal numbers have equal text; a huge exponent stays an exponent."""
    if type(value) is int and abs(value) >= _HUGE:
        value = Decimal(value)
    if type(value) is not Decimal:
        return value
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    exponent = int(exponent) + len(text) - len(stripped)
    if not stripped:
        return 0
    if 0 <= exponent <= _PLAIN_DIGITS:
        return int(stripped + "0" * exponent) * (-1 if sign else 1)
    return Decimal((sign, tuple(map(int, stripped)), exponent))


def _causes(seen: tuple[Seen, ...]) -> tuple[str, ...]:
    return tuple(sorted({one.event_id for one in seen}))


_HUGE: Final = 10**_PLAIN_DIGITS
_KEY: Final = msgspec.json.Decoder(list[Any], float_hook=Decimal)
