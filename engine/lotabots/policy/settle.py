"""What a case can prepare: for most events one question is left, and its answers are ready.

A decision touches memory that no other recent decision did: every event type has rules of its own.
So what an event needs is put into few values, and what most events do not need is not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lotabots.condition.translate import HOLDS
from lotabots.policy.nearest import by_reach
from lotabots.policy.rules import Candidate, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lotabots.policy.decision import Verdict
    from lotabots.policy.rules import BotRule, GateCandidate, TriggerRule

_MAX_PREPARED: Final = 64
"""Verdicts that are prepared for one case, at most; more would cost more memory than time."""


def candidate(slot: int, bot: BotRule, triggers: Sequence[TriggerRule]) -> Candidate:
    """A bot with the triggers that let the source in."""
    failed, places = by_reach([trigger.failed for trigger in triggers])
    return Candidate(
        slot,
        _question(triggers, places),
        (*failed, *(trigger.at_rest for trigger in reversed(triggers))),
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
    if (
        len(bots) == 1
        and not gates
        and not reads
        and len(verdicts) * len(bots[0].outcomes) <= _MAX_PREPARED
    ):
        _prepare(case, bots[0])
    return case


def _prepare(case: Case, only: Candidate) -> None:
    before, after = case.template[: only.slot], case.template[only.slot + 1 :]
    case.ask, case.slot = only.ask, only.slot
    case.answers = tuple((*before, outcome, *after) for outcome in only.outcomes)


def _question(
    triggers: Sequence[TriggerRule], places: Sequence[tuple[int, ...]]
) -> Callable[[Any, Any], int]:
    """What `Candidate.ask` is: the first trigger that holds, or the place of the furthest."""
    first, *others = (trigger.holds or _always for trigger in triggers)
    if not others:
        return first
    starts = places[0]
    more = tuple(zip(range(-2, -2 - len(others), -1), others, places[1:], strict=True))

    def ask(payload: object, event: object) -> int:
        clause = first(payload, event)
        if clause == HOLDS:
            return clause
        furthest = starts[clause]
        for answer, holds, reached in more:
            clause = holds(payload, event)
            if clause == HOLDS:
                return answer
            if reached[clause] > furthest:  # noqa: PLR1730 - a call of `max` costs time
                furthest = reached[clause]
        return furthest

    return ask


def _always(_payload: object, _event: object) -> int:
    return HOLDS
