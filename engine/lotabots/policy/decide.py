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
from lotabots.diagnostics.words import counted
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
    reason,
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
)

if TYPE_CHECKING:
    from lotabots.policy.decision import Effect, Verdict
    from lotabots.policy.rules import (
        BotRule,
        Candidate,
        Case,
        GateCandidate,
        Policy,
    )
    from lotabots.policy.state import State

SKEW: Final = timedelta(minutes=5)
"""How far the sender's clock may be ahead of ours."""

_OLDEST_SKEW: Final = -SKEW
_LIST: Final = ord("[")
"""A number, because `in` takes one ten times as fast as a text of one byte."""

_NONE: Final[tuple[Effect, ...]] = ()


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
    """The decision on `event`, and the state after it. Times must have a zone.

    The envelope must be one that `lotabots.model.envelope.decode_envelope` gave: the limits of size
    and depth are its own.
    """
    return _decide(policy, state, event.envelope, event.stamp, now)


def decide_bytes(policy: Policy, state: State, raw: bytes, stamp: Stamp, now: datetime) -> Step:
    """The decision on the event that `raw` is; every `raw` gets one."""
    if len(raw) > MAX_EVENT:
        text = f"{len(raw)} bytes, {MAX_EVENT} are allowed"
        return _unread(policy, state, codes.TOO_LARGE.code, text, stamp, now)
    # Before decoding: an open payload has room for any depth, and how much of it a decoder stands
    # depends on who calls it. Few events have a list, and one count is half the cost of two.
    if (_LIST in raw or raw.count(b"{") > MAX_DEPTH) and depth(raw) > MAX_DEPTH:
        return _unread(policy, state, codes.MALFORMED.code, TOO_DEEP, stamp, now)
    try:
        envelope = read_envelope(raw)
    except DECODE_ERRORS as error:
        return _unread(policy, state, codes.MALFORMED.code, reason(error), stamp, now)
    return _decide(policy, state, envelope, stamp, now)


def _unread(
    policy: Policy, state: State, code: str, text: str, stamp: Stamp, now: datetime
) -> Step:
    refused = Reject("", code, text, policy.envelope)
    return Step(state, Decision("", "", stamp.source, (refused,), policy.digest, now))


def _decide(  # noqa: C901, PLR0911 - the questions in their order; calls cost time
    policy: Policy, state: State, head: Envelope, stamp: Stamp, now: datetime
) -> Step:
    """The whole-event questions in the order of the documentation, then the candidates."""
    source = stamp.source
    try:
        case = policy.cases[source][head.type]
    except KeyError:
        found = policy.case(source, head.type)
        if isinstance(found, Reject):
            return _refuse(policy, state, found, head, stamp, now)
        case = found
    if head.source != source:
        refused = forged_source(head.source, source, policy.events[head.type].ref)
        return _refuse(policy, state, refused, head, stamp, now)
    try:
        payload = case.decode(head.payload)
    except DECODE_ERRORS as error:
        refused = invalid_payload(said(error), policy.events[head.type].ref)
        return _refuse(policy, state, refused, head, stamp, now)
    age = now - head.timestamp
    if (
        age > policy.max_age
        or age < _OLDEST_SKEW
        or stamp.hops > policy.max_hops
        or stamp.duplicate
        or head.destination != ANYONE
    ):
        return _decide_addressed(policy, state, Asked(head, stamp, payload, now), case)
    effects, ask = _NONE, case.ask
    if ask is None:
        if case.live:
            return _ask_all(policy, state, Asked(head, stamp, payload, now), case)
        verdicts = case.template
    else:  # one bot, and no more to it
        try:
            answer = ask(payload, None)
        except Exception:  # noqa: BLE001 - whatever it is: it is asked again, and answered for
            return _ask_all(policy, state, Asked(head, stamp, payload, now), case)
        verdicts = case.answers[answer]
        if answer < 0:
            if state.bots or state.rollout:
                return _ask_all(policy, state, Asked(head, stamp, payload, now), case)
            verdict = verdicts[case.slot]
            if type(verdict) is Dispatch:
                effects = (StartJob(verdict.target, verdict.action, head.id, payload),)
    decision = Decision(head.id, head.type, source, verdicts, policy.digest, now)
    return Step(state, decision, effects)


def _decide_addressed(policy: Policy, state: State, asked: Asked, case: Case) -> Step:
    """The decision on an event that names a bot, or is too late, too early, or sent once more."""
    head, refused, meant = asked.head, None, case
    if head.destination != ANYONE:
        found = policy.addressed(case, head.type, head.destination)
        if found is None:
            text = f"unknown destination `{head.destination}`"
            refused = Reject("", codes.UNKNOWN_DESTINATION.code, text, policy.fleet)
        else:
            meant = found
    refused = refused or _refusal(policy, asked)
    if refused is not None:
        return _refuse(policy, state, refused, head, asked.stamp, asked.now)
    return _ask_all(policy, state, asked, meant)


def _refuse(
    policy: Policy, state: State, refused: Reject, head: Envelope, stamp: Stamp, now: datetime
) -> Step:
    decision = Decision(head.id, head.type, stamp.source, (refused,), policy.digest, now)
    return Step(state, decision)


