"""Reads a line of a log: when it was written, how serious it is, what it says.

The times of RFC 3339 (and ISO 8601 as programs write it), of syslog (RFC 5424; RFC 3164, whose
lines do not say the year), and of lines that are JSON objects. A line that says no time has that of
the line before it: it is most likely the rest of it, such as a traceback.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

LEVELS = ("", "debug", "info", "warning", "error", "critical")
"""By how serious; the first is that of lines that say none."""

DAY = timedelta(days=1)
_RANK = {
    name: rank
    for rank, names in enumerate(
        (
            (),
            ("trace", "debug"),
            ("info", "information", "notice"),
            ("warn", "warning"),
            ("error", "err", "severe"),
            ("critical", "crit", "fatal", "alert", "emerg", "emergency", "panic"),
        )
    )
    for name in names
}
_SYSLOG = (5, 5, 5, 4, 3, 2, 2, 1)
"""Ranks of the severities of syslog, 0 (emergency) to 7 (debug)."""

_ANY = "|".join(sorted(_RANK, key=len, reverse=True))
_LEVEL = re.compile(
    rf"""(?x)
    \b(?P<plain>{_ANY.upper()})\b
    | \[\s*(?P<boxed>(?i:{_ANY}))\s*\]
    | \b(?i:level|severity|lvl)["']?\s?[=:]\s?["']?(?P<named>(?i:{_ANY}))\b
    | ^(?P<first>(?i:{_ANY})):
    """
)
_FAILED = re.compile(r'HTTP/[\d.]+" 5\d\d\b')
_STARTS = {"Traceback (most recent call last)": 4, "panic: ": 5}
_ZONE = r"(?: ?(?:Z|[+-]\d\d:?\d\d))?"
_ISO = re.compile(rf"\[?(\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{{1,9}})?{_ZONE})\]?[ :]*")
_SPACED = re.compile(r" ([Z+-])")
_HOST = re.compile(r"(\d{1,5}|-) ")
_PRIORITY = re.compile(r"<(\d{1,3})>(1 )?")
_BSD = re.compile(r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ ")
_TIMES = ("timestamp", "time", "@timestamp", "ts")
_SEVERITIES = ("level", "severity", "levelname", "lvl")
_TEXTS = ("message", "msg", "event", "text")
_HEAD = 120
_EPOCH_MS = 10**11


class Read(NamedTuple):
    """What a line says. `at` is in milliseconds since 1970, None if it says none."""

    at: int | None
    level: int
    text: str
    instance: str = ""


def read(line: str, now: datetime, *, hosted: bool = False) -> Read:
    """Read a line; `hosted`: behind its time it has the port of an instance, as the host writes."""
    found = _read(line, now, hosted=hosted)
    if found.at is not None and not 0 <= found.at <= milliseconds(now + DAY):
        return found._replace(at=None)
    return found


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)


def _read(line: str, now: datetime, *, hosted: bool) -> Read:
    if line.startswith("{"):
        found = _json(line)
        if found is not None:
            return found
    at, rank, rest = _begin(line, now)
    instance = _HOST.match(rest) if hosted and at is not None else None
    if instance is not None:
        rest = rest[instance.end() :]
        inner = _json(rest) if rest.startswith("{") else None
        if inner is not None:
            return inner._replace(at=at, instance=instance[1])
    return Read(at, rank or level(rest), rest, instance[1] if instance is not None else "")


def _begin(line: str, now: datetime) -> tuple[int | None, int, str]:
    """The time and severity with which a line begins, and the rest."""
    priority = _PRIORITY.match(line)
    rank = _SYSLOG[int(priority[1]) % 8] if priority is not None else 0
    rest = line[priority.end() :] if priority is not None else line
    stamp = _ISO.match(rest)
    if stamp is not None:
        return _moment(stamp[1]), rank, rest[stamp.end() :]
    stamp = _BSD.match(rest)
    if stamp is not None:
        return _of_this_year(stamp[1], now), rank, rest[stamp.end() :]
    return None, rank, rest


def level(text: str) -> int:
    """The rank of what a text says about itself near its beginning; 0 if it says nothing."""
    head = text[:_HEAD]
    found = _LEVEL.search(head)
    if found is not None and found.lastgroup is not None:
        return _RANK[found[found.lastgroup].lower()]
    if _FAILED.search(text) is not None:
        return _RANK["error"]
    return next((rank for start, rank in _STARTS.items() if head.startswith(start)), 0)


def _moment(text: str) -> int | None:
    try:
        found = datetime.fromisoformat(_SPACED.sub(r"\1", text))
        zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return milliseconds(zoned)
    except (ValueError, OverflowError):
        return None


def _of_this_year(text: str, now: datetime) -> int | None:
    """The last time that this was the date; a clock may be a day ahead."""
    for year in (now.year + 1, now.year, now.year - 1):
        try:
            found = datetime.strptime(f"{year} {text} +0000", "%Y %b %d %H:%M:%S %z")
        except ValueError:
            continue
        if found <= now + DAY:
            return milliseconds(found)
    return None


def _json(line: str) -> Read | None:
    """A line that is a JSON object with a text; None if it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    text = next((found[name] for name in _TEXTS if isinstance(found.get(name), str)), line)
    said = next((found[name] for name in _SEVERITIES if name in found), None)
    rank = _RANK.get(str(said).lower(), 0)
    at = next((_time(found[name]) for name in _TIMES if name in found), None)
    return Read(at, rank or level(text), line if text is line else _whole(text, found))


def _whole(text: str, found: dict[str, Any]) -> str:
    """The text, and behind it what else the object says."""
    known = {*_TIMES, *_SEVERITIES, *_TEXTS}
    others = {name: value for name, value in found.items() if name not in known}
    return f"{text} {json.dumps(others, ensure_ascii=False)}" if others else text


def _time(value: object) -> int | None:
    if isinstance(value, str):
        return _moment(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds_or_more = abs(value)
    if not seconds_or_more < _EPOCH_MS * 1000:  # also what is no number
        return None
    return int(value if seconds_or_more >= _EPOCH_MS else value * 1000)
