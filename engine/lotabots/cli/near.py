"""Names that look like a misspelt one."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_NEAR: Final = 3


def near(topic: str, known: Iterable[str], *, cutoff: float) -> list[str]:
    """Up to `MOST_NEAR` of the `known` names, the nearest first, in any case of letters.

    `cutoff` is the least likeness, from 0 (all) to 1 (the same).
    """
    # `get_close_matches` prefers the last of those that are equally near; people, the first.
    score = {n: SequenceMatcher(None, n.lower(), topic.lower()).ratio() for n in set(known)}
    found = sorted((n for n in score if score[n] >= cutoff), key=lambda n: (-score[n], n))
    return found[:MOST_NEAR]


def did_you_mean(names: Sequence[str]) -> str:
    """The question; `names` is not empty."""
    *others, last = (f"`{name}`" for name in names)
    first = f"{', '.join(others)} or " if others else ""
    return f"did you mean {first}{last}?"
