"""The folder of a job: made for one run, only ours to enter, removed whatever lies in it.

What a bot leaves behind may be hostile: folders nested deeper than a path can be long, folders
without permissions, links to elsewhere, millions of names. It is taken apart with two open
directories at a time, never by path and never following a link.
"""

from __future__ import annotations

import fcntl
import os
from itertools import count, islice
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PATH_ONLY: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_PRIVATE: Final = 0o700
_BATCH: Final = 1000
_MAX_NAME: Final = 100


class Scratch:
    """A folder below `parent` with an empty ``out``; `name` only helps people to find it.

    It is locked as long as this object lives, so that another engine does not sweep it away.
    """

    def __init__(self, parent: Path, name: str) -> None:
        parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        plain = "".join(one if one.isalnum() or one in "-_" else "_" for one in name[:_MAX_NAME])
        self.path = parent / f"{plain}-{os.urandom(6).hex()}"
        self.path.mkdir(mode=_PRIVATE)
        self._lock = os.open(self.path, _FOLDER)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.out.mkdir(mode=_PRIVATE)
        self.out_fd = os.open(self.out, _FOLDER)

    @property
    def out(self) -> Path:
        """Where the bot writes."""
        return self.path / "out"

    def remove(self) -> None:
        """Remove everything. The programs of the run must be gone."""
        os.close(self.out_fd)
        remove_tree(self.path)
        os.close(self._lock)

    def __enter__(self) -> Self:
        """The folder is there from the start."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove it."""
        self.remove()


def sweep(parent: Path) -> int:
    """Remove the folders of engines that were killed; how many there were."""
    if not parent.is_dir():
        return 0
    return sum(_sweep(path) for path in sorted(parent.iterdir()) if path.is_dir())


def remove_tree(path: Path) -> None:
    """Remove the folder `path` and everything in it, whatever its depth and its modes."""
    parent = os.open(path.parent, _FOLDER)
    grave = f".gone-{os.urandom(8).hex()}"
    try:
        os.mkdir(grave, _PRIVATE, dir_fd=parent)
        top = os.open(grave, _FOLDER, dir_fd=parent)
        try:
            os.rename(path.name, "0", src_dir_fd=parent, dst_dir_fd=top)
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(grave, dir_fd=parent)
    finally:
        os.close(parent)


def _sweep(path: Path) -> bool:
    lock = os.open(path, _FOLDER)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(path)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _empty(top: int) -> None:
    """Empty `top`, which holds folders only: what is in them moves up until it has no folders."""
    names = count(1)
    while found := _names(top):
        for name in found:
            _make_ours(name, top)
            folder = os.open(name, _FOLDER, dir_fd=top)
            try:
                while inner := _names(folder):
                    for entry in inner:
                        if not _unlinked(entry, folder):
                            _make_ours(entry, folder)
                            os.rename(entry, str(next(names)), src_dir_fd=folder, dst_dir_fd=top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)


def _names(folder: int) -> list[str]:
    """Some of the names in `folder`; empty when there is none left."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in islice(entries, _BATCH)]


def _unlinked(name: str, folder: int) -> bool:
    """Whether `name` was no folder, and is gone."""
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):
        return False
    return True


def _make_ours(name: str, folder: int) -> None:
    """Give us the right to read, and to move, the folder `name`; a link is refused."""
    place = os.open(name, _PATH_ONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{place}", _PRIVATE)  # noqa: PTH101 - there is no fchmod for it
    finally:
        os.close(place)
