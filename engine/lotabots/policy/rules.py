"""A compiled policy: tables that `decide` only looks up. Built by `compile`, never changed.

The two dictionaries that do grow (`Policy.cases`, `Case.addressed`) remember the results of pure
functions, up to a bound: they make the second event of a kind faster and can change no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct

from lotabots.model.bot import BreakerPolicy, Counter
from lotabots.model.rollout import rolled_out
from lotabots.policy.correlator import GateSpec
from lotabots.policy.decision import Dispatch, Ignore, Reject, RuleRef, Verdict
from lotabots.policy.payload import PayloadReader
from lotabots.policy.verdicts import unknown_type

MAX_REMEMBERED: Final = 1024
"""Sources outside the fleet that are remembered for each event type."""


class BotRule(Struct, frozen=True, gc=False):
    """What depends on the state of a bot. `enabled` is the word of its file."""

    name: str
    phase: str
    enabled: bool
    max_queued: int
    breaker: BreakerPolicy
    rule: RuleRef
    constraints: RuleRef


class TriggerRule(Struct, frozen=True, gc=False):
    """A trigger whose ``from:`` lets the source in.

    `passed` is the verdict by rule if the condition holds; `at_rest` the same for a bot and a
    fleet without any special state. `failed` has one verdict for each clause.
    """

    holds: Callable[[Any, Any], int] | None
    passed: Dispatch | Reject
    at_rest: Verdict
    failed: tuple[Ignore, ...]


class Candidate(Struct, frozen=True, gc=False):
    """A bot whose verdict depends on the event.

    `ask` gives the index of one of `outcomes`, the verdicts for a bot and a fleet without any
    special state. From the front they are those of clauses that may be the first that is false, as
    `by_reach` sorts them, and from the back those of the triggers, in the order of the file: an
    answer below zero means that trigger number ``-1 - answer`` holds, and is by rule the same index
    of `passed`.
    """

    slot: int
    ask: Callable[[Any, Any], int]
    outcomes: tuple[Verdict, ...]
    passed: tuple[Dispatch | Reject, ...]
    bot: BotRule


class PartRule(Struct, frozen=True, gc=False):
    """A part of a gate that may take the event; `flaw` if it cannot be asked.

    `failed` has one verdict for each clause.
    """

    number: int
    rule: RuleRef
    holds: Callable[[Any, Any], int] | None
    failed: tuple[Ignore, ...]
    flaw: Reject | None


class GateRule(Struct, frozen=True, gc=False):
    """A gate. `keys` are the paths of `join_on`; `copies` what ``set:`` copies, from which part.

    `constants` and `copies` are paths of the emitted payload with what to put there; a part of -1
    means the event that completes the gate.
    """

    target: str
    spec: GateSpec
    emit: str
    keys: tuple[tuple[str, ...], ...]
    constants: tuple[tuple[tuple[str, ...], Any], ...]
    copies: tuple[tuple[tuple[str, ...], int, tuple[str, ...]], ...]
    counters: tuple[tuple[tuple[str, ...], Counter, int], ...]
    waits_for: tuple[str, ...]
    complete: Dispatch
    rule: RuleRef


class GateCandidate(Struct, frozen=True, gc=False):
    """A gate that may take the event.

    Each of `parts` comes with its places among `failed`, the verdicts of all their clauses, as
    `by_reach` sorts them.
    """

    slot: int
    gate: GateRule
    parts: tuple[tuple[PartRule, tuple[int, ...]], ...]
    failed: tuple[Ignore, ...]


class Case(Struct, gc=False):
    """Everything about one event type from one source.

    `template` has the verdict of every candidate, sorted by name; those in `bots` and `gates`
    overwrite theirs, if `live`. Where that is one bot, which reads only the payload, and nothing
    else, `ask` is what it asks, `answers` are all verdicts for each of its outcomes, and `slot` is
    its own. `reads_event` says that some condition reads more than the payload.

    `addressed` has the cases of events that name a bot; None as long as none came, for there are
    many cases, and what they do not need is not to be between what they do.
    """

    decode: Callable[[Any], Any]
    template: tuple[Verdict, ...]
    ask: Callable[[Any, Any], int] | None = None
    answers: tuple[tuple[Verdict, ...], ...] = ()
    reads_event: bool = False
    live: bool = False
    slot: int = 0
    names: tuple[str, ...] = ("",)
    bots: tuple[Candidate, ...] = ()
    gates: tuple[GateCandidate, ...] = ()
    addressed: dict[str, Case] | None = None


class EventRule(Struct, gc=False):
    """Everything about one event type. `make` gives the case of a source, or refuses it.

    `address` gives a case for events that name one bot. `strange` is the case of all sources that
    no trigger and no part takes events from; `met` counts those that are remembered although they
    are not listed.
    """

    name: str
    ref: RuleRef
    reader: PayloadReader
    make: Callable[[EventRule, str], Case | Reject]
    address: Callable[[Case, str], Case | None]
    strange: Case | None = None
    met: int = 0


class Policy(Struct, frozen=True):
    """A checked fleet, ready to decide. `digest` names what the rule files say.

    `unsound` refuses every event: a file that all decisions depend on has errors. `cases` has
    those of sources that are listed by name or were met, by source and event type; it has none
    that would refuse.
    """

    digest: str
    events: Mapping[str, EventRule]
    gates: Mapping[str, GateRule]
    unsound: Reject | None
    fleet: RuleRef
    catalogue: RuleRef
    envelope: RuleRef
    max_hops: int
    max_age: timedelta
    phases: tuple[str, ...]
    rollout: str
    cases: dict[str, dict[str, Case]]

    def case(self, source: str, kind: str) -> Case | Reject:
        """The case of events of type `kind` from `source`, or why there are none."""
        rule = self.events.get(kind)
        if rule is None:
            return unknown_type(kind, self.catalogue)
        if self.unsound is not None:
            return self.unsound
        found = rule.make(rule, source)
        if isinstance(found, Case) and rule.met < MAX_REMEMBERED:
            rule.met += 1
            self.cases.setdefault(source, {})[kind] = found
        return found

    def addressed(self, case: Case, kind: str, destination: str) -> Case | None:
        """`case` for events of type `kind` that name one bot; None if there is no such bot."""
        known = case.addressed or {}
        found = known.get(destination)
        if found is None:
            found = self.events[kind].address(case, destination)
            if found is not None:
                known[destination] = found
                case.addressed = known
        return found

    def rolled_out(self, phase: str, rollout: str) -> bool:
        """`lotabots.model.rollout.rolled_out`; an empty `rollout` means that of the rules."""
        return rolled_out(self.phases, phase, rollout=rollout or self.rollout)
