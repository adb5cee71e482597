"""Which of several conditions, all of them false, came furthest: that is the one to tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.policy.decision import Ignore


def by_reach(
    conditions: Sequence[tuple[Ignore, ...]],
) -> tuple[tuple[Ignore, ...], tuple[tuple[int, ...], ...]]:
    """The verdicts of false clauses, the further their condition came the later; and their places.

    `conditions` has for each condition, in the order of the file, the verdict on each of its
    clauses; the places are laid out likewise. A condition came as far as the share of its clauses
    that stand before the first false one; of two that came as far, the first written is later. So
    when all are false, the verdict to give stands at the greatest of their places.
    """
    if len(conditions) == 1:  # by far the most: nothing to compare
        return conditions[0], (tuple(range(len(conditions[0]))),)
    pairs = [
        (number, clause)
        for number, failed in reversed(tuple(enumerate(conditions)))
        for clause in range(len(failed))
    ]
    # Quotients of small integers are equal as floats exactly when they are equal.
    pairs.sort(key=lambda pair: pair[1] / len(conditions[pair[0]]))
    at = {pair: place for place, pair in enumerate(pairs)}
    ordered = tuple(conditions[number][clause] for number, clause in pairs)
    places = tuple(
        tuple(at[number, clause] for clause in range(len(failed)))
        for number, failed in enumerate(conditions)
    )
    return ordered, places
