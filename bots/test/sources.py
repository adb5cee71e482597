"""The folder `tests` of a commit, as git stores it, written where nobody can change it any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import commits
import expected
from failure import UnfitError

if TYPE_CHECKING:
    from pathlib import Path

    from commits import Entry, Repository

FOLDER = "tests"
MAX_BYTES = 128 * 2**20


def take(repository: Repository, commit: str, project: Path) -> frozenset[str]:
    """Write the folder below `project`; ids of tests that are there without any doubt.

    Raises:
        UnfitError: there is none, or something in it could not be written as it is.
    """
    prefix = f"{FOLDER}/".encode()
    entries = [one for one in repository.entries(commit) if one.raw.startswith(prefix)]
    if not entries:
        raise UnfitError(f"the commit has no folder `{FOLDER}`")
    if sum(entry.size for entry in entries) > MAX_BYTES:
        raise UnfitError(f"`{FOLDER}` is larger than {MAX_BYTES} bytes")
    _check(entries)
    known: set[str] = set()
    # Plain files first, so that no link is there to be followed on the way.
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
    _check_links(entries, project)
    return frozenset(known)


def _check(entries: list[Entry]) -> None:
    for entry in entries:
        if not entry.is_plain:
            raise UnfitError(f"`{entry.path}` is no path inside the tests")
        if entry.mode not in (*commits.FILES, commits.LINK):
            raise UnfitError(f"`{entry.path}` is no file: submodules are not fetched")


def _links_last(entry: Entry) -> tuple[bool, str]:
    return entry.mode == commits.LINK, entry.path


def _check_links(entries: list[Entry], project: Path) -> None:
    root = os.path.realpath(project / FOLDER)
    for entry in entries:
        if entry.mode == commits.LINK:
            target = os.path.realpath(project / entry.path)
            if os.path.commonpath([root, target]) != root:
                raise UnfitError(f"the link `{entry.path}` leads out of the tests")
