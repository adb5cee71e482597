"""The project around a change: what its modules are called, and who uses what the change broke."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from source import is_python

from commits import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commits import Entry, Repository

MAX_FILE = 512 * 1024
INIT = "__init__"
WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
DOCUMENTS = (".md", ".rst")
CHANGELOG = re.compile(r"(?:changelog|changes|history|news)(?:\.(?:md|rst|txt))?", re.IGNORECASE)
FRAGMENTS = ("changelog.d", "newsfragments", "changes")


class Tree(NamedTuple):
    """The files of a commit, by path."""

    entries: dict[str, Entry]

    def module(self, path: str) -> str:
        """The name by which others import a file; what is above its packages is no part of it."""
        parts = path.split("/")
        stem = parts.pop().rpartition(".")[0]
        names = [] if stem == INIT else [stem]
        while parts and "/".join([*parts, f"{INIT}.py"]) in self.entries:
            names.insert(0, parts.pop())
        return ".".join(names)

    def modules(self) -> dict[str, str]:
        """Path by name of module; a name that several files have is not in it."""
        found: dict[str, list[str]] = {}
        for path in self.entries:
            if is_python(path) and not path.endswith(".pyi"):
                found.setdefault(self.module(path), []).append(path)
        return {name: paths[0] for name, paths in found.items() if len(paths) == 1 and name}

    def known(self) -> set[str]:
        """All names by which files and folders might be imported, from wherever that is done."""
        found: set[str] = set()
        for path in self.entries:
            parts = path.split("/")
            parts[-1] = parts[-1].partition(".")[0]
            ends = (parts[first:last] for last in range(1, len(parts) + 1) for first in range(last))
            found |= {".".join(one) for one in ends}
        return found


def tree(entries: Sequence[Entry]) -> Tree:
    """The plain files of a commit whose names can be shown."""
    return Tree({one.path: one for one in entries if one.mode in FILES and one.is_plain})


def contents(repository: Repository, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes]]:
    """Files that are not too large."""
    yield from repository.contents([one for one in entries if one.size <= MAX_FILE])


def words(data: bytes) -> set[str]:
    """The words in a file that can be names."""
    return {one.decode() for one in WORD.findall(data)}


def is_changelog(path: str) -> bool:
    """Whether a path is that of a list of changes, or of a part of one."""
    *folders, name = path.split("/")
    return bool(CHANGELOG.fullmatch(name)) or bool(set(FRAGMENTS) & set(folders))


def is_document(path: str) -> bool:
    """Whether a path is that of documentation, and not of what was once true."""
    return path.endswith(DOCUMENTS) and not is_changelog(path)
