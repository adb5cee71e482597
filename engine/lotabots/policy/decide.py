"""One event, one decision: pure and total.

`decide_bytes` tries the short way first: one pass over the bytes decodes and checks envelope and
payload, one look-up finds the prepared case, and one compiled condition is asked for each
candidate that needs it. Whatever is not perfect goes the careful way, which asks the questions
one by one, in the documented order, and says which was answered with "no". Both ways end in the
same `_judge`; a property test holds them together.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from lotabots.condition.translate import HOLDS
from lotabots.diagnostics import codes
from lotabots.model.envelope import (
    ANYONE,
    MAX_EVENT,
    Event,
    Head,
    MalformedError,
    Stamp,
    decode_envelope,
)
from lotabots.policy.breaker import Phase, Signal, lets_through
from lotabots.policy.correlate import mark_of, take
from lotabots.policy.decision import Decision, Dispatch, Reject, Saw, StartJob, Step
from lotabots.policy.moment import moment
from lotabots.policy.payload import DECODE_ERRORS, PayloadError
from lotabots.policy.rules import (
    EventRule,
    TriggerRule,
)
from lotabots.policy.state import with_gate, with_signal
from lotabots.policy.verdicts import (
    breaker_open,
    condition_error,
    disabled,
    expires_first,
    key_absent,
    not_rolled_out,
    over_quota,
)

if TYPE_CHECKING:
    from lotabots.policy.breaker import Breaker
    from lotabots.policy.decision import Effect, Verdict
    from lotabots.policy.rules import (
        BotRule,
        Candidate,
        Case,
        GateCandidate,
        PartRule,
        Policy,
    )
    from lotabots.policy.state import State

SKEW: Final = timedelta(minutes=5)
"""How far the sender's clock may be ahead of ours."""

_OLDEST_SKEW: Final = -SKEW


class Asked(Struct, frozen=True, gc=False):
    """One event on its way through, decoded: `head` and `payload` are the sender's words."""

    head: Head
    stamp: Stamp
    rule: EventRule
    payload: Any
    now: datetime


class EventFacts(Struct, frozen=True, gc=False):
    """What a condition reads as ``event.``; attributes as in decoded payloads."""

    f_priority: str
    f_attempt: int
    f_hops: int


def decide(policy: Policy, state: State, event: Event, now: datetime) -> Step:
    """The decision on `event`, and the state after it. Times must have a zone."""
    envelope, stamp = event.envelope, event.stamp
    rule = policy.events.get(envelope.type)
    if rule is None:
        reason = f"unknown event type `{envelope.type}`"
        refused = Reject("", codes.UNKNOWN_TYPE.code, reason, policy.catalogue)
    else:
        found = _admit(policy, rule, event)
        if not isinstance(found, Reject):
            return _judge(policy, state, Asked(envelope, stamp, rule, found, now))
        refused = found
    decision = Decision(envelope.id, envelope.type, stamp.source, (refused,), policy.digest, now)
    return Step(state, decision)


def decide_bytes(policy: Policy, state: State, raw: bytes, stamp: Stamp, now: datetime) -> Step:
    """The decision on the event that `raw` is; every `raw` gets one."""
    if len(raw) > MAX_EVENT:
        reason = f"{len(raw)} bytes, {MAX_EVENT} are allowed"
        return _unread(policy, state, (codes.TOO_LARGE.code, reason), stamp=stamp, now=now)
    try:
        head = policy.read(raw)
        if head.source == stamp.source and head.rule.case(stamp.source).refused is None:
            return _judge(policy, state, Asked(head, stamp, head.rule, head.payload, now))
    except DECODE_ERRORS:
        pass  # the careful way says what is wrong
    try:
        envelope = decode_envelope(raw)
    except MalformedError as error:
        return _unread(policy, state, (codes.MALFORMED.code, str(error)), stamp=stamp, now=now)
    return decide(policy, state, Event(envelope, stamp), now)


def _unread(
    policy: Policy, state: State, why: tuple[str, str], *, stamp: Stamp, now: datetime
) -> Step:
    refused = Reject("", *why, policy.envelope)
    return Step(state, Decision("", "", stamp.source, (refused,), policy.digest, now))


