"""Folders of files that somebody else wrote: copied into a tree of our own, and hashed.

A copy, not a move: whoever wrote a file may hold it open, or have another name for it, and could
change it after it was looked at. Only plain files and folders are taken; nothing is followed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_MODE: Final = 0o555
FILE_MODE: Final = 0o444
_CHUNK: Final = 1024 * 1024
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOURCE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TRICKS: Final = stat.S_ISUID | stat.S_ISGID


class TreeError(Exception):
    """The tree cannot be taken; the message names the file and the reason."""


class Bounds(NamedTuple):
    """How much a tree may hold."""

    files: int = 20_000
    size: int = 1024**3
    depth: int = 24


class _Found(NamedTuple):
    """A name in a folder: its path below the top, and whether it is a folder."""

    name: str
    path: str
    is_folder: bool


class _Budget:
    """What is left of the bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._files = 0
        self._size = 0

    def one_more(self, depth: int) -> None:
        self._files += 1
        if self._files > self._bounds.files:
            raise TreeError(f"there are more than {self._bounds.files} files and folders")
        if depth > self._bounds.depth:
            raise TreeError(f"folders are nested more than {self._bounds.depth} deep")

    def bytes_more(self, count: int) -> None:
        self._size += count
        if self._size > self._bounds.size:
            raise TreeError(f"the files are larger than {self._bounds.size} bytes together")


def copy_tree(source: int, target: int, *, bounds: Bounds = Bounds()) -> str:  # noqa: B008 - frozen
    """Copy what is in the open folder `source` into the open, empty folder `target`.

    Files become read-only, whatever they were; times and owners are not kept.

    Returns:
        The digest of the copy, as `tree_digest` finds it.

    Raises:
        TreeError: something is neither a file nor a folder, or is too much.
    """
    return _digest(_copied(source, target, "", budget=_Budget(bounds), depth=0))


def tree_digest(folder: int, *, bounds: Bounds = Bounds()) -> str:  # noqa: B008 - frozen
    """The digest of the names and bytes of all files in an open folder: ``sha256:<hex>``.

    Raises:
        TreeError: something in it would not have been taken.
    """
    return _digest(_hashed(folder, "", budget=_Budget(bounds), depth=0))


def _digest(files: Iterator[tuple[str, str]]) -> str:
    lines = sorted(f"{path}\0{digest}\n" for path, digest in files)
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def _copied(
    source: int, target: int, below: str, *, budget: _Budget, depth: int
) -> Iterator[tuple[str, str]]:
    for found in _entries(source, below, budget=budget, depth=depth):
        if not found.is_folder:
            yield found.path, _copy_file(found, source, target, budget)
            continue
        os.mkdir(found.name, 0o755, dir_fd=target)
        inner, copy = _open_folder(found, source), os.open(found.name, _FOLDER, dir_fd=target)
        try:
            yield from _copied(inner, copy, found.path, budget=budget, depth=depth + 1)
            os.fchmod(copy, FOLDER_MODE)
        finally:
            os.close(inner)
            os.close(copy)


def _hashed(folder: int, below: str, *, budget: _Budget, depth: int) -> Iterator[tuple[str, str]]:
    for found in _entries(folder, below, budget=budget, depth=depth):
        if not found.is_folder:
            yield found.path, _transfer(found, folder, -1, budget)
            continue
        inner = _open_folder(found, folder)
        try:
            yield from _hashed(inner, found.path, budget=budget, depth=depth + 1)
        finally:
            os.close(inner)


def _entries(folder: int, below: str, *, budget: _Budget, depth: int) -> Iterator[_Found]:
    with os.scandir(folder) as names:
        for entry in names:
            path = f"{below}{entry.name}"
            budget.one_more(depth)
            if not entry.name.isprintable() or "\\" in entry.name:
                raise TreeError(f"{path!a} is not a name that a release may hold")
            mode = entry.stat(follow_symlinks=False).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise TreeError(f"`{path}` is {_kind(mode)}; a release holds files and folders")
            if mode & _TRICKS and stat.S_ISREG(mode):
                raise TreeError(f"`{path}` would run as somebody else (setuid or setgid)")
            is_folder = stat.S_ISDIR(mode)
            yield _Found(entry.name, f"{path}/" if is_folder else path, is_folder)


def _open_folder(found: _Found, parent: int) -> int:
    try:
        return os.open(found.name, _FOLDER, dir_fd=parent)
    except OSError as error:
        raise TreeError(f"`{found.path}`: {error.strerror}") from error


def _copy_file(found: _Found, source: int, target: int, budget: _Budget) -> str:
    copy = os.open(found.name, _NEW, 0o600, dir_fd=target)
    try:
        digest = _transfer(found, source, copy, budget)
        os.fchmod(copy, FILE_MODE)
    finally:
        os.close(copy)
    return digest


def _transfer(found: _Found, source: int, copy: int, budget: _Budget) -> str:
    """Read a file to its end; it may have been exchanged since it was looked at."""
    digest = hashlib.sha256()
    try:
        file = os.open(found.name, _SOURCE, dir_fd=source)
    except OSError as error:
        raise TreeError(f"`{found.path}`: {error.strerror}") from error
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise TreeError(f"`{found.path}` is {_kind(mode)}; a release holds files and folders")
        while chunk := os.read(file, _CHUNK):
            budget.bytes_more(len(chunk))
            digest.update(chunk)
            while copy >= 0 and chunk:
                chunk = chunk[os.write(copy, chunk) :]
    finally:
        os.close(file)
    return digest.hexdigest()


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")
