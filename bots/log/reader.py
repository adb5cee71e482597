"""Reads what was added to files since the last time, whatever they are called by now.

A file is the one that was read before if it has the same inode, begins with the same bytes, and has
the same bytes before the place up to which it was read. So a file that was renamed is read on, one
that was cut off or replaced is read anew, and a copy that was made before a file was cut off
(`copytruncate`) is read on where the file was left.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PROBE = 256
"""Bytes at the beginning, and before the place, by which a file is known again."""

KEPT = 10 * 1024
"""Bytes of a line that are read; so many are a line that was cut."""

LONGEST = 64 * 1024
"""A line without an end so far is taken once it is longer; its rest is skipped."""

CHUNK = 256 * 1024
QUIET_S = 3600
"""A last line without an end is taken when nothing was written for so long."""

MAX_FILES, MAX_DEPTH = 2_000, 8
_ROTATED = re.compile(r"(?:\.log)?[.\-_]?[\dT.\-_]*(?:\.?(?:log|old|bak))?")
OTHERS = (".gz", ".xz", ".bz2", ".zst", ".zip", ".journal", ".db", ".swp")
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Cursor(NamedTuple):
    """How far a file was read; `path` is below the folder of logs."""

    inode: int
    path: str
    offset: int = 0
    head: str = ""
    tail: str = ""
    skipping: bool = False
    """The rest of a line that was too long is to come."""

    masking: bool = False
    """The rest of a private key is to come."""

    at: int = 0
    """The time of the last line, in milliseconds since 1970."""

    seen: int = 0
    """When it was last there, in seconds since 1970."""


class Found(NamedTuple):
    """A file that is there."""

    path: str
    inode: int
    size: int
    changed: float


class Chunk(NamedTuple):
    """Lines without their ends, and where the file is read on."""

    lines: list[bytes]
    cursor: Cursor
    more: bool


def look(root: Path) -> tuple[list[Found], list[str]]:
    """All files of text below `root`, each once, and what is closed; links are not followed."""
    found: dict[int, Found] = {}
    closed: list[str] = []
    for path in _below(root, 0, closed):
        try:
            with opened(path) as file:
                about = os.fstat(file)
                if stat.S_ISREG(about.st_mode) and b"\0" not in os.pread(file, 1024, 0):
                    name = path.relative_to(root).as_posix()
                    one = Found(name, about.st_ino, about.st_size, about.st_mtime)
                    found.setdefault(about.st_ino, one)
        except PermissionError:
            closed.append(str(path))
        except OSError:  # it is gone, or it is a socket
            continue
        if len(found) >= MAX_FILES:
            break
    return list(found.values()), closed


def _below(folder: Path, depth: int, closed: list[str]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError:
        closed.append(str(folder))
        return
    for entry in entries:
        if entry.is_symlink() or not entry.name.isprintable():
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH:
                yield from _below(folder / entry.name, depth + 1, closed)
        elif not entry.name.endswith(OTHERS):
            yield folder / entry.name


def place(root: Path, found: Iterable[Found], known: Iterable[Cursor]) -> list[Cursor]:
    """Where to read on in each file; those that are copies of what was read are left out."""
    files = list(found)
    cursors = {one.inode: one for one in known}
    going_on = {
        one.inode
        for one in files
        if (cursor := cursors.get(one.inode))
        and cursor.offset  # of which nothing was read is known by nothing
        and _fits(root / one.path, cursor)
    }
    left = {one.inode: one for one in cursors.values() if one.inode not in going_on}
    placed: list[Cursor] = []
    for one in files:
        if one.inode in going_on:
            placed.append(cursors[one.inode]._replace(path=one.path))
            continue
        copied = _copied(root, one, cursors.values())
        if copied is None:
            placed.append(Cursor(one.inode, one.path))
        elif left.pop(copied.inode, None) is not None:
            placed.append(copied._replace(inode=one.inode, path=one.path))
    return placed


def _copied(root: Path, found: Found, known: Iterable[Cursor]) -> Cursor | None:
    """What was read of the file of which this one is a copy."""
    for one in known:
        if (
            one.offset
            and one.inode != found.inode
            and _related(one.path, found.path)
            and _fits(root / found.path, one)
        ):
            return one
    return None


def _related(path: str, other: str) -> bool:
    """Whether `other` may be an older part of `path`, by its name: of ``a.log``, ``a.log.1``."""
    folder, _, name = path.rpartition("/")
    other_folder, _, other_name = other.rpartition("/")
    stem = name.removesuffix(".log")
    rest = other_name.removeprefix(stem)
    return (
        folder == other_folder
        and other_name not in (name, rest)
        and _ROTATED.fullmatch(rest) is not None
    )


def _fits(path: Path, cursor: Cursor) -> bool:
    try:
        with opened(path) as file:
            if os.fstat(file).st_size < cursor.offset:
                return False
            return _marks(file, cursor.offset) == (cursor.head, cursor.tail)
    except OSError:
        return False


def _marks(file: int, offset: int) -> tuple[str, str]:
    """By which a file is known again that was read up to `offset`."""
    size = min(PROBE, offset)
    head, tail = os.pread(file, size, 0), os.pread(file, size, offset - size)
    return sha256(head).hexdigest()[:16], sha256(tail).hexdigest()[:16]


def read(root: Path, cursor: Cursor, now: float) -> Chunk:
    """The next lines. Nothing, if it cannot be read, or is not the file any more."""
    try:
        with opened(root / cursor.path) as file:
            about = os.fstat(file)
            if about.st_ino != cursor.inode:
                return Chunk([], cursor, more=False)
            data = os.pread(file, CHUNK, cursor.offset)
            end = cursor.offset + len(data) >= about.st_size
            quiet = end and now - about.st_mtime > QUIET_S
            lines, taken, skipping = cut(data, skipping=cursor.skipping, whole=quiet)
            offset = cursor.offset + taken
            head, tail = _marks(file, offset)
    except OSError:
        return Chunk([], cursor, more=False)
    moved = cursor._replace(offset=offset, head=head, tail=tail, skipping=skipping)
    return Chunk(lines, moved, more=not end and taken > 0)


def cut(data: bytes, *, skipping: bool, whole: bool = False) -> tuple[list[bytes], int, bool]:
    """The complete lines in `data`, the bytes that were taken, whether the rest is skipped.

    `whole`: the last line is taken although it has no end.
    """
    end = data.rfind(b"\n") + 1
    lines = data[:end].split(b"\n")[:-1]
    if skipping:
        if not end:
            return [], len(data), True
        del lines[0]
    rest = data[end:]
    if rest and (whole or len(rest) >= LONGEST):
        return [_short(one) for one in [*lines, rest]], len(data), not whole
    return [_short(one) for one in lines], end, False


def _short(line: bytes) -> bytes:
    return line.removesuffix(b"\r")[:KEPT]


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The descriptor of a file, for reading; never waits, never follows a link."""
    file = os.open(path, _FLAGS)
    try:
        yield file
    finally:
        os.close(file)
