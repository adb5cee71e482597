"""What ScalingBot remembers: how busy each service was, minute by minute, in SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError
from wanted import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "samples.sqlite3"
WAIT_S = 10.0
MAX_SERVICES = 200
"""Beyond, new ones are refused: names come from events, and the folder has a limit."""

TABLE = """
create table if not exists samples (
    service text not null, environment text not null, at real not null,
    instances integer not null, utilization real not null,
    primary key (service, environment, at)
) without rowid, strict
"""
NEW = "insert or replace into samples values (?, ?, ?, ?, ?)"
OLD = "delete from samples where service = ? and environment = ? and at < ?"
ASKED = """
select at, instances, utilization from samples
where service = ? and environment = ? and at >= ? and at <= ? order by at
"""


class Place(NamedTuple):
    """A service in an environment."""

    service: str
    environment: str


def record(folder: Path, place: Place, sample: Sample, *, keep_s: float) -> None:
    """Remember a sample, once; forget what is older than `keep_s`.

    Raises:
        UnfitError: it cannot be written, or there are too many services.
    """
    with _opened(folder, write=True) as notes:
        known = _places(notes)
        if place not in known and len(known) >= MAX_SERVICES:
            raise UnfitError(f"there are samples of {len(known)} services already")
        notes.execute(NEW, (*place, *sample))
        notes.execute(OLD, (*place, sample.at - keep_s))


def between(folder: Path, place: Place, first: float, last: float) -> list[Sample]:
    """The samples of a service from `first` to `last`, the oldest first."""
    if not (folder / FILE).is_file():
        return []
    with _opened(folder, write=False) as notes:
        return [Sample(*row) for row in notes.execute(ASKED, (*place, first, last))]


def places(folder: Path) -> list[Place]:
    """All services of which there are samples, by name."""
    if not (folder / FILE).is_file():
        return []
    with _opened(folder, write=False) as notes:
        return sorted(_places(notes))


def _places(notes: sqlite3.Connection) -> set[Place]:
    return {
        Place(*row) for row in notes.execute("select distinct service, environment from samples")
    }


@contextmanager
def _opened(folder: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    mode = "rwc" if write else "ro"
    address = f"{(folder / FILE).as_uri()}?mode={mode}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=WAIT_S)) as notes, notes:
            if write:
                notes.execute(TABLE)
            yield notes
    except sqlite3.Error as error:
        raise UnfitError(f"the samples cannot be used: {error}") from error