def _admit(policy: Policy, rule: EventRule, event: Event) -> Any:  # noqa: ANN401 - the payload
    """The decoded payload, or the first reason to refuse the whole event."""
    source, claimed = event.stamp.source, event.envelope.source
    if policy.unsound is not None:
        return policy.unsound
    refused = rule.case(source).refused
    if refused is not None:
        return refused
    if claimed != source:
        reason = f"the event says it is from `{claimed}`, but `{source}` sent it"
        return Reject("", codes.SOURCE_NOT_ALLOWED.code, reason, rule.ref)
    try:
        return rule.reader.read(event.envelope.payload)
    except PayloadError as error:
        return Reject("", codes.PAYLOAD_INVALID.code, str(error), rule.ref)


def _judge(policy: Policy, state: State, asked: Asked) -> Step:
    head, rule, stamp = asked.head, asked.rule, asked.stamp
    source = stamp.source
    case: Case | None = rule.case(source)
    if head.destination != ANYONE and case is not None:
        case = rule.case_for(case, head.destination)
    if (
        case is None
        or not _OLDEST_SKEW <= asked.now - head.timestamp <= policy.max_age
        or stamp.hops > policy.max_hops
        or stamp.duplicate
    ):
        refused = _refusal(policy, asked, known=case is not None)
        return Step(
            state, Decision(head.id, rule.name, source, (refused,), policy.digest, asked.now)
        )
    verdicts = case.template
    effects: tuple[Effect, ...] = ()
    if case.bots or case.gates:
        state, verdicts, effects = _ask_all(state, case, policy=policy, asked=asked)
    decision = Decision(head.id, rule.name, source, verdicts, policy.digest, asked.now)
    return Step(state, decision, effects)


def _refusal(policy: Policy, asked: Asked, *, known: bool) -> Reject:
    """Why the whole event is refused, in the documented order."""
    head, stamp = asked.head, asked.stamp
    age = asked.now - head.timestamp
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
    state: State, case: Case, *, policy: Policy, asked: Asked
) -> tuple[State, tuple[Verdict, ...], tuple[Effect, ...]]:
    """Every candidate whose verdict depends on the event, in the order of their names."""
    verdicts = list(case.template)
    effects: tuple[Effect, ...] = ()
    for candidate in case.bots:
        verdict = _ask(candidate, asked)
        if isinstance(verdict, TriggerRule):
            bot = candidate.bot
            if bot.name in state.bots or state.rollout:
                state, verdict = _in_state(state, verdict, policy=policy, bot=bot, asked=asked)
            else:
                verdict = verdict.at_rest
            if isinstance(verdict, Dispatch):
                job = StartJob(bot.name, verdict.action, asked.head.id, asked.payload)
                effects = (*effects, job)
        verdicts[candidate.slot] = verdict
    for gate in case.gates:
        state, verdicts[gate.slot], more = _feed(state, gate, asked)
        effects = (*effects, *more)
    return state, tuple(verdicts), effects


def _ask(candidate: Candidate, asked: Asked) -> TriggerRule | Verdict:
    """The first trigger that holds, or why the first one does not."""
    missed: Verdict = candidate.missed
    for trigger in candidate.triggers:
        if trigger.holds is None:
            return trigger
        clause = _clause(trigger, asked)
        if clause == HOLDS:
            return trigger
        if clause == _FAILED:
            return condition_error(candidate.bot.name, trigger.passed.rule, _CANNOT)
        if trigger is candidate.first:
            missed = trigger.failed[clause]
    return missed


def _clause(rule: TriggerRule | PartRule, asked: Asked) -> int:
    """`HOLDS`, the number of the first false clause, or `_FAILED`."""
    if rule.holds is None:
        return HOLDS
    facts = None
    if rule.reads_event:
        stamp = asked.stamp
        facts = EventFacts(asked.head.priority, stamp.attempt, stamp.hops)
    try:
        return rule.holds(asked.payload, facts)
    except Exception:  # noqa: BLE001 - whatever it is: a rule that errors rejects
        return _FAILED


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
    state: State, candidate: GateCandidate, asked: Asked
) -> tuple[State, Verdict, tuple[Effect, ...]]:
    """Give the event to a gate, if it belongs there."""
    gate, missed = candidate.gate, candidate.missed
    parts: list[int] = []
    for part in candidate.parts:
        clause = _clause(part, asked)
        if part.flaw is not None or clause == _FAILED:
            flaw = part.flaw or condition_error(gate.target, part.rule, _CANNOT)
            return state, flaw, ()
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


_FAILED: Final = -2
_CANNOT: Final = "the condition cannot be evaluated"
