"""One event, one decision: pure and total.

The questions are asked in the documented order (docs/decisions.md), and the first "no" is the
answer. What the rules alone decide was settled by `compile`: for one event there remain decoding,
two look-ups, and one compiled condition for each candidate that has one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from lotabots.condition.translate import HOLDS
from lotabots.diagnostics import codes
from lotabots.model.envelope import (
    ANYONE,
    MAX_DEPTH,
    MAX_EVENT,
    TOO_DEEP,
    Envelope,
    Event,
    Stamp,
    depth,
    read_envelope,
    why_malformed,
)
from lotabots.policy.breaker import Phase, Signal, lets_through
from lotabots.policy.correlate import mark_of, take
from lotabots.policy.decision import Decision, Dispatch, Reject, Saw, StartJob, Step
from lotabots.policy.moment import moment
from lotabots.policy.payload import DECODE_ERRORS, said
from lotabots.policy.state import with_gate, with_signal
from lotabots.policy.verdicts import (
    breaker_open,
    condition_error,
    disabled,
    expires_first,
    forged_source,
    invalid_payload,
    key_absent,
    not_rolled_out,
    over_quota,
    unknown_type,
)

if TYPE_CHECKING:
    from lotabots.policy.breaker import Breaker
    from lotabots.policy.decision import Effect, Verdict
    from lotabots.policy.rules import (
        BotRule,
        Candidate,
        Case,
        EventRule,
        GateCandidate,
        Policy,
        TriggerRule,
    )
    from lotabots.policy.state import State

SKEW: Final = timedelta(minutes=5)
"""How far the sender's clock may be ahead of ours."""

_OLDEST_SKEW: Final = -SKEW


class Asked(Struct, frozen=True, gc=False):
    """One event on its way through, decoded: `head` and `payload` are the sender's words."""

    head: Envelope
    stamp: Stamp
    payload: Any
    now: datetime


class EventFacts(Struct, frozen=True, gc=False):
    """What a condition reads as ``event.``; attributes as in decoded payloads."""

    f_priority: str
    f_attempt: int
    f_hops: int


def decide(policy: Policy, state: State, event: Event, now: datetime) -> Step:
    """The decision on `event`, and the state after it. Times must have a zone."""
    return _decide(policy, state, event.envelope, event.stamp, now)


def decide_bytes(policy: Policy, state: State, raw: bytes, stamp: Stamp, now: datetime) -> Step:
    """The decision on the event that `raw` is; every `raw` gets one."""
    try:
        if len(raw) <= MAX_EVENT:
            return _decide(policy, state, read_envelope(raw), stamp, now)
        code, reason = codes.TOO_LARGE, f"{len(raw)} bytes, {MAX_EVENT} are allowed"
    except DECODE_ERRORS as error:
        code, reason = codes.MALFORMED, why_malformed(raw, error)
    refused = Reject("", code.code, reason, policy.envelope)
    return Step(state, Decision("", "", stamp.source, (refused,), policy.digest, now))


def _decide(policy: Policy, state: State, envelope: Envelope, stamp: Stamp, now: datetime) -> Step:
    """The whole-event questions in the order of the documentation, then the candidates."""
    rule = policy.events.get(envelope.type)
    source = stamp.source
    refused: Reject | None
    if rule is None:
        refused = unknown_type(envelope.type, policy.catalogue)
        return _refuse(policy, state, refused, envelope, source, now)
    case = rule.cases.get(source) or rule.case(source)
    refused = policy.unsound or case.refused
    if refused is None and envelope.source != source:
        refused = forged_source(envelope.source, source, rule.ref)
    if refused is not None:
        return _refuse(policy, state, refused, envelope, source, now)
    try:
        payload = rule.decode(envelope.payload)
    except DECODE_ERRORS as error:
        refused = _unreadable(policy, rule, envelope, error)
        return _refuse(policy, state, refused, envelope, source, now)
    named: Case | None = case
    if envelope.destination != ANYONE:
        named = rule.case_for(case, envelope.destination)
    if (
        named is None
        or not _OLDEST_SKEW <= now - envelope.timestamp <= policy.max_age
        or stamp.hops > policy.max_hops
        or stamp.duplicate
    ):
        refused = _refusal(policy, envelope, stamp=stamp, known=named is not None, now=now)
        return _refuse(policy, state, refused, envelope, source, now)
    verdicts = named.template
    effects: tuple[Effect, ...] = ()
    if named.live:
        asked = Asked(envelope, stamp, payload, now)
        state, verdicts, effects = _ask_all(policy, state, asked, named)
    decision = Decision(envelope.id, rule.name, source, verdicts, policy.digest, now)
    return Step(state, decision, effects)


def _refuse(
    policy: Policy, state: State, refused: Reject, envelope: Envelope, source: str, now: datetime
) -> Step:
    decision = Decision(envelope.id, envelope.type, source, (refused,), policy.digest, now)
    return Step(state, decision)


def _unreadable(policy: Policy, rule: EventRule, envelope: Envelope, error: Exception) -> Reject:
    """LR006, or LR001 for what no type could allow: nesting that exhausts a decoder."""
    if depth(bytes(envelope.payload)) >= MAX_DEPTH:
        return Reject("", codes.MALFORMED.code, TOO_DEEP, policy.envelope)
    return invalid_payload(said(error), rule.ref)


