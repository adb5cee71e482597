"""Which lines say the same thing: templates of lines, with ``<*>`` for what varies.

After Drain (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree",
ICWS 2017): a line first gets rid of what is a number, an address or the like; it is then held
against the templates of as many words with the same first word, and joins the one that is most like
it, whose differing words become ``<*>``. Unlike there, a template keeps half of its words: so each
line that was once part of it always fits it, and no two templates begin with the same line.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY = "<*>"
MAX_WORDS = 40
MAX_CHARACTERS = 1_000
"""Of a line; what comes behind does not tell templates apart."""

MAX_TEMPLATES = 500
"""Of a service in an environment; further lines belong to one template of what is left."""

REST = "(lines of further kinds)"
MAX_KNOWN = 20_000
MARK = 16
_VARIES = re.compile(
    r"""(?x)
    (?<![\w])(?:
      [0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}
    | 0x[0-9a-fA-F]+
    | (?=[a-fA-F]*[0-9])[0-9a-fA-F]{7,}
    | [+-]?\d[\d.,:]*+(?:[a-zA-Z]{1,2}|%)?
    )(?![\w])
    | "[^"]{0,200}"
    | \d+
    """
)


class Group(NamedTuple):
    """Whose lines are held against each other."""

    service: str
    environment: str
    level: int


class Template(NamedTuple):
    """A template; `first` and `last` are the hours (since 1970) of its lines."""

    id: int
    group: Group
    fingerprint: str
    words: tuple[str, ...]
    first: int
    last: int


def words(text: str) -> tuple[str, ...]:
    """The words of a line, without what varies."""
    return tuple(_VARIES.sub(ANY, text[:MAX_CHARACTERS]).split()[:MAX_WORDS])


def fingerprint(group: Group, first: tuple[str, ...]) -> str:
    """The same for the same kind of line, whatever else the template comes to include."""
    parts = [group.service, group.environment, str(group.level), *first]
    return sha256("\0".join(parts).encode()).hexdigest()[:MARK]


class Templates:
    """All templates. `changed` are those that are not as they were given."""

    def __init__(self, known: Iterable[Template] = ()) -> None:
        self.changed: dict[int, Template] = {}
        self._all: dict[int, Template] = {}
        self._leaves: dict[tuple[Group, int, str], list[int]] = {}
        self._found: dict[tuple[Group, tuple[str, ...]], int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        for one in known:
            self._add(one)

    def put(self, group: Group, text: str, hour: int) -> int:
        """The id of the template of a line; it is made, or made wider, where needed."""
        said = words(text)
        found = self._found.get((group, said))
        if found is None:
            found = self._find(group, said, hour)
            if len(self._found) >= MAX_KNOWN:
                self._found.clear()
            self._found[group, said] = found
        one = self._all[found]
        if not one.first <= hour <= one.last:
            wider = one._replace(first=min(one.first, hour), last=max(one.last, hour))
            self._all[found] = self.changed[found] = wider
        return found

    def _find(self, group: Group, said: tuple[str, ...], hour: int) -> int:
        known = self._leaves.get(_leaf(group, said), [])
        best = max(known, key=lambda one: (_likeness(self._all[one].words, said), -one), default=0)
        if best and _likeness(self._all[best].words, said) > (0, 0):
            self._widen(best, said)
            return best
        if self._counts.get(group[:2], 0) >= MAX_TEMPLATES and said != (REST,):
            return self._find(group, (REST,), hour)
        made = Template(
            max(self._all, default=0) + 1, group, fingerprint(group, said), said, hour, hour
        )
        self._add(made)
        self.changed[made.id] = made
        return made.id

    def _widen(self, known: int, said: tuple[str, ...]) -> None:
        one = self._all[known]
        both = tuple(a if a == b else ANY for a, b in zip(one.words, said, strict=True))
        if both != one.words:
            self._all[known] = self.changed[known] = one._replace(words=both)

    def _add(self, one: Template) -> None:
        self._all[one.id] = one
        self._leaves.setdefault(_leaf(one.group, one.words), []).append(one.id)
        self._counts[one.group[:2]] = self._counts.get(one.group[:2], 0) + 1


def _leaf(group: Group, said: tuple[str, ...]) -> tuple[Group, int, str]:
    return group, len(said), said[0] if said else ""


def _likeness(known: tuple[str, ...], said: tuple[str, ...]) -> tuple[int, int]:
    """How well a line fits: fully before half, then by the words in common; (0, 0) for not."""
    same = sum(a == b != ANY for a, b in zip(known, said, strict=True))
    if all(a in (ANY, b) for a, b in zip(known, said, strict=True)):
        return 2, same
    return (1, same) if 2 * same >= len(said) else (0, 0)
