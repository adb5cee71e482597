"""Python files of a commit, written where a tool can read them; what cannot be read is found.

Only Python is written: no project configuration is there to be obeyed, no link to be followed.
This file is the same in every bot that has tools read Python (a test compares them).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from commits import FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from commits import Entry, Repository

SUFFIXES = (".py", ".pyi", ".pyw")
SCRIPT = ".script.py"
SHEBANG = re.compile(rb"#![^\n]*\bpython[0-9.]*\b")
MAX_BYTES = 2 * 2**20
LINE_END = re.compile(rb"\r\n|\r|\n")


class Source(NamedTuple):
    """A Python file of the commit; `written` is its name below the folder."""

    path: str
    object: str
    written: str

    @property
    def is_script(self) -> bool:
        """Whether it is Python by its first line only, and so was written by another name."""
        return self.written != self.path


class Sources(NamedTuple):
    """What was written below `folder`, by written name; and why other Python files were not."""

    folder: Path
    written: dict[str, Source]
    unread: dict[str, str]

    def lines(self, source: Source) -> list[str]:
        """The lines of a file, as ruff counts them."""
        data = (self.folder / source.written).read_bytes()
        return [line.decode(errors="replace") for line in LINE_END.split(data)]


def write(repository: Repository, entries: Iterable[Entry], folder: Path) -> Sources:
    """Write the Python files among `entries` below `folder`, which is made."""
    folder.mkdir(parents=True)
    sources = Sources(folder, {}, {})
    for entry, data in repository.contents(_readable(entries, sources.unread)):
        if entry.raw.endswith(_ends()):
            name = entry.path
        elif SHEBANG.match(data):
            name = f"{entry.path}{SCRIPT}"
        else:
            continue
        try:
            _write(folder / name, data)
        except OSError as error:
            sources.unread[entry.path] = f"it cannot be written: {error.strerror}"
            continue
        sources.written[name] = Source(entry.path, entry.object, name)
    return sources


def _readable(entries: Iterable[Entry], unread: dict[str, str]) -> Iterator[Entry]:
    """Files that are Python by name, and those without a suffix that may be by their first line."""
    for entry in entries:
        named = entry.raw.endswith(_ends())
        if entry.mode not in FILES or not (named or _may_be_script(entry)):
            continue
        if not entry.is_plain:
            unread[entry.path] = "its name cannot be written"
        elif entry.size > MAX_BYTES:
            unread[entry.path] = f"it is larger than {MAX_BYTES} bytes"
        else:
            yield entry


def _may_be_script(entry: Entry) -> bool:
    return b"." not in entry.raw.rpartition(b"/")[2] and entry.size <= MAX_BYTES


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)


def _ends() -> tuple[bytes, ...]:
    return tuple(suffix.encode() for suffix in SUFFIXES)
