"""Run policy tests: the very code that decides in production, on events that a test writes.

Time is the test's: each step comes when it says, gates learn of the time that went by before it,
and the event of a complete gate is decided right after the one that completed it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, assert_never

import msgspec

from lotabots.diagnostics.diagnostic import Diagnostic, Label, Severity, in_order
from lotabots.frozen import replace
from lotabots.model.bot import Action
from lotabots.model.capability import Claim
from lotabots.model.envelope import Stamp
from lotabots.model.names import ENGINE
from lotabots.model.sent import sent
from lotabots.model.trial import ClaimStep, ElapseStep, EventStep, Expectation, Scope
from lotabots.policy.breaker import Signal
from lotabots.policy.cascade import event_of
from lotabots.policy.compile import compile_policy
from lotabots.policy.correlate import advance
from lotabots.policy.decide import decide_bytes
from lotabots.policy.decision import Dispatch, EmitEvent, RuleRef
from lotabots.policy.legality import Law
from lotabots.policy.moment import span
from lotabots.policy.state import State, with_disabled, with_queued, with_rollout, with_signal
from lotabots.trials.judging import CLAIMED, Happened, Judge
from lotabots.trials.sending import sending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet
    from lotabots.model.trial import Circumstances, Trial, TrialFile
    from lotabots.model.trial import Step as TrialStep
    from lotabots.policy.checked import CheckedFleet
    from lotabots.policy.decision import Step
    from lotabots.policy.rules import Policy


class Bench(NamedTuple):
    """A fleet, ready to be tested."""

    fleet: Fleet
    policy: Policy
    law: Law


class Ran(NamedTuple):
    """A test that was run: what was otherwise than expected, and all that happened."""

    path: str
    trial: Trial
    differences: tuple[Diagnostic, ...]
    happened: tuple[Happened, ...]


def bench(checked: CheckedFleet) -> Bench:
    """The bench for the tests of a fleet."""
    return Bench(checked.fleet, compile_policy(checked), Law(checked.fleet, checked.graph))


def run(on: Bench, file: TrialFile, trial: Trial) -> Ran:
    """Run one test, all its steps."""
    course = _Course(on, file, trial)
    found = [one for step in enumerate(trial.steps, 1) for one in course.step(*step)]
    return Ran(file.path, trial, in_order(found), tuple(course.happened))


class _Course:
    """One test on its way: the time, the state, the ids that were used, what happened."""

    def __init__(self, on: Bench, file: TrialFile, trial: Trial) -> None:
        self._on = on
        self._file = file
        self._now = datetime.fromisoformat(trial.now)
        self._state = _beginning(on.fleet, trial.state, self._now)
        self._used: set[tuple[str, str]] = set()
        self.happened: list[Happened] = []

    def step(self, number: int, step: TrialStep) -> Iterator[Diagnostic]:
        """Do the step, and say what is otherwise than expected."""
        match step:
            case EventStep():
                yield from self._event(number, step)
            case ElapseStep():
                judge = self._judge(f"step {number}: silence", partial=step.partial)
                yield from self._compare(judge, self._elapsed(step.elapse), step.expect)
            case ClaimStep():
                yield from self._claim(number, step)
            case _:
                assert_never(step)

    def _event(self, number: int, step: EventStep) -> Iterator[Diagnostic]:
        events = self._on.fleet.events
        what = sent(step, self._file.templates, events)
        judge = self._judge(f"step {number}: {what.type} from {what.source}", partial=step.partial)
        if step.after:
            yield from _alone(judge, step, self._elapsed(step.after))
        name = step.id or f"step-{number}"
        again = (what.source, name) in self._used
        self._used.add((what.source, name))
        raw, stamp = sending(step, what, events, name=name, now=self._now)
        happened = self._decided(raw, msgspec.structs.replace(stamp, duplicate=again))
        yield from self._compare(judge, happened, step.expect)

    def _decided(self, raw: bytes, stamp: Stamp) -> Happened:
        step = decide_bytes(self._on.policy, self._state, raw, stamp, self._now)
        return self._happened(raw, stamp, step)

    def _elapsed(self, seconds: Decimal | int) -> Happened:
        """Time goes by, as the service's clock tells the gates."""
        self._now += span(seconds)
        step = advance(self._on.policy, self._state, self._now)
        return self._happened(b"", Stamp(ENGINE, self._now), step)

    def _happened(self, raw: bytes, stamp: Stamp, step: Step) -> Happened:
        self._state = step.state
        emitted = tuple(effect for effect in step.effects if isinstance(effect, EmitEvent))
        happened = Happened(raw, stamp, step.decision.verdicts, emitted)
        self.happened.append(happened)
        return happened

    def _compare(
        self, judge: Judge, happened: Happened, expectation: Expectation
    ) -> Iterator[Diagnostic]:
        yield from judge.differences(happened, expectation)
        for effect in happened.emitted:  # the policy's hop limit ends any cascade of gates
            next_judge = judge._replace(
                where=f"{judge.where}, then {effect.type} from {effect.source}"
            )
            following = self._decided(*event_of(effect, self._now))
            yield from self._compare(next_judge, following, _then(expectation, effect.source))

    def _claim(self, number: int, step: ClaimStep) -> Iterator[Diagnostic]:
        bot = self._on.law.graph.bots.get(step.bot)
        judge = self._judge(f"step {number}: a claim of {step.bot}", partial=False)
        if bot is None:
            message = f"there is no bot `{step.bot}`"
            yield Diagnostic("", Severity.ERROR, message, Label(step.at("claim")), judge.where)
            return
        supposed = _supposing(bot, step)
        action = Action(name="claim", capability=step.capability, on=step.on)
        verdict = self._on.law.unsound(bot.name) or self._on.law.power(
            supposed, action, approved=step.approved
        )
        allowed = Dispatch(bot.name, CLAIMED, RuleRef(CLAIMED, bot.name, bot.at("boundaries")))
        stamp = Stamp(ENGINE, self._now)
        happened = Happened(b"", stamp, (verdict or allowed,))
        self.happened.append(happened)
        wanted = {bot.name: step.expect}
        expectation = Expectation(span=step.span, scope=Scope.TARGETS, outcomes=wanted)
        yield from judge.differences(happened, expectation)

    def _judge(self, where: str, *, partial: bool) -> Judge:
        return Judge(self._on.policy, self._on.fleet.events, where, partial)


