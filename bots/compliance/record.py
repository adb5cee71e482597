"""Reads the record of events that the service keeps: as far as its head says, and no further."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import NothingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

HEAD, VERSION = "head.json", 1
TRIES = 3
"""The service removes days that are too old; whoever was about to read one begins anew."""

LARGEST = 2**63 - 1
"""What SQLite has for a number."""

Row = tuple[str, tuple[Any, ...]]
"""A table, and a row of it."""


class Event(NamedTuple):
    """An event as it was sent. `source` is who sent it, as the server proved."""

    id: str
    type: str
    source: str
    at: str
    payload: dict[str, Any]


class Seen(NamedTuple):
    """What is kept of an event: the row that it is, if it has a form that is known.

    `copy` is its place in the stream and its hash.
    """

    id: str
    type: str
    source: str
    at: str
    copy: tuple[int, str]
    row: Row | None


class Record(NamedTuple):
    """All events. `faults` are lines that are not what they say they are."""

    as_of: str
    lost: int
    events: tuple[Seen, ...]
    faults: tuple[str, ...]


def read(folder: Path, rows: Mapping[str, Callable[[Event], Row]]) -> Record:
    """The events in the record of the types in `rows`, which say what is kept of each.

    Raises:
        NothingError: there is no record, or not one of ours.
    """
    for remaining in reversed(range(TRIES)):
        try:
            return _read(folder, rows)
        except FileNotFoundError as error:
            if not remaining:
                raise NothingError(f"there is no record of events: {error.strerror}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NothingError(f"the record of events cannot be read: {error!r}") from None
    raise NothingError("the record of events changes too fast")


def _read(folder: Path, rows: Mapping[str, Callable[[Event], Row]]) -> Record:
    head = json.loads((folder / HEAD).read_bytes())
    if head["version"] != VERSION:
        raise NothingError(f"the record is of version {head['version']}, not {VERSION}")
    events: list[Seen] = []
    faults: list[str] = []
    for name, size in sorted(head["files"].items()):
        for line in _lines(folder / name, size):
            said = json.loads(line)
            if sha256(said["event"].encode()).hexdigest() != said["sha256"]:
                faults.append(f"the copy of event {said['sequence']} has another hash")
                continue
            event = _event(said, rows.keys())
            if event is not None:
                copy = (int(said["sequence"]), said["sha256"])
                events.append(Seen(*event[:-1], copy, _row(event, rows[event.type])))
    return Record(head["as_of"], int(head["lost"]), tuple(events), tuple(faults))


def _lines(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while size > 0 and (line := file.readline()):
            size -= len(line)
            yield line
    if size:
        raise NothingError(f"{path.name} is not as long as the head of the record says")


def _row(event: Event, row: Callable[[Event], Row]) -> Row | None:
    try:
        table, values = row(event)
    except (KeyError, TypeError, AttributeError):
        return None
    return (table, values) if all(map(_fits, values)) else None


def _fits(value: object) -> bool:
    """Whether a column can hold it."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value)
    return value is None or (isinstance(value, int) and abs(value) <= LARGEST)


def _event(said: dict[str, Any], types: Collection[str]) -> Event | None:
    """An event of a type that is wanted; None also for what no engine would have accepted."""
    try:
        found = json.loads(said["event"])
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("type") not in types:
        return None
    payload = found.get("payload")
    if not isinstance(payload, dict):
        return None
    return Event(
        str(found.get("id", "")).encode(errors="replace").decode(),
        found["type"],
        said["source"],
        said["stored_at"],
        payload,
    )
