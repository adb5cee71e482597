"""What happened, as tables of a database in memory, to be asked by the queries of controls.

Only events that the engine accepted, by the audit log, are facts. Times are those at which the
server stored the events, in ISO 8601 and UTC, so that texts compare as times do.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from auditlog import Log
    from record import Event, Record, Row, Seen

MAX_STEPS = 50_000_000
"""Steps of the database's machine that a query may take: some seconds."""

STEPS = 100_000
MAX_ROWS, MAX_TEXT = 50_000, 1_000_000
"""Rows of an answer, and bytes of a value. One step can make a value of any size."""

PERSON = "cli."
TABLES = """
CREATE TABLE push (event, at, repository, commit_id, person);
CREATE TABLE build (event, at, repository, commit_id, artifact, outcome);
CREATE TABLE test (event, at, repository, commit_id, artifact, outcome, run);
CREATE TABLE lint (event, at, repository, commit_id, outcome, new);
CREATE TABLE scan (event, at, repository, commit_id, kind, outcome, new, critical);
CREATE TABLE approval (event, at, purpose, repository, commit_id, person);
CREATE TABLE deployment (event, at, action, environment, service, repository, commit_id, artifact,
    outcome, release);
CREATE TABLE backup (event, at, kind, target, outcome);
CREATE TABLE undecided (event, at, type);
CREATE TABLE fault (text);
CREATE TABLE log (entries);
CREATE TABLE parameter (name, value);
CREATE INDEX build_of ON build (repository, commit_id);
CREATE INDEX test_of ON test (repository, commit_id);
CREATE INDEX lint_of ON lint (repository, commit_id);
CREATE INDEX scan_of ON scan (repository, commit_id);
CREATE INDEX approval_of ON approval (repository, commit_id);
CREATE INDEX push_of ON push (repository, commit_id);
CREATE VIEW production AS
    SELECT *, service || '/' || environment || '/' || release AS resource FROM deployment
    WHERE environment = 'production' AND action = 'deploy' AND outcome = 'success'
    AND julianday(at) >= julianday((SELECT value FROM parameter WHERE name = 'now'))
        - (SELECT value FROM parameter WHERE name = 'window_days');
"""
_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}


def database(
    record: Record, log: Log, parameters: Mapping[str, tuple[Any, ...]]
) -> sqlite3.Connection:
    """The facts; from here on they can only be read."""
    found = sqlite3.connect(":memory:", isolation_level=None)
    found.executescript(TABLES)
    strange = [event.id for event in record.events if not _kept(found, event, log)]
    _insert_faults(found, record, log, strange)
    _insert(found, "log", (log.entries,))
    for name, values in parameters.items():
        for value in values:
            _insert(found, "parameter", (name, value))
    found.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_TEXT)
    found.set_authorizer(_only_reads)
    return found


def ask(found: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    """The answer to a query.

    Raises:
        sqlite3.Error: it is wrong, takes too long, makes a value too large, or would change
            something.
        ValueError: it has too many rows.
    """
    left = MAX_STEPS // STEPS

    def tick() -> int:
        nonlocal left
        left -= 1
        return int(left < 0)

    found.set_progress_handler(tick, STEPS)
    try:
        rows = found.execute(query).fetchmany(MAX_ROWS + 1)
    finally:
        found.set_progress_handler(None, 0)
    if len(rows) > MAX_ROWS:
        raise ValueError(f"a query has more than {MAX_ROWS} rows")
    return rows


def _only_reads(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _kept(found: sqlite3.Connection, event: Seen, log: Log) -> bool:
    """Make a fact of an event, if it is one; whether it has the form that is known here."""
    if event.copy not in log.decided:
        _insert(found, "undecided", (event.id, event.at, event.type))
    elif log.decided[event.copy] and event.row is not None:
        _insert(found, *event.row)
    return event.row is not None or not log.decided.get(event.copy)


def _insert_faults(
    found: sqlite3.Connection, record: Record, log: Log, strange: Iterable[str]
) -> None:
    faults = [log.fault] if log.fault else []
    lost = [f"{record.lost} events were lost before they were copied"] if record.lost else []
    odd = [f"event {one} has a form that is not known here" for one in strange]
    for text in (*faults, *record.faults, *lost, *odd):
        _insert(found, "fault", (text,))


def _insert(found: sqlite3.Connection, table: str, row: Iterable[object]) -> None:
    values = tuple(row)
    marks = ", ".join("?" * len(values))
    found.execute(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 - names of our own


def _push(event: Event) -> Row:
    return "push", (*_change(event), _person(event))


def _build(event: Event) -> Row:
    said = event.payload
    return "build", (*_change(event), said["artifact"]["digest"], said["outcome"])


def _test(event: Event) -> Row:
    said = event.payload
    digest = said["artifact"]["digest"]
    return "test", (*_change(event), digest, said["outcome"], said["counts"]["total"])


def _lint(event: Event) -> Row:
    return "lint", (*_change(event), event.payload["outcome"], event.payload["new"])


def _scan(event: Event) -> Row:
    said = event.payload
    critical = said["by_severity"]["critical"]
    return "scan", (*_change(event), said["scan"], said["outcome"], said["new"], critical)


def _approval(event: Event) -> Row:
    said = event.payload
    commit = said.get("change", {}).get("id")
    about = (said["purpose"], said.get("repository"), commit)
    return "approval", (event.id, event.at, *about, _person(event))


def _deployment(event: Event) -> Row:
    said = event.payload
    where = (said["action"], said["environment"], said["service"], said["repository"])
    what = (said["change"]["id"], said["artifact"]["digest"], said["outcome"])
    return "deployment", (event.id, event.at, *where, *what, said.get("release", ""))


def _backup(event: Event) -> Row:
    kind = event.type.partition(".")[2]
    said = event.payload
    return "backup", (event.id, event.at, kind, said["target"], said["outcome"])


def _change(event: Event) -> tuple[Any, ...]:
    return event.id, event.at, event.payload["repository"], event.payload["change"]["id"]


def _person(event: Event) -> str | None:
    """Who sent it, if that was a person: the server proves it, a payload does not."""
    is_person = event.source.startswith(PERSON)
    return event.source.removeprefix(PERSON) if is_person else None


ROWS: dict[str, Callable[[Event], Row]] = {
    "change.pushed": _push,
    "change.created": _push,
    "build.completed": _build,
    "test.completed": _test,
    "test.failed": _test,
    "lint.completed": _lint,
    "security.completed": _scan,
    "approval.granted": _approval,
    "deploy.completed": _deployment,
    "deploy.failed": _deployment,
    "backup.completed": _backup,
    "backup.failed": _backup,
    "backup.verified": _backup,
}
"""The events that are facts, and the row that each is."""
