"""The index: lines, the words in them, and how far logs were read, in one SQLite file.

INVARIANT: lines, their words, their templates and the place up to which files were read are one
transaction. So a run that is killed at any moment has indexed a line and read on, or neither.

Lines are only added. What one transaction adds is a segment; its digest includes that of the
segment before, so no line can be changed, added or removed without changing every digest since. The
digests are published. Everything else in the file has one digest of its own, the seal, which is as
old as the last transaction. Both are computed anew before anything is read. Only retention removes:
whole segments, the oldest first.

Values are bound; a query of a person is never a part of a statement.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import LaterError, NothingError, StoreError
from reader import Cursor
from templates import Group, Template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE = "index.db"
VERSION = 1
WAIT_S = 20
MAX_LINES = 400_000
MAX_BYTES = 96 * 1024 * 1024
"""Of the texts of all lines; the file has about three times as many."""

MAX_DAYS = 30
HOURS = 8 * 24
"""For how many hours lines are counted by template."""

DAY_S = 86_400
HOUR_MS = 3_600_000
START = "sha256:" + "0" * 64
"""What the first segment has instead of one before it."""

_TABLES = """
CREATE TABLE segment (number INTEGER PRIMARY KEY, run TEXT NOT NULL, at INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, bytes INTEGER NOT NULL,
    previous TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE line (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, level INTEGER NOT NULL,
    service TEXT NOT NULL, environment TEXT NOT NULL, file TEXT NOT NULL,
    instance TEXT NOT NULL, text TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(text, content='line', content_rowid='id', columnsize=0);
CREATE TABLE cursor (inode INTEGER PRIMARY KEY, path TEXT NOT NULL, place INTEGER NOT NULL,
    head TEXT NOT NULL, tail TEXT NOT NULL, skipping INTEGER NOT NULL, masking INTEGER NOT NULL,
    at INTEGER NOT NULL, seen INTEGER NOT NULL);
CREATE TABLE template (id INTEGER PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL,
    level INTEGER NOT NULL, fingerprint TEXT NOT NULL, words TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE hour (template INTEGER NOT NULL, hour INTEGER NOT NULL, lines INTEGER NOT NULL,
    PRIMARY KEY (template, hour)) WITHOUT ROWID;
CREATE TABLE seal (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL,
    digest TEXT NOT NULL);
"""
_SEALED = (
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
    "SELECT * FROM segment ORDER BY number",
    "SELECT * FROM cursor ORDER BY inode",
    "SELECT * FROM template ORDER BY id",
    "SELECT * FROM hour ORDER BY template, hour",
    "SELECT * FROM words_config ORDER BY k",
    "SELECT * FROM words_idx ORDER BY segid, term",
    "SELECT * FROM words_data ORDER BY id",
)
_LINE = "id, at, level, service, environment, file, instance, text"


class Entry(NamedTuple):
    """A line; `at` in milliseconds since 1970."""

    at: int
    level: int
    service: str
    environment: str
    file: str
    instance: str
    text: str


class Segment(NamedTuple):
    """What one transaction added; `at` is the time of its job, in seconds since 1970."""

    number: int
    run: str
    at: int
    first: int
    last: int
    bytes: int
    previous: str
    digest: str = ""

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.last - self.first + 1


class Batch(NamedTuple):
    """What one transaction stores."""

    run: str
    at: int
    entries: list[Entry]
    counts: dict[tuple[int, int], int]
    """Lines by template and hour."""

    templates: Iterable[Template]
    cursors: Iterable[Cursor]


class Store:
    """The index, as it was when it was opened; only the one for writing changes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def verify(self) -> None:
        """Compare everything with its digests.

        Raises:
            StoreError: something is not as it was left.
        """
        connection = self._connection
        if list(connection.execute("PRAGMA quick_check(1)")) != [("ok",)]:
            raise StoreError(f"{FILE} is damaged")
        segments = self.segments()
        lines = connection.execute(f"SELECT {_LINE} FROM line ORDER BY id")  # noqa: S608 - ours
        previous = segments[0].previous if segments else START
        for one in segments:
            found = _digest(one._replace(previous=previous), _rows(lines, one.lines))
            if found != one.digest or one.previous != previous:
                raise StoreError(f"{FILE}: the lines of segment {one.number} were changed")
            previous = one.digest
        if lines.fetchone() is not None:
            raise StoreError(f"{FILE}: there are lines that nobody indexed")
        sealed = connection.execute("SELECT at, digest FROM seal").fetchall()
        if [(at, self._seal(at)) for at, _ in sealed] != sealed or (segments and not sealed):
            raise StoreError(f"{FILE}: what finds lines was changed")

    def segments(self) -> list[Segment]:
        """All segments, the oldest first."""
        query = "SELECT number, run, at, first, last, bytes, previous, digest FROM segment"
        return [Segment(*row) for row in self._connection.execute(f"{query} ORDER BY number")]

    def cursors(self) -> list[Cursor]:
        """How far files were read."""
        rows = self._connection.execute("SELECT * FROM cursor ORDER BY inode")
        return [Cursor(*row)._replace(skipping=bool(row[5]), masking=bool(row[6])) for row in rows]

    def templates(self) -> list[Template]:
        """All templates."""
        rows = self._connection.execute("SELECT * FROM template ORDER BY id")
        return [
            Template(row[0], Group(*row[1:4]), row[4], tuple(json.loads(row[5])), *row[6:])
            for row in rows
        ]

    def counts(self) -> Iterator[tuple[int, int, int]]:
        """Template, hour, lines."""
        return iter(self._connection.execute("SELECT template, hour, lines FROM hour"))

    def indexed_at(self) -> int:
        """When the last run began, in seconds since 1970; 0 if there was none."""
        found = self._connection.execute("SELECT at FROM seal").fetchone()
        return int(found[0]) if found is not None else 0

    def query(self, statement: str, values: Iterable[object]) -> list[tuple[Any, ...]]:
        """The rows of a statement; what comes from outside is in `values` only."""
        return self._connection.execute(statement, tuple(values)).fetchall()

    def add(self, batch: Batch) -> None:
        """Store it, all of it or nothing."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        self._add_lines(batch)
        connection.executemany(
            "INSERT INTO hour VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET lines = lines + excluded.lines",
            [(*key, count) for key, count in batch.counts.items()],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO template VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (one.id, *one.group, one.fingerprint, json.dumps(one.words), one.first, one.last)
                for one in batch.templates
            ],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", batch.cursors
        )
        self._forget(batch.at)
        connection.execute("DELETE FROM seal")
        # The full-text search writes at a savepoint what it has only in memory so far.
        connection.execute("SAVEPOINT written")
        connection.execute("RELEASE written")
        seal = self._seal(batch.at)
        connection.execute("INSERT INTO seal VALUES (1, ?, ?)", (batch.at, seal))
        connection.execute("COMMIT")

    def _add_lines(self, batch: Batch) -> None:
        if not batch.entries:
            return
        row = self._connection.execute(
            "SELECT number, last, digest FROM segment ORDER BY number DESC LIMIT 1"
        ).fetchone()
        number, last, previous = row if row is not None else (0, 0, START)
        rows = [(last + place, *one) for place, one in enumerate(batch.entries, 1)]
        self._connection.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", [(one[0], one[-1]) for one in rows]
        )
        size = sum(len(one.text.encode()) for one in batch.entries)
        made = Segment(number + 1, batch.run, batch.at, last + 1, last + len(rows), size, previous)
        made = made._replace(digest=_digest(made, rows))
        self._connection.execute("INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", made)

    def _forget(self, at: int) -> None:
        """Remove what is too old or too much; the last segment stays."""
        kept = self.segments()
        lines, size = sum(one.lines for one in kept), sum(one.bytes for one in kept)
        for one in kept[:-1]:
            if lines <= MAX_LINES and size <= MAX_BYTES and one.at >= at - MAX_DAYS * DAY_S:
                break
            lines, size = lines - one.lines, size - one.bytes
            self._remove(one)
        hour = at // 3600
        run = self._connection.execute
        run("DELETE FROM hour WHERE hour < ?", (hour - HOURS,))
        run("DELETE FROM template WHERE last < ?", (hour - MAX_DAYS * 24,))
        run("DELETE FROM cursor WHERE seen < ?", (at - DAY_S,))

    def _remove(self, one: Segment) -> None:
        run = self._connection.execute
        run(
            "INSERT INTO words (words, rowid, text)"
            " SELECT 'delete', id, text FROM line WHERE id BETWEEN ? AND ?",
            (one.first, one.last),
        )
        run("DELETE FROM line WHERE id BETWEEN ? AND ?", (one.first, one.last))
        run("DELETE FROM segment WHERE number = ?", (one.number,))

    def _seal(self, at: int) -> str:
        found = sha256(f"{VERSION} {at}\n".encode())
        for statement in _SEALED:
            for row in self._connection.execute(statement):
                found.update(_plain(row))
        return f"sha256:{found.hexdigest()}"


def _digest(segment: Segment, rows: Iterable[tuple[Any, ...]]) -> str:
    found = sha256(_plain(segment._replace(digest="")))
    for row in rows:
        found.update(_plain(row))
    return f"sha256:{found.hexdigest()}"


def _plain(row: tuple[Any, ...]) -> bytes:
    return json.dumps(row, default=_hex, separators=(",", ":")).encode() + b"\n"


def _hex(value: bytes) -> str:
    return f"x{value.hex()}"


def _rows(lines: sqlite3.Cursor, number: int) -> Iterator[tuple[Any, ...]]:
    for _ in range(number):
        row = lines.fetchone()
        if row is None:
            return
        yield row


@contextmanager
def writing(folder: Path) -> Iterator[Store]:
    """The index for one run at a time, verified.

    Raises:
        LaterError: another run holds it for too long.
        StoreError: it is damaged, was changed, or is of a version that is not known.
    """
    with (folder / f"{FILE}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LaterError("another run writes the index") from error
        with _connected(f"{(folder / FILE).as_uri()}?mode=rwc") as connection:
            _prepare(connection)
            store = Store(connection)
            store.verify()
            yield store


@contextmanager
def reading(folder: Path) -> Iterator[Store]:
    """The index as it is at this moment, verified; it is not changed.

    Raises:
        NothingError: nothing was indexed yet.
        LaterError: it cannot be read now, because a run was cut off while it wrote.
        StoreError: it is damaged, was changed, or is of a version that is not known.
    """
    if not (folder / FILE).is_file():
        raise NothingError("there is no index yet")
    with _connected(f"{(folder / FILE).as_uri()}?mode=ro") as connection:
        connection.execute("BEGIN")
        if _version(connection) == 0:
            raise NothingError("there is no index yet")
        store = Store(connection)
        store.verify()
        yield store


@contextmanager
def _connected(name: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(
            sqlite3.connect(name, uri=True, timeout=WAIT_S, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            _check(connection)
            yield connection
    except sqlite3.OperationalError as error:
        raise LaterError(f"{FILE}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{FILE}: {error}") from error


def _check(connection: sqlite3.Connection) -> None:
    options = {name for (name,) in connection.execute("PRAGMA compile_options")}
    if "ENABLE_FTS5" not in options:
        raise StoreError("the SQLite of this Python has no full-text search (FTS5)")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in {0, VERSION}:
        raise StoreError(f"{FILE} is of version {version}; this LogBot knows {VERSION}")
    return int(version)


def _prepare(connection: sqlite3.Connection) -> None:
    if _version(connection) == 0:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