def _then(expectation: Expectation, gate: str) -> Expectation:
    """What is expected of the event that `gate` emits."""
    outcome = expectation.outcomes.get(gate)
    if outcome is None:  # that it emits anything was not expected, and has been said; or all is
        return Expectation(scope=Scope.ANYTHING)
    return outcome.then or Expectation(span=outcome.span, scope=Scope.NOBODY)


def _alone(judge: Judge, step: EventStep, elapsed: Happened) -> Iterator[Diagnostic]:
    """Gates that the time before a step completes: that is a step of its own."""
    for effect in elapsed.emitted:
        message = (
            f"before this event comes, time alone makes `{effect.source}` emit `{effect.type}`"
        )
        cure = "expect it in a step before: `elapse`, with a shorter `after` in this one"
        place = Label(step.at("after"))
        yield Diagnostic(
            "", Severity.ERROR, message, place, judge.where, help=cure, notes=(judge.where,)
        )


def _supposing(bot: Bot, step: ClaimStep) -> Bot:
    """`bot` with the scope for what it claims, so that only its boundaries can object."""
    claim = Claim(span=bot.span, capability=step.capability, on=step.on)
    return replace(bot, scope=(*bot.scope, claim))


def _beginning(fleet: Fleet, wanted: Circumstances, now: datetime) -> State:
    state = with_rollout(State(), wanted.rollout)
    for name in wanted.disabled:
        state = with_disabled(state, name, disabled=True)
    for name, queued in wanted.queued.items():
        state = with_queued(state, name, queued)
    for bot in (bot for bot in fleet.bots if bot.name in wanted.open_breakers):
        policy = bot.constraints.breaker
        for _ in range(policy.failures):
            state = with_signal(state, bot.name, Signal.ERROR, policy=policy, now=now)
    return state
