"""Reads what the host counts at its front, in the text format of Prometheus.

Only the series that are used here; all others are skipped. Read strictly: a number that cannot be
a count is an error, not a zero.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = {
    "lotabots_front_requests_total": "requests",
    "lotabots_front_errors_total": "errors",
    "lotabots_front_latency_seconds_count": "answered",
    "lotabots_front_latency_seconds_sum": "seconds",
}
MAX_SERIES = 20_000
MAX_NUMBER = 1e15
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_LINE = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{((?:{_LABEL},?)*)\}})? +(\S+)(?: +-?\d+)?")
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
_ESCAPE = re.compile(r"\\(.)")


class Counters(NamedTuple):
    """What the front has counted for one release since the host began."""

    requests: int = 0
    errors: int = 0
    answered: int = 0
    seconds: float = 0.0


Key = tuple[str, str, str]
"""Service, environment, release."""


def read(text: str) -> Mapping[Key, Counters]:
    """The counters of each release.

    Raises:
        ValueError: a line of ours that cannot be read, or too many of them.
    """
    found: dict[Key, Counters] = {}
    for line in text.split("\n"):
        name = _NAME.match(line)
        field = FIELDS.get(name[0]) if name else None
        if field is None:
            continue
        key, value = _series(line.rstrip("\r "))
        known = found.get(key, Counters())
        if field == "seconds":
            found[key] = known._replace(seconds=value)
        else:
            found[key] = known._replace(**{field: _count(value)})
        if len(found) > MAX_SERIES:
            raise ValueError(f"counters of more than {MAX_SERIES} releases")
    return found


def _series(line: str) -> tuple[Key, float]:
    matched = _LINE.fullmatch(line)
    if matched is None:
        raise ValueError(f"`{line[:100]}` is no line of metrics")
    labels = {name: _ESCAPE.sub(_meant, text) for name, text in _PAIR.findall(matched[2] or "")}
    missing = {"service", "environment", "release"} - set(labels)
    if missing:
        raise ValueError(f"`{line[:100]}` has no label `{min(missing)}`")
    return (labels["service"], labels["environment"], labels["release"]), _number(matched[3])


def _meant(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


def _number(text: str) -> float:
    value = float(text)
    if not (isfinite(value) and 0 <= value <= MAX_NUMBER):
        raise ValueError(f"`{text[:100]}` cannot have been counted")
    return value


def _count(value: float) -> int:
    if not value.is_integer():
        raise ValueError(f"`{value}` is no count")
    return int(value)
