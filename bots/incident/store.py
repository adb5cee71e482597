"""The incidents and their timelines, in a SQLite file that stays from job to job.

INVARIANT: what a job changes and what it says are one transaction. So a job that comes again, after
it was cut off at any moment, finds either nothing done, or what it said, and says just that.

Constants are in single quotes and values are bound: SQLite takes a word in double quotes for the
column of that name, if there is one.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import states
from failure import LaterError, StoreError
from task import File, Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "incidents.db"
VERSION = 1
WAIT_S = 20
MAX_ENTRIES = 1000
"""Entries of a timeline; further ones are counted, not kept."""

KEPT_DAYS = 400
"""How long resolved incidents are kept; their reports are in the store of artifacts."""

SAID_DAYS = 30
"""How long what was said is kept. Events are older than a day never, dead letters rarely."""

_TABLES = """
CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    title TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open'
        CHECK (status IN ('open', 'acknowledged', 'mitigated', 'resolved')),
    acknowledged_at TEXT NOT NULL DEFAULT '',
    acknowledged_by TEXT NOT NULL DEFAULT '',
    mitigated_at TEXT NOT NULL DEFAULT '',
    resolved_at TEXT NOT NULL DEFAULT '',
    resolved_by TEXT NOT NULL DEFAULT '',
    resolution TEXT NOT NULL DEFAULT '',
    level INTEGER NOT NULL DEFAULT 0,
    left_out INTEGER NOT NULL DEFAULT 0,
    CHECK ((status = 'resolved') = (resolved_by <> ''))
);
CREATE UNIQUE INDEX one_unresolved ON incident (fingerprint) WHERE status <> 'resolved';
CREATE TABLE timeline (
    incident TEXT NOT NULL REFERENCES incident ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (incident, number),
    UNIQUE (incident, event, kind)
);
CREATE TABLE alert (
    incident TEXT NOT NULL REFERENCES incident ON DELETE CASCADE,
    alert_id TEXT NOT NULL,
    firing INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (incident, alert_id)
);
CREATE INDEX alert_by_id ON alert (alert_id);
CREATE TABLE said (key TEXT PRIMARY KEY, at TEXT NOT NULL, lines TEXT NOT NULL);
"""
_FIELDS = (
    "id, fingerprint, title, severity, service, environment, opened_at, status, acknowledged_at,"
    " acknowledged_by, mitigated_at, resolved_at, resolved_by, resolution, level, left_out"
)
_SELECT = f"SELECT {_FIELDS} FROM incident"  # noqa: S608 - names of our own


class Incident(NamedTuple):
    """An incident; times are ISO 8601 in UTC, empty for what has not happened."""

    id: str
    fingerprint: str
    title: str
    severity: str
    service: str
    environment: str
    opened_at: str
    status: str = states.OPEN
    acknowledged_at: str = ""
    acknowledged_by: str = ""
    mitigated_at: str = ""
    resolved_at: str = ""
    resolved_by: str = ""
    resolution: str = ""
    level: int = 0
    left_out: int = 0


class Entry(NamedTuple):
    """Something that happened to an incident. `event` is the id of the event that told."""

    at: str
    kind: str
    source: str
    text: str
    event: str


class Store:
    """The store, within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def said(self, key: str) -> tuple[Line, ...] | None:
        """What the job of this key said; None if it has not."""
        found = self._one("SELECT lines FROM said WHERE key = ?", key)
        if found is None:
            return None
        return tuple(
            Line(type_, payload, tuple(File(*file) for file in files))
            for type_, payload, files in json.loads(found[0])
        )

    def say(self, key: str, at: str, lines: tuple[Line, ...]) -> None:
        """Keep what a job says, and forget what is long over."""
        self._run("INSERT INTO said VALUES (?, ?, ?)", key, at, json.dumps(lines))
        self._run("DELETE FROM said WHERE at < ?", _before(at, SAID_DAYS))
        self._run(
            "DELETE FROM incident WHERE status = 'resolved' AND resolved_at < ?",
            _before(at, KEPT_DAYS),
        )

    def unresolved(self, fingerprint: str) -> Incident | None:
        """The one incident of that fingerprint that is not resolved."""
        where = "WHERE fingerprint = ? AND status <> 'resolved'"
        return _incident(self._one(f"{_SELECT} {where}", fingerprint))

    def named(self, name: str) -> Incident | None:
        """The incident of that id, whatever its state."""
        return _incident(self._one(f"{_SELECT} WHERE id = ?", name))

    def alerted(self, alert_id: str) -> Incident | None:
        """The unresolved incident that an alert belongs to; also found by its own id."""
        of_alert = "id IN (SELECT incident FROM alert WHERE alert_id = ?)"
        where = f"WHERE status <> 'resolved' AND (id = ? OR {of_alert})"
        order = "ORDER BY opened_at DESC, id LIMIT 1"
        return _incident(self._one(f"{_SELECT} {where} {order}", alert_id, alert_id))

    def add(self, incident: Incident) -> None:
        """Open an incident."""
        marks = ", ".join("?" * len(incident))
        self._run(f"INSERT INTO incident ({_FIELDS}) VALUES ({marks})", *incident)  # noqa: S608

    def change(self, incident: Incident) -> None:
        """Store an incident that is there as it is now."""
        names = ", ".join(f"{name.strip()} = ?" for name in _FIELDS.split(","))
        self._run(f"UPDATE incident SET {names} WHERE id = ?", *incident, incident.id)  # noqa: S608

    def note(self, incident: Incident, entry: Entry) -> None:
        """Add to a timeline, once for the same event and kind; beyond its bound, count."""
        known = "SELECT 1 FROM timeline WHERE incident = ? AND event = ? AND kind = ?"
        if self._one(known, incident.id, entry.event, entry.kind) is not None:
            return
        number = self._count("timeline", incident) + 1
        if number > MAX_ENTRIES:
            self._run("UPDATE incident SET left_out = left_out + 1 WHERE id = ?", incident.id)
            return
        self._run("INSERT INTO timeline VALUES (?, ?, ?, ?, ?, ?, ?)", incident.id, number, *entry)

    def timeline(self, incident: Incident) -> list[Entry]:
        """What happened, in order of time."""
        query = (
            "SELECT at, kind, source, text, event FROM timeline WHERE incident = ?"
            " ORDER BY at, number"
        )
        return [Entry(*row) for row in self._connection.execute(query, (incident.id,))]

    def entries(self, incident: Incident) -> int:
        """How many entries its timeline has, those that are only counted too."""
        left_out = self._one("SELECT left_out FROM incident WHERE id = ?", incident.id)
        return self._count("timeline", incident) + (left_out[0] if left_out else 0)

    def fire(self, incident: Incident, alert_id: str, *, firing: bool) -> None:
        """An alert of an incident fires, or is over."""
        query = "INSERT OR REPLACE INTO alert VALUES (?, ?, ?)"
        self._run(query, incident.id, alert_id, int(firing))

    def alerts(self, incident: Incident) -> dict[str, bool]:
        """Its alerts, and whether they fire."""
        query = "SELECT alert_id, firing FROM alert WHERE incident = ? ORDER BY alert_id"
        return {name: bool(one) for name, one in self._connection.execute(query, (incident.id,))}

    def _count(self, table: str, incident: Incident) -> int:
        query = f"SELECT count(*) FROM {table} WHERE incident = ?"  # noqa: S608 - ours
        return int(self._connection.execute(query, (incident.id,)).fetchone()[0])

    def _one(self, query: str, *values: object) -> Any:  # noqa: ANN401 - a row
        return self._connection.execute(query, values).fetchone()

    def _run(self, query: str, *values: object) -> None:
        self._connection.execute(query, values)


@contextmanager
def store(folder: Path) -> Iterator[Store]:
    """The store, for one job at a time: all that is done with it happens, or nothing.

    Raises:
        LaterError: another job holds it for too long.
        StoreError: it is damaged, or of a version that is not known.
    """
    try:
        connection = sqlite3.connect(folder / FILE, timeout=WAIT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            _prepare(connection)
            yield Store(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()  # what was not committed is as if it had never been
    except sqlite3.OperationalError as error:
        raise LaterError(f"{FILE}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{FILE}: {error}") from error


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, VERSION}:
        raise StoreError(f"{FILE} is of version {version}; this IncidentBot knows {VERSION}")
    if version == 0:
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _incident(row: Any) -> Incident | None:  # noqa: ANN401 - a row
    return None if row is None else Incident(*row)


def _before(at: str, days: int) -> str:
    return (datetime.fromisoformat(at) - timedelta(days=days)).isoformat(timespec="seconds")
