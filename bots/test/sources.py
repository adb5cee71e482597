"""The tests of a commit, as git stores them, written where nobody can change them any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import asked
import expected
from failure import UnfitError

import commits

if TYPE_CHECKING:
    from pathlib import Path

    from commits import Entry, Repository

FOLDERS = ("tests", "test")
INSTEAD = "testing"
"""Where some projects have their tests; beside `tests` or `test` it is code for tests of others."""

CONFTEST = "conftest.py"
MAX_BYTES = 128 * 2**20


class Taken(NamedTuple):
    """`folders` hold the tests, `expected` are ids of tests that are there without any doubt.

    `asks` are the requirements of the tests, as the project writes them.
    """

    folders: tuple[str, ...]
    expected: frozenset[str]
    asks: tuple[str, ...]


def take(repository: Repository, commit: str, project: Path) -> Taken:
    """Write the folders of tests below `project`, and a ``conftest.py`` beside them.

    Raises:
        UnfitError: there are none, or something in them could not be written as it is.
    """
    everything = repository.entries(commit)
    tops = {one.path.partition("/")[0] for one in everything if "/" in one.path}
    folders = tuple(name for name in FOLDERS if name in tops) or tuple(tops & {INSTEAD})
    if not folders:
        raise UnfitError("the commit has no folder `tests` or `test`")
    entries = [one for one in everything if _belongs(one, folders)]
    if sum(entry.size for entry in entries) > MAX_BYTES:
        raise UnfitError(f"the tests are larger than {MAX_BYTES} bytes")
    _check(entries)
    expected = _write(repository, entries, project)
    _check_links(entries, project, folders)
    return Taken(folders, expected, tuple(_asks(repository, everything)))


def _belongs(entry: Entry, folders: tuple[str, ...]) -> bool:
    inside = entry.raw.startswith(tuple(f"{folder}/".encode() for folder in folders))
    return inside or (entry.path == CONFTEST and entry.mode in commits.FILES)


def _write(repository: Repository, entries: list[Entry], project: Path) -> frozenset[str]:
    """Plain files first, so that no link is there to be followed on the way."""
    known: set[str] = set()
    for entry, data in repository.contents(sorted(entries, key=_links_last)):
        path = project / entry.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if entry.mode == commits.LINK:
                path.symlink_to(os.fsdecode(data))
            else:
                path.write_bytes(data)
                known |= expected.tests_in(entry.path, data)
        except OSError as error:
            raise UnfitError(f"`{entry.path}` cannot be written: {error.strerror}") from error
    return frozenset(known)


def _asks(repository: Repository, entries: list[Entry]) -> list[str]:
    files = [
        one
        for one in entries
        if asked.is_asking(one.path) and one.mode in commits.FILES and one.size <= asked.MAX_BYTES
    ]
    return asked.requirements({one.path: data for one, data in repository.contents(files)})


def _check(entries: list[Entry]) -> None:
    for entry in entries:
        if not entry.is_plain:
            raise UnfitError(f"`{entry.path}` is no path inside the tests")
        if entry.mode not in (*commits.FILES, commits.LINK):
            raise UnfitError(f"`{entry.path}` is no file: submodules are not fetched")


def _links_last(entry: Entry) -> tuple[bool, str]:
    return entry.mode == commits.LINK, entry.path


def _check_links(entries: list[Entry], project: Path, folders: tuple[str, ...]) -> None:
    roots = [os.path.realpath(project / folder) for folder in folders]
    for entry in entries:
        if entry.mode == commits.LINK:
            target = os.path.realpath(project / entry.path)
            if not any(os.path.commonpath([root, target]) == root for root in roots):
                raise UnfitError(f"the link `{entry.path}` leads out of the tests")