def _refusal(policy: Policy, asked: Asked) -> Reject | None:
    """LR008 to LR011: the first of them that holds."""
    stamp, age = asked.stamp, asked.now - asked.head.timestamp
    if age > policy.max_age:
        text, code = f"{age} old, {policy.max_age} is allowed", codes.EXPIRED
    elif age < _OLDEST_SKEW:
        text, code = f"its time is {-age} ahead, {SKEW} is allowed", codes.FROM_THE_FUTURE
    elif stamp.hops > policy.max_hops:
        allowed = counted(policy.max_hops, "is allowed", many="are allowed")
        text, code = f"{counted(stamp.hops, 'hop')}, {allowed}", codes.HOP_LIMIT
    elif stamp.duplicate:
        text = f"`{stamp.source}` sent an event `{asked.head.id}` before"
        code = codes.DUPLICATE
    else:
        return None
    return Reject("", code.code, text, policy.fleet)


def _ask_all(policy: Policy, state: State, asked: Asked, case: Case) -> Step:
    """Every candidate whose verdict depends on the event, in the order of their names."""
    head, effects = asked.head, _NONE
    verdicts = case.template
    if case.live:
        state, verdicts, effects = _ask_each(policy, state, asked, case)
    decision = Decision(head.id, head.type, head.source, verdicts, policy.digest, asked.now)
    return Step(state, decision, effects)


def _ask_each(
    policy: Policy, state: State, asked: Asked, case: Case
) -> tuple[State, tuple[Verdict, ...], tuple[Effect, ...]]:
    """State, verdicts and effects after every candidate that has a question was asked it."""
    verdicts = list(case.template)
    effects = _NONE
    facts = _facts(asked.head, asked.stamp) if case.reads_event else None
    for candidate in case.bots:
        try:
            answer = candidate.ask(asked.payload, facts)
            verdict = candidate.outcomes[answer]
        except Exception:  # noqa: BLE001 - whatever it is: a rule that errors rejects
            answer, verdict = 0, _unanswered(candidate)
        if answer < 0:
            state, verdict = _in_state(policy, state, asked, candidate, answer)
            effects += _jobs(verdict, asked)
        verdicts[candidate.slot] = verdict
    for gate in case.gates:
        state, verdicts[gate.slot], more = _feed(state, gate, asked=asked, facts=facts)
        effects += more
    return state, tuple(verdicts), effects


def _facts(head: Envelope, stamp: Stamp) -> EventFacts:
    return EventFacts(head.priority, stamp.attempt, stamp.hops)


def _unanswered(candidate: Candidate) -> Reject:
    """LR107: the condition of a bot failed."""
    return condition_error(candidate.bot.name, candidate.passed[HOLDS].rule, _CANNOT)


def _jobs(verdict: Verdict, asked: Asked) -> tuple[Effect, ...]:
    if not isinstance(verdict, Dispatch):
        return _NONE
    return (StartJob(verdict.target, verdict.action, asked.head.id, asked.payload),)


def _in_state(
    policy: Policy, state: State, asked: Asked, candidate: Candidate, answer: int
) -> tuple[State, Verdict]:
    """The verdict for a bot that has a trigger that holds, in the state of the fleet."""
    bot, passed = candidate.bot, candidate.passed[answer]
    if not state.rollout and bot.name not in state.bots:
        return state, candidate.outcomes[answer]
    if isinstance(passed, Reject):
        return state, passed
    at, approved = state.bot(bot.name), passed.saw is not None and passed.saw.approved
    rollout = state.rollout or policy.rollout
    saw = Saw(bot.enabled and not at.disabled, at.breaker.phase, at.queued, rollout, approved)
    hindrance = _hindrance(bot, saw, policy=policy, state=state, asked=asked)
    if hindrance is not None:
        return state, hindrance
    if at.breaker.phase is not Phase.CLOSED:
        state = with_signal(state, bot.name, Signal.ASK, policy=bot.breaker, now=asked.now)
    return state, Dispatch(bot.name, passed.action, passed.rule, saw)


def _hindrance(
    bot: BotRule, saw: Saw, *, policy: Policy, state: State, asked: Asked
) -> Verdict | None:
    """What keeps the bot from its job at this moment, in the documented order."""
    at = state.bot(bot.name)
    if not saw.enabled:
        return disabled(bot, saw, said=at.said)
    if not policy.rolled_out(bot.phase, saw.rollout):
        return not_rolled_out(bot, saw, said=state.said)
    breaker = at.breaker
    if not lets_through(breaker, now=asked.now):
        until = moment(breaker.until)
        lasts = until - asked.head.timestamp <= policy.max_age
        return breaker_open(bot, until, saw) if lasts else expires_first(bot, saw)
    return over_quota(bot, saw) if saw.queued >= bot.max_queued else None


def _feed(
    state: State, candidate: GateCandidate, *, asked: Asked, facts: EventFacts | None
) -> tuple[State, Verdict, tuple[Effect, ...]]:
    """Give the event to a gate, if it belongs there."""
    gate, furthest = candidate.gate, HOLDS
    parts: list[int] = []
    for part, reached in candidate.parts:
        if part.flaw is not None:
            return state, part.flaw, ()
        try:
            clause = HOLDS if part.holds is None else part.holds(asked.payload, facts)
        except Exception:  # noqa: BLE001 - whatever it is: a rule that errors rejects
            return state, condition_error(gate.target, part.rule, _CANNOT), ()
        if clause == HOLDS:
            parts.append(part.number)
        elif reached[clause] > furthest:
            furthest = reached[clause]
    if not parts:
        return state, candidate.failed[furthest], ()
    mark = mark_of(
        gate, tuple(parts), payload=asked.payload, event_id=asked.head.id, stamp=asked.stamp
    )
    if mark is None:
        return state, key_absent(gate.target, gate.rule), ()
    after, verdict, effects = take(state.gates.get(gate.target), gate, mark)
    return with_gate(state, gate.target, after), verdict, effects


_CANNOT: Final = "the condition cannot be evaluated"
