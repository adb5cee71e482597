"""A compiled policy: tables that `decide` only looks up. Built by `compile`, never changed.

The two dictionaries that do grow (`EventRule.cases`, `Case.addressed`) remember the results of pure
functions, up to a bound: they make the second event of a kind faster and can change no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct, field

from lotabots.model.bot import BreakerPolicy, Counter
from lotabots.policy.correlator import GateSpec
from lotabots.policy.decision import Dispatch, Ignore, Reject, RuleRef, Verdict
from lotabots.policy.payload import PayloadReader

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
    """A bot whose verdict depends on the event: its first trigger that lets the source in.

    `more` are the triggers after it. `missed` is the verdict when none holds although the first
    trigger of the file is for others; None if that is this one, whose `failed` then counts. That
    the first trigger is not a value of its own spares a memory access for each decision.
    """

    slot: int
    holds: Callable[[Any, Any], int] | None
    at_rest: Verdict
    failed: tuple[Ignore, ...]
    missed: Ignore | None
    first: TriggerRule
    more: tuple[TriggerRule, ...]
    bot: BotRule


class PartRule(Struct, frozen=True, gc=False):
    """A part of a gate that may take the event; `flaw` if it cannot be asked."""

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
    """A gate that may take the event; `first` and `missed` as for a bot."""

    slot: int
    gate: GateRule
    parts: tuple[PartRule, ...]
    first: PartRule | None
    missed: Ignore


class Case(Struct):
    """Everything about one event type from one source.

    `refused` refuses the whole event. Else `template` has the verdict of every candidate, sorted
    by name, and those in `bots` and `gates` overwrite theirs; `live` says that there are any, and
    `reads_event` that some condition reads more than the payload.
    """

    refused: Reject | None
    names: tuple[str, ...] = ()
    template: tuple[Verdict, ...] = ()
    bots: tuple[Candidate, ...] = ()
    gates: tuple[GateCandidate, ...] = ()
    live: bool = False
    reads_event: bool = False
    addressed: dict[str, Case] = field(default_factory=dict)


class EventRule(Struct):
    """Everything about one event type. `make` gives the case of a source that is not in `cases`."""

    name: str
    ref: RuleRef
    reader: PayloadReader
    decode: Callable[[Any], Any]
    cases: dict[str, Case]
    make: Callable[[str], Case]
    address: Callable[[Case, str], Case | None]

    def case(self, source: str) -> Case:
        """The case of events from `source`."""
        found = self.cases.get(source)
        if found is None:
            found = self.make(source)
            if found.refused is None and len(self.cases) < MAX_REMEMBERED:
                self.cases[source] = found
        return found

    def case_for(self, case: Case, destination: str) -> Case | None:
        """`case` for an event that names one bot; None if there is no such bot."""
        found = case.addressed.get(destination)
        if found is None:
            found = self.address(case, destination)
            if found is not None:
                case.addressed[destination] = found
        return found


class Policy(Struct, frozen=True):
    """A checked fleet, ready to decide. `digest` names what the rule files say.

    `unsound` refuses every event: a file that all decisions depend on has errors.
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

    def rolled_out(self, phase: str, rollout: str) -> bool:
        """Whether a bot of `phase` is in service when `rollout` is the last phase that is.

        A bot without a phase always is; one of an unknown phase never, nor any after an unknown
        rollout: a name that is spelt wrong must not let anything through.
        """
        return rolled_out(self.phases, phase, rollout=rollout or self.rollout)


def rolled_out(phases: tuple[str, ...], phase: str, *, rollout: str) -> bool:
    """See `Policy.rolled_out`; an empty `rollout` means all phases."""
    if not phase:
        return True
    if phase not in phases:
        return False
    return not rollout or (rollout in phases and phases.index(phase) <= phases.index(rollout))
