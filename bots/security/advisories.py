"""Known vulnerabilities: made from OSV records beforehand, looked up without a network.

To make the database, from a folder of OSV records (JSON) or a zip file of them::

    python -I -S bots/security advisories RECORDS --name NAME --to FOLDER [--as-of TIME]

TIME is when the records were taken; without it, the newest record's time counts, which can only
make the data look older than it is. The format of records: https://ossf.github.io/osv-schema/
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILE = "advisories.sqlite"
ECOSYSTEM = "PyPI"
SCHEMA = """
CREATE TABLE about (name TEXT NOT NULL, as_of TEXT NOT NULL, records INTEGER NOT NULL) STRICT;
CREATE TABLE affected (package TEXT NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX by_package ON affected (package);
"""
NEEDED = ("id", "aliases", "summary", "details", "severity", "database_specific")


class About(NamedTuple):
    """Whose data these are, from when, and how many records."""

    name: str
    as_of: datetime
    records: int


class Database:
    """An advisory database that is only read."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        if not path.is_file():
            raise UnfitError(f"there is no {FILE} in the place of `{{advisories}}`")
        try:
            self._rows = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
            ((name, as_of, records),) = self._rows.execute("SELECT * FROM about").fetchall()
            self.about = About(name, _time(as_of), records)
        except (sqlite3.Error, ValueError) as error:
            raise UnfitError(f"{FILE} cannot be read: {error}") from error
        if records < 1:
            raise UnfitError(f"{FILE} holds no record")

    def of(self, package: str) -> list[dict[str, Any]]:
        """The records that name a package, each with only that package's `affected`."""
        query = "SELECT record FROM affected WHERE package = ? ORDER BY rowid"
        try:
            rows = self._rows.execute(query, (normal(package),)).fetchall()
        except sqlite3.Error as error:
            raise UnfitError(f"{FILE} cannot be read: {error}") from error
        return [json.loads(text) for (text,) in rows]


def normal(package: str) -> str:
    """A package's name as it is compared: https://packaging.python.org/specifications/name-normalization/."""
    return re.sub(r"[-_.]+", "-", package).lower()


def main(arguments: Sequence[str]) -> None:
    """Make a database from OSV records."""
    parser = argparse.ArgumentParser(
        prog="bots/security advisories", description="Make SecurityBot's advisory database."
    )
    parser.add_argument("records", type=Path, help="a folder of OSV records, or a zip file")
    parser.add_argument("--name", required=True, help="whose data these are")
    parser.add_argument("--to", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--as-of", help="when they were taken (ISO 8601 with an offset)")
    given = parser.parse_args(arguments)
    try:
        about = make(given.records, given.to, name=given.name, as_of=given.as_of or "")
    except (UnfitError, ValueError, OSError, zipfile.BadZipFile) as error:
        sys.exit(f"no database: {error}")
    sys.stdout.write(f"{about.records} records of {about.name} as of {about.as_of.isoformat()}\n")


def make(records: Path, folder: Path, *, name: str, as_of: str) -> About:
    """Write ``advisories.sqlite``; the one that was there is replaced in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{FILE}.part"
    part.unlink(missing_ok=True)
    newest, count = "", 0
    with closing(sqlite3.connect(part)) as rows, rows:
        rows.executescript(SCHEMA)
        for record in _records(records):
            newest = max(newest, record["modified"])
            count += 1
            rows.executemany("INSERT INTO affected VALUES (?, ?)", _rows(record))
        if count == 0:
            raise UnfitError(f"no OSV records in {records.name}")
        about = About(name, _time(as_of or newest), count)
        rows.execute("INSERT INTO about VALUES (?, ?, ?)", (name, about.as_of.isoformat(), count))
    part.replace(folder / FILE)
    return about


def _records(source: Path) -> Iterator[dict[str, Any]]:
    if source.is_dir():
        for path in sorted(source.rglob("*.json")):
            yield _record(path.name, path.read_bytes())
        return
    with zipfile.ZipFile(source) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".json"):
                yield _record(name, archive.read(name))


def _record(name: str, data: bytes) -> dict[str, Any]:
    record = json.loads(data)
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        raise UnfitError(f"{name} is no OSV record")
    _time(record.get("modified", ""))
    return record


def _rows(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """One row for each package; records that were withdrawn have none."""
    if record.get("withdrawn"):
        return
    by_package: dict[str, list[dict[str, Any]]] = {}
    for affected in record.get("affected", ()):
        if affected.get("package", {}).get("ecosystem") == ECOSYSTEM:
            by_package.setdefault(normal(affected["package"]["name"]), []).append(affected)
    for package, affected in by_package.items():
        kept = {key: record[key] for key in NEEDED if key in record}
        yield package, json.dumps({**kept, "affected": affected})


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time `{text[:40]}` has no offset")
    return moment.astimezone(UTC)
