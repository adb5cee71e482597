"""A checked fleet to a policy: everything that does not depend on the event is settled here.

For each event type and each source that may send it, a `Case` holds the verdicts of all
candidates: those that the rules alone decide are final, and a bot with a trigger that is allowed
keeps one compiled condition to ask. So a decision costs the same for twenty rules and for twenty
thousand.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from msgspec import structs

from lotabots.condition.translate import HOLDS
from lotabots.diagnostics import codes
from lotabots.diagnostics.span import start_of
from lotabots.graph.nodes import AFTER
from lotabots.model.encode import digest
from lotabots.model.names import (
    ENGINE,
    OUTSIDE_FAMILIES,
    SCHEDULE,
    SCHEDULE_TICK,
    is_gate_source,
    matches,
)
from lotabots.model.record import NOWHERE
from lotabots.model.rollout import rolled_out
from lotabots.policy.conditions import Condition, Conditions, Flawed
from lotabots.policy.decision import Dispatch, Ignore, Reject, RuleRef, Saw
from lotabots.policy.gating import GateCompiler
from lotabots.policy.legality import EVENTS_FILE, GATES_FILE, SHARED_FILES, Law, unsound
from lotabots.policy.moment import span
from lotabots.policy.payload import Readers
from lotabots.policy.rules import (
    BotRule,
    Candidate,
    Case,
    EventRule,
    GateCandidate,
    Policy,
    TriggerRule,
)
from lotabots.policy.settle import candidate, case_of
from lotabots.policy.verdicts import (
    condition_error,
    disabled,
    false_clauses,
    no_candidate,
    no_trigger,
    not_addressed,
    not_rolled_out,
    other_source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lotabots.graph.nodes import Start
    from lotabots.model.bot import Bot, Trigger
    from lotabots.model.event import EventType
    from lotabots.model.fleet import Fleet
    from lotabots.policy.checked import CheckedFleet
    from lotabots.policy.decision import Verdict

__all__ = ["Policy", "compile_policy"]

C = TypeVar("C", Candidate, GateCandidate)


def compile_policy(checked: CheckedFleet) -> Policy:
    """The policy of `checked`. Rules with errors reject; they never stop compilation."""
    fleet = checked.fleet
    compiler = _Compiler(Law(fleet, checked.graph))
    broken = sorted(fleet.broken.intersection(SHARED_FILES))
    events: dict[str, EventRule] = {}
    cases: dict[str, dict[str, Case]] = {}
    for name, event in sorted(fleet.events.items()):
        rule, listed = compiler.event(event)
        events[name] = rule
        for source, case in () if broken else listed:
            cases.setdefault(source, {})[name] = case
    return Policy(
        digest=digest(fleet),
        events=events,
        gates=compiler.gates.rules,
        unsound=unsound("", broken[0]) if broken else None,
        fleet=RuleRef("fleet", fleet.settings.name, fleet.settings.span),
        catalogue=RuleRef("catalogue", EVENTS_FILE, start_of(EVENTS_FILE)),
        envelope=RuleRef("envelope", "", NOWHERE),
        max_hops=fleet.settings.max_hops,
        max_age=span(fleet.settings.max_age),
        phases=_phases(fleet),
        rollout=fleet.settings.rollout,
        cases=cases,
    )


class _Base(NamedTuple):
    """What is known of an event type before its source: candidates, and who takes from whom."""

    event: EventType
    names: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    slots: Mapping[str, int]
    by_source: Mapping[str, tuple[Start, ...]]
    others: tuple[Start, ...]


class _Compiler:
    """Shares what repeats: conditions, payload types, verdicts."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.readers = Readers()
        self.conditions = Conditions()
        self.gates = GateCompiler(law, self.conditions)
        self.phases = _phases(law.fleet)
        self.bots = {bot.name: _bot_rule(bot) for bot in law.fleet.bots}
        self.ticks = tuple(start for start in law.graph.starts if start.scheduled)
        self.refs: dict[tuple[str, int], RuleRef] = {}
        self.missed: dict[tuple[str, int], Ignore] = {}
        self.failed: dict[tuple[str, int, tuple[str, ...]], tuple[Ignore, ...]] = {}

    def event(self, event: EventType) -> tuple[EventRule, list[tuple[str, Case]]]:
        """The rule of an event type, and its cases: of sources that are listed by name.

        Other sources are met when their first event comes.
        """
        base = self._base(event)
        rule = EventRule(
            name=event.name,
            ref=RuleRef("event", event.name, event.span),
            reader=self.readers.reader(event.payload),
            make=partial(self._case, base),
            address=partial(self._addressed, base),
        )
        listed = ((name, rule.make(rule, name)) for name in event.emitters if "*" not in name)
        return rule, [(name, case) for name, case in listed if isinstance(case, Case)]

    def _base(self, event: EventType) -> _Base:
        numbers = self.law.graph.consumers.get(event.name, ())
        starts = tuple(self.law.graph.starts[number] for number in numbers)
        if event.name == SCHEDULE_TICK:
            starts += self.ticks
        first: dict[str, Start] = {}
        for start in starts:
            first.setdefault(start.node, start)
        names = tuple(sorted(first))
        by_source: dict[str, list[Start]] = {}
        others: list[Start] = []
        for start in starts:
            wanted = start.rule.source
            (by_source.setdefault(wanted, []) if _literal(wanted) else others).append(start)
        return _Base(
            event,
            names,
            tuple(self.law.unsound(name) or self._missed(first[name]) for name in names),
            {name: slot for slot, name in enumerate(names)},
            {source: tuple(those) for source, those in by_source.items()},
            tuple(others),
        )

    def _missed(self, start: Start) -> Ignore:
        key = (start.node, start.number)
        found = self.missed.get(key)
        if found is None:
            found = self.missed[key] = other_source(start, _kind(start))
        return found

    def _case(self, base: _Base, rule: EventRule, source: str) -> Case | Reject:
        refused = self._refusal(base.event, source)
        if refused is not None:
            return refused
        distrust = self._distrust(base, source)
        if distrust:
            return Case(rule.reader.decode, distrust, names=base.names)
        accepted = self._accepted(base, source)
        if not accepted:  # sources that no rule is about share a case: a fleet has many
            return self._strange(base, rule)
        template = list(base.verdicts)
        bots: list[Candidate] = []
        gates: list[GateCandidate] = []
        reads = False
        for node, starts in accepted:
            slot = base.slots[node]
            reads = reads or any(self._reads_event(base.event, start) for start in starts)
            if isinstance(template[slot], Reject):  # its file has errors
                continue
            if node in self.bots:
                rules = [self._trigger(base.event, source, start) for start in starts]
                bots.append(candidate(slot, self.bots[node], rules))
                continue
            refused = self.law.connection(source, base.event.name, node)
            if refused is not None:
                template[slot] = refused
            else:
                gates.append(self.gates.candidate(base.event, slot, starts))
        return case_of(
            rule.reader.decode,
            dict(zip(base.names, template, strict=True)),
            bots,
            gates,
            reads=reads,
        )

    def _strange(self, base: _Base, rule: EventRule) -> Case:
        """The case of a source that no rule lets in."""
        if rule.strange is None:
            verdicts = base.verdicts or (no_candidate(base.event),)
            rule.strange = Case(rule.reader.decode, verdicts, names=base.names or ("",))
        return rule.strange

    def _reads_event(self, event: EventType, start: Start) -> bool:
        condition = self.conditions.get(start.rule.when, event.payload)
        return isinstance(condition, Condition) and condition.reads_event

    def _accepted(self, base: _Base, source: str) -> list[tuple[str, list[Start]]]:
        """The starts that let `source` in, by node; within a node in the order of the file."""
        found: dict[str, list[Start]] = {}
        named = base.by_source.get(source, ())
        for start in (*named, *(other for other in base.others if other.accepts(source))):
            found.setdefault(start.node, []).append(start)
        for starts in found.values():
            starts.sort(key=lambda start: (start.number == AFTER, start.number))
        return sorted(found.items())

    def _trigger(self, event: EventType, source: str, start: Start) -> TriggerRule:
        rule: Trigger = start.rule  # type: ignore[assignment]  # the starts of bots are triggers
        condition = (
            _tick(start) if start.scheduled else self.conditions.get(rule.when, event.payload)
        )
        ref = self._ref(start, rule)
        passed: Dispatch | Reject
        if isinstance(condition, Flawed):
            passed = condition_error(start.node, ref, condition.reason)
            return TriggerRule(None, passed, passed, ())
        passed = self.law.start(source, event.name, start) or self._dispatch(source, start, ref)
        at_rest = self._at_rest(passed, start.node)
        if condition is None:
            return TriggerRule(None, passed, at_rest, ())
        failed = self._failed(start, condition, ref)
        return TriggerRule(condition.holds, passed, at_rest, failed)

    def _ref(self, start: Start, rule: Trigger) -> RuleRef:
        key = (start.node, start.number)
        found = self.refs.get(key)
        if found is None:
            text = rule.when or rule.pattern or rule.cron
            found = self.refs[key] = RuleRef("trigger", start.node, rule.at("when"), text)
        return found

    def _dispatch(self, source: str, start: Start, ref: RuleRef) -> Dispatch | Reject:
        bot = self.law.graph.bots[start.node]
        saw = Saw(
            rollout=self.law.fleet.settings.rollout, approved=source in self.law.graph.approving
        )
        if not bot.enabled:
            return disabled(self.bots[bot.name], Saw(enabled=False, rollout=saw.rollout))
        return Dispatch(start.node, start.action.name if start.action else "", ref, saw)

    def _at_rest(self, passed: Dispatch | Reject, node: str) -> Verdict:
        bot = self.bots[node]
        rollout = self.law.fleet.settings.rollout
        if isinstance(passed, Reject) or rolled_out(self.phases, bot.phase, rollout=rollout):
            return passed
        return not_rolled_out(bot, passed.saw or Saw(rollout=rollout))

    def _failed(self, start: Start, condition: Condition, ref: RuleRef) -> tuple[Ignore, ...]:
        key = (start.node, start.number, condition.clauses)
        found = self.failed.get(key)
        if found is None:
            found = self.failed[key] = false_clauses(start.node, ref, condition.clauses)
        return found

    def _refusal(self, event: EventType, source: str) -> Reject | None:
        """LR004 or LR005, if events of this type may not come from `source`."""
        ref = RuleRef("event", event.name, event.at("emitters"), ", ".join(event.emitters))
        if not self._known(source):
            return Reject("", codes.UNKNOWN_SOURCE.code, f"unknown source `{source}`", ref)
        reason = f"`{source}` may not send `{event.name}`"
        if source in event.emitters or any(
            matches(pattern, source) for pattern in self._patterns(event, source)
        ):
            if event.external or not self._outside(source):
                return None
            reason += ", which is not external"
        return Reject("", codes.SOURCE_NOT_ALLOWED.code, reason, ref)

    def _patterns(self, event: EventType, source: str) -> tuple[str, ...]:
        if self.law.graph.knows(source):
            return tuple(pattern for pattern in event.emitters if "*" in pattern)
        return self.law.graph.outside.get(event.name, ())

    def _known(self, source: str) -> bool:
        return self.law.graph.knows(source) or source in (SCHEDULE, ENGINE) or self._outside(source)

    def _outside(self, source: str) -> bool:
        family, dot, rest = source.partition(".")
        return family in OUTSIDE_FAMILIES and dot == "." and all(rest.split("."))

    def _distrust(self, base: _Base, source: str) -> tuple[Verdict, ...]:
        """If the file of the source has errors, its routes and approvals are not believed."""
        bot = self.law.graph.bots.get(source)
        path = bot.path if bot else GATES_FILE if is_gate_source(source) else ""
        if path not in self.law.fleet.broken:
            return ()
        return tuple(unsound(name, path) for name in base.names)

    def _addressed(self, base: _Base, case: Case, destination: str) -> Case | None:
        """`case` for one named bot: other bots ignore the event, gates still see it."""
        bot = self.law.graph.bots.get(destination)
        if bot is None:
            return None
        verdicts = dict(zip(case.names, case.template, strict=True))
        verdicts.pop("", None)
        ref = RuleRef("event", base.event.name, base.event.span, f"destination: {destination}")
        for name in verdicts.keys() & self.bots.keys() - {destination}:
            verdicts[name] = not_addressed(name, destination, ref)
        if destination not in verdicts:
            verdicts[destination] = self.law.unsound(destination) or no_trigger(bot, base.event)
        verdicts = dict(sorted(verdicts.items()))
        slots = {name: slot for slot, name in enumerate(verdicts)}
        bots = [_moved(c, slots, destination) for c in case.bots if c.bot.name == destination]
        gates = [_moved(c, slots, c.gate.target) for c in case.gates]
        return case_of(case.decode, verdicts, bots, gates, reads=case.reads_event)


def _bot_rule(bot: Bot) -> BotRule:
    return BotRule(
        name=bot.name,
        phase=bot.phase,
        enabled=bot.enabled,
        max_queued=bot.constraints.max_queued_jobs,
        breaker=bot.constraints.breaker,
        rule=RuleRef("bot", bot.name, bot.at("bot")),
        constraints=RuleRef("constraints", bot.name, bot.at("constraints")),
    )


def _phases(fleet: Fleet) -> tuple[str, ...]:
    return tuple(phase.name for phase in fleet.settings.phases)


def _literal(source: str) -> bool:
    return bool(source) and "*" not in source


def _kind(start: Start) -> str:
    return "part" if is_gate_source(start.node) else "trigger"


def _tick(start: Start) -> Condition:
    """The condition that a schedule's own tick, and no other, meets."""
    name = start.action.name if start.action else ""
    return Condition(
        lambda payload, _event: HOLDS if payload.f_action == name else 0,
        (f'payload.action == "{name}"',),
        reads_event=False,
    )


def _moved(candidate: C, slots: Mapping[str, int], name: str) -> C:
    return structs.replace(candidate, slot=slots[name])
