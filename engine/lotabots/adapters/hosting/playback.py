"""Reads what instances wrote, from the files of a journal, also while they are written."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from lotabots.adapters.hosting.journal import files_of, release_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STAMP = 24
"""Characters of the time that a line begins with."""


class Written(NamedTuple):
    """A line, and the release that wrote it."""

    release: str
    text: str


class Playback:
    """The lines in `folder`, that of a service in an environment; of one `release` if it is named.

    It remembers how far it came in each file, whatever that is called by now.
    """

    def __init__(self, folder: Path, *, release: str = "") -> None:
        self._folder = folder
        self._release = release
        self._read: dict[int, int] = {}

    def last(self, number: int) -> list[Written]:
        """The last lines, oldest first; `more` goes on behind them."""
        found = [list(deque(self._lines(release), number)) for release in self._releases()]
        return _in_order(found)[-number:] if number else []

    def more(self) -> list[Written]:
        """The lines that came since, oldest first."""
        return _in_order([list(self._lines(release)) for release in self._releases()])

    def _releases(self) -> list[str]:
        found = sorted({release_of(path) for path in self._folder.glob("*.log")})
        # What is not there any more can lend its number to a new file.
        there = {inode for release in found for _, inode in self._files(release)}
        self._read = {inode: read for inode, read in self._read.items() if inode in there}
        return [release for release in found if self._release in {"", release}]

    def _files(self, release: str) -> Iterator[tuple[Path, int]]:
        for path in files_of(self._folder, release):
            try:
                yield path, path.stat().st_ino
            except FileNotFoundError:
                continue

    def _lines(self, release: str) -> Iterator[Written]:
        for path, inode in self._files(release):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue  # it got another name; next time
            with file:
                read = self._read.get(inode, 0)
                file.seek(read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    read += len(line)
                    self._read[inode] = read
                    yield Written(release, line[:-1].decode(errors="replace"))


def _in_order(found: list[list[Written]]) -> list[Written]:
    return sorted((one for lines in found for one in lines), key=lambda one: one.text[:_STAMP])