def _refusal(policy: Policy, head: Envelope, *, stamp: Stamp, known: bool, now: datetime) -> Reject:
    """LR007 to LR011: the first of them that holds."""
    age = now - head.timestamp
    if not known:
        reason, code = f"unknown destination `{head.destination}`", codes.UNKNOWN_DESTINATION
    elif age > policy.max_age:
        reason, code = f"{age} old, {policy.max_age} is allowed", codes.EXPIRED
    elif age < _OLDEST_SKEW:
        reason, code = f"its time is {-age} ahead, {SKEW} is allowed", codes.FROM_THE_FUTURE
    elif stamp.hops > policy.max_hops:
        reason, code = f"{stamp.hops} hops, {policy.max_hops} are allowed", codes.HOP_LIMIT
    else:
        reason = f"`{stamp.source}` sent an event `{head.id}` before"
        code = codes.DUPLICATE
    return Reject("", code.code, reason, policy.fleet)


def _ask_all(
    policy: Policy, state: State, asked: Asked, case: Case
) -> tuple[State, tuple[Verdict, ...], tuple[Effect, ...]]:
    """Every candidate whose verdict depends on the event, in the order of their names."""
    verdicts = list(case.template)
    effects: tuple[Effect, ...] = ()
    facts = _facts(asked) if case.reads_event else None
    payload = asked.payload
    at_rest = not (state.bots or state.rollout)
    for candidate in case.bots:
        verdict, trigger = _ask(candidate, payload, facts)
        if trigger is not None and not at_rest:
            bot = candidate.bot
            state, verdict = _in_state(state, trigger, policy=policy, bot=bot, asked=asked)
        if isinstance(verdict, Dispatch):
            effects += (StartJob(verdict.target, verdict.action, asked.head.id, payload),)
        verdicts[candidate.slot] = verdict
    for gate in case.gates:
        state, verdicts[gate.slot], more = _feed(state, gate, asked=asked, facts=facts)
        effects += more
    return state, tuple(verdicts), effects


def _facts(asked: Asked) -> EventFacts:
    return EventFacts(asked.head.priority, asked.stamp.attempt, asked.stamp.hops)


def _ask(
    candidate: Candidate, payload: object, facts: EventFacts | None
) -> tuple[Verdict, TriggerRule | None]:
    """The verdict at rest and the first trigger that holds; or why the first one does not."""
    try:
        clause = HOLDS if candidate.holds is None else candidate.holds(payload, facts)
        if clause == HOLDS:
            return candidate.at_rest, candidate.first
        for trigger in candidate.more:
            if trigger.holds is None or trigger.holds(payload, facts) == HOLDS:
                return trigger.at_rest, trigger
    except Exception:  # noqa: BLE001 - whatever it is: a rule that errors rejects
        rule = candidate.first.passed.rule
        return condition_error(candidate.bot.name, rule, _CANNOT), None
    return candidate.missed or candidate.failed[clause], None


def _in_state(
    state: State, trigger: TriggerRule, *, policy: Policy, bot: BotRule, asked: Asked
) -> tuple[State, Verdict]:
    """The verdict for a bot that the rules allow, or not, in a fleet that is not at rest."""
    passed = trigger.passed
    if isinstance(passed, Reject):
        return state, passed
    at, approved = state.bot(bot.name), passed.saw is not None and passed.saw.approved
    rollout = state.rollout or policy.rollout
    saw = Saw(bot.enabled and not at.disabled, at.breaker.phase, at.queued, rollout, approved)
    hindrance = _hindrance(bot, saw, policy=policy, breaker=at.breaker, asked=asked)
    if hindrance is not None:
        return state, hindrance
    if at.breaker.phase is not Phase.CLOSED:
        state = with_signal(state, bot.name, Signal.ASK, policy=bot.breaker, now=asked.now)
    return state, Dispatch(bot.name, passed.action, passed.rule, saw)


def _hindrance(
    bot: BotRule, saw: Saw, *, policy: Policy, breaker: Breaker, asked: Asked
) -> Verdict | None:
    """What keeps the bot from its job at this moment, in the documented order."""
    if not saw.enabled:
        return disabled(bot, saw)
    if not policy.rolled_out(bot.phase, saw.rollout):
        return not_rolled_out(bot, saw)
    if not lets_through(breaker, now=asked.now):
        until = moment(breaker.until)
        lasts = until - asked.head.timestamp <= policy.max_age
        return breaker_open(bot, until, saw) if lasts else expires_first(bot, saw)
    return over_quota(bot, saw) if saw.queued >= bot.max_queued else None


def _feed(
    state: State, candidate: GateCandidate, *, asked: Asked, facts: EventFacts | None
) -> tuple[State, Verdict, tuple[Effect, ...]]:
    """Give the event to a gate, if it belongs there."""
    gate, missed = candidate.gate, candidate.missed
    parts: list[int] = []
    for part in candidate.parts:
        if part.flaw is not None:
            return state, part.flaw, ()
        try:
            clause = HOLDS if part.holds is None else part.holds(asked.payload, facts)
        except Exception:  # noqa: BLE001 - whatever it is: a rule that errors rejects
            return state, condition_error(gate.target, part.rule, _CANNOT), ()
        if clause == HOLDS:
            parts.append(part.number)
        elif part is candidate.first:
            missed = part.failed[clause]
    if not parts:
        return state, missed, ()
    mark = mark_of(
        gate, tuple(parts), payload=asked.payload, event_id=asked.head.id, stamp=asked.stamp
    )
    if mark is None:
        return state, key_absent(gate.target, gate.rule), ()
    after, verdict, effects = take(state.gates.get(gate.target), gate, mark)
    return with_gate(state, gate.target, after), verdict, effects


_CANNOT: Final = "the condition cannot be evaluated"
