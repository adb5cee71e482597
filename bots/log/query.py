"""The language of searches: words, "phrases", ``field:value``, ``level>=warning``, times.

All that is said must hold; ``-`` before it denies it. A query becomes values that are bound to
statements of our own; in the full-text search, each word of it is a text in quotes.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from failure import QueryError
from lines import LEVELS, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TERMS = 32
FIELDS = ("service", "environment", "instance", "file")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_TERM = re.compile(
    r"""(?x)
    \s* (?P<deny>-)? (?:
      (?P<field>[A-Za-z_]+) (?P<is>:|>=|<=|=|>|<) (?: "(?P<quoted>[^"]*)" | (?P<value>[^\s"]+) )
    | "(?P<phrase>[^"]*)"
    | (?P<word>[^\s"]+)
    ) (?=\s|$)
    """
)
_AGO = re.compile(r"(\d{1,4})([mhd])")
_COMPARED = {":": "=", "=": "=", ">=": ">=", "<=": "<=", ">": ">", "<": "<"}


class Query(NamedTuple):
    """Conditions with their values, and what full-text search looks for and must not find."""

    conditions: tuple[tuple[str, object], ...]
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    def where(self) -> tuple[str, list[object]]:
        """What follows WHERE, and its values."""
        found = [condition for condition, _ in self.conditions]
        values = [value for _, value in self.conditions]
        if self.wanted:
            found.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
            values.append(" AND ".join(self.wanted))
        if self.unwanted:
            found.append("id NOT IN (SELECT rowid FROM words WHERE words MATCH ?)")
            values.append(" OR ".join(self.unwanted))
        return " AND ".join(found) or "1", values


def parse(text: str, now: datetime) -> Query:
    """Read a query.

    Raises:
        QueryError: it has a mistake; the text says which.
    """
    conditions: list[tuple[str, object]] = []
    words: dict[bool, list[str]] = {False: [], True: []}
    for number, term in enumerate(_terms(text), 1):
        if number > MAX_TERMS:
            raise QueryError(f"a query has at most {MAX_TERMS} terms")
        denied = term["deny"] is not None
        if term["field"] is not None:
            conditions.append(_condition(term, now, denied=denied))
        else:
            words[denied].append(_words(term))
    if not conditions and not words[False] and not words[True]:
        raise QueryError("the query is empty")
    return Query(tuple(conditions), tuple(words[False]), tuple(words[True]))


def _terms(text: str) -> Iterator[re.Match[str]]:
    if any(unicodedata.category(one) == "Cc" and one not in "\t\n\r" for one in text):
        raise QueryError("a query has no control characters")
    text = text.strip()
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise QueryError(f"cannot be understood from here on: {text[place:].strip()[:80]}")
        yield found
        place = found.end()


def _words(term: re.Match[str]) -> str:
    phrase = term["phrase"]
    text = phrase if phrase is not None else term["word"]
    begins = phrase is None and text.endswith("*")
    text = text.removesuffix("*") if begins else text
    if not any(unicodedata.category(one)[0] in "LN" for one in text):
        raise QueryError(f"there is no letter or digit in `{text[:80]}`")
    quoted = '"' + text.replace('"', '""') + '"'
    return f"{quoted} *" if begins else quoted


def _condition(term: re.Match[str], now: datetime, *, denied: bool) -> tuple[str, object]:
    name, sign = term["field"].lower(), _COMPARED[term["is"]]
    value = term["quoted"] if term["quoted"] is not None else term["value"]
    if name == "level":
        condition, bound = f"level {sign} ?", _rank(value)
    elif sign != "=":
        raise QueryError(f"`{name}` is compared with `:` only")
    elif name in FIELDS:
        condition, bound = f"{name} = ?", value
    elif name in {"since", "until"}:
        condition, bound = f"at {'>=' if name == 'since' else '<'} ?", _moment(value, now)
    else:
        known = ", ".join((*FIELDS, "level", "since", "until"))
        raise QueryError(f"there is no field `{name[:80]}`: {known}; or put it in quotes")
    return (f"NOT ({condition})" if denied else condition), bound


def _rank(value: str) -> int | str:
    if value.lower() not in LEVELS[1:]:
        raise QueryError(f"there is no level `{value[:80]}`: {', '.join(LEVELS[1:])}")
    return LEVELS.index(value.lower())


def _moment(value: str, now: datetime) -> int:
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return milliseconds(now - timedelta(**{UNITS[ago[2]]: int(ago[1])}))
    try:
        found = datetime.fromisoformat(value)
        return milliseconds(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise QueryError(
            f"`{value[:80]}` is no time: 2026-01-31, 2026-01-31T12:00, 90m, 24h or 7d"
        ) from None
