"""What waits at gates, by the words that people call it: of its gate's name and of its key.

A word names a value, or the first `LEAST_PREFIX` characters of it or more. Nothing else is guessed:
what looks like a word is only proposed.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from lotabots.policy.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GATE: Final = "gate."

LEAST_PREFIX: Final = 7
"""Characters of a value that are enough to name it."""

SHORT: Final = 12
"""Characters of a long value that are proposed to name it."""

MOST_NEAR: Final = 3
NEAR: Final = 0.6
LOOKED_THROUGH: Final = 1000
"""Keys that are compared, at most, to find one that looks like a mistyped one."""

MOST_WORDS: Final = 16
"""Words that call something, at most."""

LONGEST: Final = 100
"""Characters of a word that is compared; whoever types a longer one has copied it."""


class Waits(Struct, frozen=True):
    """A row of what is waited for; `name` are the words by which `lotabots approve` knows it."""

    waiting: Waiting
    name: tuple[str, ...]


def named(rows: Iterable[Waiting]) -> list[Waits]:
    """Each row with the fewest words that call it and no other row of its gate."""
    rows = list(rows)
    often: Counter[tuple[str, str]] = Counter()
    for row in rows:
        often.update((row.gate, _short(value)) for value in {*_texts(row)})
    return [Waits(row, _name(row, often)) for row in rows]


def _name(row: Waiting, often: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    gate = row.gate.removeprefix(GATE)
    # From the back: keys begin with what is common, such as the repository.
    for value in reversed(_texts(row)):
        if often[row.gate, _short(value)] == 1:
            return gate, _short(value)
    return gate, *_texts(row)


def _texts(row: Waiting) -> tuple[str, ...]:
    return tuple(
        value if isinstance(value, str) else _JSON.encode(value).decode()
        for value in row.key.values()
    )


def _short(value: str) -> str:
    """A digest or commit without its long end; other values are short enough for people."""
    bare = value.rpartition(":")[2]
    is_hash = len(bare) >= 3 * SHORT and all(letter in "0123456789abcdef" for letter in bare)
    return value[: len(value) - len(bare) + SHORT] if is_hash else value


def called(rows: Sequence[Waits], words: Sequence[str]) -> list[Waits]:
    """The rows that all of `words` name; if they name one of them in full, that one."""
    found = [one for one in rows if all(_is_called(one, word) for word in words)]
    exact = [one for one in found if all(word in _values(one) for word in words)]
    return exact if len(exact) == 1 else found


def _values(one: Waits) -> tuple[str, ...]:
    gate = one.waiting.gate
    return gate, gate.removeprefix(GATE), *_texts(one.waiting)


def _is_called(one: Waits, word: str) -> bool:
    gate, name, *values = _values(one)
    long = len(word) >= LEAST_PREFIX
    bare = [value.rpartition(":")[2] for value in values]
    return word in (gate, name, *values) or (
        long and any(value.startswith(word) for value in (*values, *bare))
    )


def nearest(rows: Sequence[Waits], words: Sequence[str]) -> list[Waits]:
    """What looks most like `words`: each word is compared with the gate's name and each value."""
    words = [word for word in words if len(word) <= LONGEST]
    likeness = [
        (sum(_likeness(one, word) for word in words) / len(words), number)
        for number, one in enumerate(rows[:LOOKED_THROUGH])
        if words
    ]
    best = sorted((pair for pair in likeness if pair[0] >= NEAR), key=lambda p: (-p[0], p[1]))
    return [rows[number] for _, number in best[:MOST_NEAR]]


def _likeness(one: Waits, word: str) -> float:
    return max(_ratio(value[: len(word) + 1], word) for value in _values(one))


def _ratio(value: str, word: str) -> float:
    return SequenceMatcher(None, value.lower(), word.lower(), autojunk=False).ratio()


_JSON: Final = msgspec.json.Encoder(decimal_format="number")
