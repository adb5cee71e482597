"""What is kept from job to job: which violations were said, the numbers over time, what jobs said.

It is written before anything is said, with the event of the job that says it: a job that is cut off
in between, or comes again, says the same bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from failure import NothingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE, VERSION = "memory.json", 1
MAX_HISTORY, MAX_SAID = 1000, 20


class File(NamedTuple):
    """A file to hand over."""

    path: str
    kind: str
    media_type: str
    text: str


class Line(NamedTuple):
    """A line of output, with its files."""

    type: str
    payload: dict[str, Any]
    files: tuple[File, ...] = ()


class Memory:
    """What is known. `open` has when each violation that still holds was said first."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.open: dict[str, str] = found["open"]
        self.history: list[dict[str, Any]] = found["history"]
        self._said: dict[str, Any] = found["said"]

    def said(self, key: str) -> tuple[Line, ...] | None:
        """What the job of this key said; None if it has not."""
        if key not in self._said:
            return None
        return tuple(
            Line(type_, payload, tuple(File(*one) for one in files))
            for type_, payload, files in self._said[key]
        )

    def say(self, key: str, lines: tuple[Line, ...]) -> None:
        """Keep what a job says; the oldest is forgotten."""
        self._said = dict([*self._said.items(), (key, lines)][-MAX_SAID:])

    def dump(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        history = self.history[-MAX_HISTORY:]
        return {"version": VERSION, "open": self.open, "history": history, "said": self._said}


@contextmanager
def memory(folder: Path) -> Iterator[Memory]:
    """The memory, for one run at a time; written when nothing went wrong.

    Raises:
        NothingError: what is there is not ours, or damaged. It is left as it is.
    """
    with (folder / f"{FILE}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = Memory(_load(folder / FILE))
        yield kept
        _save(folder / FILE, kept.dump())


def _load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"open": {}, "history": [], "said": {}}
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        if found["version"] != VERSION:
            raise NothingError(f"{FILE} is of version {found['version']}, not {VERSION}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NothingError(f"{FILE} cannot be read: {error!r}") from None
    return found


def _save(path: Path, found: object) -> None:
    """Write so that whoever reads finds all of it, or all of what was there before."""
    written = path.with_name(f"{path.name}.{os.getpid()}")
    with written.open("w", encoding="utf-8") as file:
        json.dump(found, file)
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
