"""Indexes what was added to logs since the last run."""

from __future__ import annotations

import json
import sys
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import lines
import reader
from failure import NothingError
from neutral import Neutral
from store import HOUR_MS, Batch, Entry, Segment, writing
from task import File, Line
from templates import Group, Templates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reader import Cursor
    from store import Store
    from task import Task

BATCH, BATCH_BYTES = 10_000, 4 * 1024 * 1024
"""Of lines and bytes that were read; then they are stored."""

PERIOD_S = 300
MAX_LINES = 100_000
"""Of a run; what is more comes next."""

SHARE = 0.25
"""Of the time that a run may take; then no further batch is begun."""

ENVIRONMENTS = ("staging", "production")
MAX_NAME = 128
MAX_CLOSED = 100
LINE = 4 * 1024
"""Characters of a line that are stored."""

MARGIN = 5 * 1024
"""Characters at the end of a line that was cut: they may hold half a secret, known to no mask."""

CUT = " [cut]"
KEY_BEGINS, KEY_ENDS = "-----BEGIN ", "-----END "
MASKED_KEY = "<private key>"


class Origin(NamedTuple):
    """Where a line comes from, by the path of its file."""

    service: str
    environment: str
    hosted: bool


def index(task: Task) -> Iterator[Line]:
    """Read what is new in all files; what is said is said once it is stored."""
    began = time.monotonic()
    with writing(task.state) as store:
        found, closed = reader.look(task.logs)
        for one in closed[:MAX_CLOSED]:
            sys.stderr.write(f"cannot be read: {one}\n")
        if not found:
            raise NothingError("there are no files of text in the place `logs`")
        left = Run(task, store, reader.place(task.logs, found, store.cursors())).run(
            until=began + task.timeout_s * SHARE
        )
        said = [one for one in store.segments() if one.run == task.key]
    if left:
        sys.stderr.write("there is more than one run takes; the rest comes with the next\n")
    if said:
        yield _line(task, said, files=len(found), seconds=time.monotonic() - began)


def _line(task: Task, said: list[Segment], *, files: int, seconds: float) -> Line:
    about = {
        "version": 1,
        "at": task.at.isoformat(timespec="seconds"),
        "files": files,
        "segments": [
            {"number": one.number, "lines": one.lines, "digest": one.digest,
             "previous": one.previous}
            for one in said
        ],
    }  # fmt: skip
    payload = {
        "checked": sum(one.lines for one in said),
        "segment": said[-1].digest,
        "duration_s": round(seconds, 3),
    }
    text = json.dumps(about, indent=1) + "\n"
    return Line(
        "log.indexed", payload, (File("log-index.json", "log-index", "application/json", text),)
    )


class Run:
    """One run over all files, a chunk of each in turn."""

    def __init__(self, task: Task, store: Store, cursors: list[Cursor]) -> None:
        self._task = task
        self._store = store
        self._now = int(task.at.timestamp())
        self._templates = Templates(store.templates())
        self._neutral = Neutral({})
        self._cursors = [one._replace(seen=self._now) for one in cursors]
        self._entries: list[Entry] = []
        self._counts: dict[tuple[int, int], int] = {}
        self._bytes = 0

    def run(self, *, until: float) -> bool:
        """Read and store; whether there may be more."""
        waiting = self._in_turn()
        stored = 0
        while waiting:
            more: list[int] = []
            for one in waiting:
                if self._read(one):
                    more.append(one)
                if len(self._entries) >= BATCH or self._bytes >= BATCH_BYTES:
                    stored += len(self._entries)
                    self._save()
                    if stored >= MAX_LINES or time.monotonic() >= until:
                        return True
            waiting = more
        self._save()
        return False

    def _in_turn(self) -> list[int]:
        """All files, each time from another one on, so that none is always the last."""
        number = len(self._cursors)
        first = self._now // PERIOD_S % max(number, 1)
        return [*range(first, number), *range(first)]

    def _read(self, number: int) -> bool:
        cursor = self._cursors[number]
        chunk = reader.read(self._task.logs, cursor, self._now)
        self._bytes += chunk.cursor.offset - cursor.offset
        self._cursors[number] = take(
            chunk.cursor, chunk.lines, self._task.at, self._entries, neutral=self._neutral
        )
        return chunk.more

    def _save(self) -> None:
        for one in self._entries:
            hour = one.at // HOUR_MS
            group = Group(one.service, one.environment or ENVIRONMENTS[-1], one.level)
            key = (self._templates.put(group, one.text, hour), hour)
            self._counts[key] = self._counts.get(key, 0) + 1
        changed = list(self._templates.changed.values())
        self._store.add(
            Batch(self._task.key, self._now, self._entries, self._counts, changed, self._cursors)
        )
        self._templates.changed.clear()
        self._entries, self._counts, self._bytes = [], {}, 0


def take(
    cursor: Cursor, found: list[bytes], now: datetime, into: list[Entry], *, neutral: Neutral
) -> Cursor:
    """Add the lines of a file, without secrets; the cursor that knows what they said."""
    origin = origin_of(cursor.path)
    file, at, masking = cursor.path, cursor.at, cursor.masking
    for raw in found:
        line = raw.decode(errors="replace")
        if not line.strip():
            continue
        read = lines.read(line, now, hosted=origin.hosted)
        at = read.at if read.at is not None else at or lines.milliseconds(now)
        if masking:
            masking = KEY_ENDS not in line
            text = MASKED_KEY
        else:
            masking = KEY_BEGINS in line and "PRIVATE KEY" in line and KEY_ENDS not in line
            text = _short(neutral(read.text.encode(errors="replace").decode()), of=raw)
        into.append(
            Entry(at, read.level, origin.service, origin.environment, file, read.instance, text)
        )
    return cursor._replace(at=at, masking=masking)


def _short(text: str, *, of: bytes) -> str:
    cut = len(of) >= reader.KEPT
    whole = (text[:-MARGIN] if cut else text).strip()
    return whole[:LINE] + CUT if cut or len(whole) > LINE else whole


def origin_of(path: str) -> Origin:
    """Service and environment: the folders that a file is in, as the host names them.

    A file outside of all folders is a service of its own, by its name up to the first dot.
    """
    *folders, name = PurePosixPath(path).parts
    service = folders[0] if folders else name.split(".")[0] or name
    environment = folders[1] if len(folders) > 1 and folders[1] in ENVIRONMENTS else ""
    return Origin(service[:MAX_NAME], environment, bool(environment))
