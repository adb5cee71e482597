"""What a case can prepare: for most events one question is left, and its answers are ready.

A decision touches memory that no other recent decision did: every event type has rules of its own.
So what an event needs is put into few values, and what most events do not need is not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.condition.translate import HOLDS
from lotabots.policy.rules import Candidate, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lotabots.policy.decision import Ignore, Verdict
    from lotabots.policy.rules import BotRule, GateCandidate, TriggerRule

_MAX_PREPARED: Final = 64
"""Verdicts that are prepared for one case, at most; more would cost more memory than time."""


def candidate(
    slot: int, bot: BotRule, triggers: Sequence[TriggerRule], missed: Ignore | None
) -> Candidate:
    """A bot with the triggers that let the source in.

    `missed` is the verdict when none holds although the first trigger of the file is for others;
    None if that is the first of `triggers`, whose false clause then counts.
    """
    failed = triggers[0].failed
    return Candidate(
        slot,
        _question(triggers),
        (
            *(missed or clause for clause in failed),
            *(trigger.at_rest for trigger in reversed(triggers)),
        ),
        tuple(trigger.passed for trigger in reversed(triggers)),
        bot,
    )


def case_of(
    decode: Callable[[Any], Any],
    verdicts: Mapping[str, Verdict],
    bots: Sequence[Candidate],
    gates: Sequence[GateCandidate],
    *,
    reads: bool,
) -> Case:
    """The case of `verdicts`, by name and sorted; those of `bots` and `gates` are still open."""
    case = Case(
        decode=decode,
        template=tuple(verdicts.values()),
        reads_event=reads,
        live=bool(bots or gates),
        names=tuple(verdicts),
        bots=tuple(bots),
        gates=tuple(gates),
    )
    if len(bots) == 1 and not gates and len(verdicts) * len(bots[0].outcomes) <= _MAX_PREPARED:
        _prepare(case, bots[0])
    return case


def _prepare(case: Case, only: Candidate) -> None:
    before, after = case.template[: only.slot], case.template[only.slot + 1 :]
    case.ask, case.slot, case.live = only.ask, only.slot, False
    case.answers = tuple((*before, outcome, *after) for outcome in only.outcomes)


def _question(triggers: Sequence[TriggerRule]) -> Callable[[Any, Any], int]:
    """What `Candidate.ask` is: the first trigger that holds, or the first one's false clause."""
    first, *more = (trigger.holds or _always for trigger in triggers)
    if not more:
        return first

    def ask(payload: object, event: object) -> int:
        clause = first(payload, event)
        if clause == HOLDS:
            return clause
        for number, holds in enumerate(more, 2):
            if holds(payload, event) == HOLDS:
                return -number
        return clause

    return ask


def _always(_payload: object, _event: object) -> int:
    return HOLDS
