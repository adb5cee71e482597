"""Fixed texts with places for what a payload says.

A template is a file: the subject, an empty line, the body. ``{payload.change.id:12}`` stands for a
field (at most 12 characters of it), ``{payload.findings[].rule}`` repeats its line for each item. A
line with a field that is not there is left out. What is filled in is never read as a template.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import wording

FOLDER = Path(__file__).with_name("templates")
OTHER, FOOTER = "other", "footer"
MAX_SUBJECT = 150
MAX_VALUE = 1000
MAX_ITEMS = 10
_PLACE = re.compile(r"\{([a-z_]+(?:\.[A-Za-z_][A-Za-z0-9_]*)+)(\[\])?((?:\.[a-z_]+)*)(?::(\d+))?\}")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")


class Notice(NamedTuple):
    """What people read."""

    subject: str
    body: str


def render(event: dict[str, Any]) -> Notice:
    """The notice of an event: its type's template, or the one for all others."""
    known = {"payload": event["payload"], "event": event}
    subject, _, body = _template(event["type"]).partition("\n\n")
    lines = [*body.rstrip("\n").split("\n"), *_read(FOOTER).rstrip("\n").split("\n")]
    filled = [text for one in lines for text in _lines(one, known)]
    return Notice(_subject(subject, known), "\n".join(filled) + "\n")


def _template(event: str) -> str:
    path = FOLDER / f"{event}.txt"
    return _read(event if _NAME.fullmatch(event) and path.is_file() else OTHER)


def _read(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def _subject(text: str, known: dict[str, Any]) -> str:
    filled = _PLACE.sub(lambda place: _value(known, place) or "?", text)
    return wording.line(filled, MAX_SUBJECT)


def _lines(text: str, known: dict[str, Any]) -> list[str]:
    """A line filled in: itself, nothing if a field is absent, or one for each item of a list."""
    repeated = next((place for place in _PLACE.finditer(text) if place[2]), None)
    if repeated is None:
        return _filled(text, partial(_value, known))
    items = _at(known, repeated[1])
    if not isinstance(items, list):
        return []
    found = [one for item in items[:MAX_ITEMS] for one in _filled(text, partial(_of, known, item))]
    more = len(items) - MAX_ITEMS
    return [*found, f"  ... and {more} more"] if more > 0 else found


def _filled(text: str, value: Any) -> list[str]:  # noqa: ANN401 - a function of a match
    values = [value(place) for place in _PLACE.finditer(text)]
    if None in values:
        return []
    given = iter(values)
    return [_PLACE.sub(lambda _place: next(given), text)]


def _of(known: dict[str, Any], item: object, place: re.Match[str]) -> str | None:
    """A field of an item of a list, or of the whole."""
    if not place[2]:
        return _value(known, place)
    return _bounded(_at(item, place[3][1:]) if place[3] else item, place)


def _value(known: dict[str, Any], place: re.Match[str]) -> str | None:
    return _bounded(_at(known, place[1]), place)


def _bounded(value: object, place: re.Match[str]) -> str | None:
    text = wording.shown(value)
    if text is None:
        return None
    if place[4]:
        return wording.line(text, int(place[4]))
    return wording.block(text, MAX_VALUE)


def _at(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    for member in path.split("."):
        value = value.get(member) if isinstance(value, dict) else None
    return value
