"""What instances write, on disk: a few bounded files for each release.

`<home>/<service>/<environment>/<release>.log` and, older, `<release>.1.log` and so on. A line is
the time (RFC 3339, UTC), the port of the instance, and what it wrote, with secrets masked. Whoever
writes never waits for the disk: what is more than a buffer between two writes is left out, and the
files say how many lines that were.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from datetime import UTC
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from lotabots.adapters.executor.exchange import to_the_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from lotabots.adapters.executor.output import Secrets
    from lotabots.runtime.ports import Clock

log = logging.getLogger(__name__)

LOGS: Final = "logs"
"""The folder of the state that holds all of them."""

FILE: Final = 2 * 1024 * 1024
"""Bytes of a file, after which the next one begins; one write more at most."""

FILES: Final = 4
"""Files of a release."""

RELEASES: Final = 8
"""Releases of a service in an environment whose files stay: those that wrote last."""

BUFFER: Final = 256 * 1024
"""Bytes of a release that wait for the next write."""

PAUSE_S: Final = 0.25
"""Between two writes: so a release writes at most `BUFFER` / `PAUSE_S`, a mebibyte a second."""

LINE: Final = 8 * 1024
"""Bytes of a line; of a longer one the rest is cut off."""

_PRIVATE: Final = 0o700
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_CUT: Final = b" [cut]"


class Journals:
    """All journals below `home`; they are written as long as the context lasts."""

    def __init__(self, home: Path, *, clock: Clock, secrets: Secrets) -> None:
        self.secrets = secrets
        self._home = home
        self._clock = clock
        self._known: WeakValueDictionary[Path, Journal] = WeakValueDictionary()
        self._waiting: dict[Journal, None] = {}
        self._work = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._task = asyncio.create_task(self._keep_writing())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Write what is left."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._write_all()

    def journal(self, service: str, environment: str, release: str) -> Journal:
        """The journal of a release; all its instances share it."""
        folder = self._home / service / environment
        found = self._known.get(folder / release)
        if found is None:
            found = self._known[folder / release] = Journal(self, folder, release)
        return found

    def stamp(self) -> bytes:
        """The time, as lines begin."""
        now = self._clock.now().astimezone(UTC).replace(tzinfo=None)
        return f"{now.isoformat(timespec='milliseconds')}Z".encode()

    def wants_writing(self, journal: Journal) -> None:
        """There is something in `journal`."""
        self._waiting[journal] = None
        self._work.set()

    async def _keep_writing(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await self._write_all()
            await asyncio.sleep(PAUSE_S)

    async def _write_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for journal in waiting:
            await to_the_end(journal.write())


class Journal:
    """What the instances of one release write."""

    def __init__(self, journals: Journals, folder: Path, release: str) -> None:
        self.journals = journals
        self._files = _Files(folder, release)
        self._lines: list[bytes] = []
        self._size = 0
        self._left_out = 0
        self._failing = False

    def is_full(self) -> bool:
        """Whether there is no room for another line before the next write."""
        return self._size >= BUFFER

    def pen(self, port: int) -> Pen:
        """For one stream of the instance on `port`."""
        return Pen(self, b" %d " % port)

    def add(self, line: bytes) -> None:
        """A line, with its end."""
        self._lines.append(line)
        self._size += len(line)
        self.journals.wants_writing(self)

    def leave_out(self, lines: int) -> None:
        """So many lines are not in it."""
        self._left_out += lines
        self.journals.wants_writing(self)

    async def write(self) -> None:
        """Bring to disk what waits; what cannot be written is left out."""
        lines, self._lines, self._size = self._lines, [], 0
        missing, self._left_out = self._left_out, 0
        if missing:
            lines.append(b"%s - [%d lines left out]\n" % (self.journals.stamp(), missing))
        if not lines:
            return
        try:
            await asyncio.to_thread(self._files.append, self.journals.secrets, lines)
        except OSError as error:
            self._left_out += missing + len(lines) - bool(missing)
            if not self._failing:
                log.warning("journal.failed", extra={"why": str(error)})
            self._failing = True
        else:
            self._failing = False


class Pen:
    """Cuts one stream into lines of a journal."""

    def __init__(self, journal: Journal, name: bytes) -> None:
        self._journal = journal
        self._name = name
        self._pending = bytearray()
        self._skipping = False
        # Of a line that is cut so much more is kept that a secret at the cut is masked whole.
        self._most = LINE + journal.journals.secrets.longest

    def feed(self, chunk: bytes) -> None:
        """Take `chunk`; never waits."""
        if self._journal.is_full():
            self._skip(chunk.count(b"\n"), chunk[-1:])
            return
        stamp = self._journal.journals.stamp()
        *complete, rest = chunk.split(b"\n")
        for number, piece in enumerate(complete):
            if self._journal.is_full():
                self._skip(len(complete) - number, rest or b"\n")
                return
            self._take(piece)
            self._line(stamp)
        self._take(rest)

    def end(self) -> None:
        """The stream is over; its last line may have no end."""
        if self._pending:
            self._line(self._journal.journals.stamp())

    def _skip(self, lines: int, last: bytes) -> None:
        if lines:
            self._journal.leave_out(lines)
        self._pending.clear()
        self._skipping = last != b"\n"

    def _take(self, piece: bytes) -> None:
        if not self._skipping:
            self._pending += piece[: self._most + 1 - len(self._pending)]

    def _line(self, stamp: bytes) -> None:
        line = bytes(self._pending)
        self._pending.clear()
        if self._skipping:
            self._skipping = False
            self._journal.leave_out(1)
            return
        if len(line) > LINE:
            line = self._journal.journals.secrets.mask_start(line)[:LINE] + _CUT
        self._journal.add(stamp + self._name + line + b"\n")


class _Files:
    """The files of a release."""

    def __init__(self, folder: Path, release: str) -> None:
        self._folder = folder
        self._release = release
        self._begun = False

    def append(self, secrets: Secrets, lines: list[bytes]) -> None:
        """Write whole lines at the end.

        Raises:
            OSError: the disk does not take them.
        """
        data = secrets.mask(b"".join(lines))
        self._folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        self._rotate(len(data))
        with os.fdopen(os.open(self._file(0), _APPEND, 0o600), "ab", buffering=0) as file:
            # Of a write that failed, or a host that was killed, half a line can be left.
            start = b"\n" if file.tell() and not self._ends_with_a_line() else b""
            left = memoryview(start + data)
            while left:
                left = left[file.write(left) :]
        if not self._begun:
            self._begun = True
            self._forget_others()

    def _rotate(self, more: int) -> None:
        try:
            size = self._file(0).stat().st_size
        except FileNotFoundError:
            return
        if size and size + more > FILE:
            for number in reversed(range(FILES - 1)):
                with contextlib.suppress(FileNotFoundError):
                    self._file(number).replace(self._file(number + 1))

    def _ends_with_a_line(self) -> bool:
        with self._file(0).open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _forget_others(self) -> None:
        """Remove the files of releases that wrote long ago."""
        wrote: dict[str, float] = {}
        for path in self._folder.glob("*.log"):
            release = release_of(path)
            wrote[release] = max(wrote.get(release, 0.0), path.stat().st_mtime)
        wrote.pop(self._release, None)
        for release in sorted(wrote, key=lambda one: wrote[one])[: -(RELEASES - 1)]:
            for path in files_of(self._folder, release):
                path.unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return _numbered(self._folder, self._release, number)


def files_of(folder: Path, release: str) -> Iterator[Path]:
    """Where the lines of a release are, oldest first, if all of them are there."""
    return (_numbered(folder, release, number) for number in reversed(range(FILES)))


def release_of(file: Path) -> str:
    """The release that wrote a file; its name has no dot."""
    return file.name.partition(".")[0]


def _numbered(folder: Path, release: str, number: int) -> Path:
    return folder / (f"{release}.{number}.log" if number else f"{release}.log")
