"""The files of a commit as git stores them: nothing in the project decides what is read.

No attributes (`export-ignore`, filters), no replacement objects, no configuration, no work tree.
This file is the same in every bot that reads commits (a test compares them).
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_FILES = 50_000
MAX_BYTES = 512 * 2**20
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
FILES = ("100644", "100755", "100664")
LINK = "120000"
SUBMODULE = "160000"
ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
}


class Entry(NamedTuple):
    """One file of a commit; `path` is as in the commit, `raw` the bytes that git has for it."""

    mode: str
    object: str
    size: int
    raw: bytes

    @property
    def path(self) -> str:
        """The path as text that can be shown; `is_plain` says if it is the path itself."""
        text = self.raw.decode(errors="backslashreplace")
        return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)

    @property
    def is_plain(self) -> bool:
        """Whether `path` can be written and names a place inside a folder."""
        parts = self.path.split("/")
        inside = not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
        return inside and self.path.encode() == self.raw


class Repository:
    """A bare repository that is only read."""

    def __init__(self, git: str, path: str) -> None:
        self._git = [git, f"--git-dir={path}"]

    def entries(self, commit: str) -> list[Entry]:
        """All files, links and submodules of `commit`."""
        if not COMMIT.fullmatch(commit):
            raise UnfitError(f"`{commit[:80]}` is not a commit id")
        kind = self._run("cat-file", "-t", commit).strip()
        if kind != b"commit":
            raise UnfitError(f"{commit} is a {kind.decode(errors='replace')}, not a commit")
        listed = self._run("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        entries = [_entry(line) for line in listed.split(b"\0") if line]
        if not entries:
            raise UnfitError("the commit has no files")
        if len(entries) > MAX_FILES or sum(entry.size for entry in entries) > MAX_BYTES:
            raise UnfitError(f"the commit has more than {MAX_FILES} files or {MAX_BYTES} bytes")
        return entries

    def contents(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """The bytes of files and links, one after the other."""
        command = [*self._git, "cat-file", "--batch"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV
        ) as git:
            asked, objects = cast("IO[bytes]", git.stdin), cast("IO[bytes]", git.stdout)
            for entry in entries:
                asked.write(f"{entry.object}\n".encode())
                asked.flush()
                yield entry, _object(entry, objects)

    def line_of_descent(self, commit: str, *, limit: int) -> list[str]:
        """`commit` and its first parents, the newest first; empty if it is not there."""
        if not COMMIT.fullmatch(commit):
            return []
        listed = ("rev-list", "--first-parent", f"--max-count={limit}", commit)
        done = subprocess.run([*self._git, *listed], capture_output=True, check=False, env=ENV)
        return done.stdout.decode("ascii").split() if done.returncode == 0 else []

    def _run(self, *arguments: str) -> bytes:
        done = subprocess.run([*self._git, *arguments], capture_output=True, check=False, env=ENV)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise UnfitError(f"git {arguments[0]}: {said}")
        return done.stdout


def _entry(line: bytes) -> Entry:
    facts, _, raw = line.partition(b"\t")
    mode, _, name, size = facts.decode("ascii").split()
    return Entry(mode, name, 0 if size == "-" else int(size), raw)


def _object(entry: Entry, objects: IO[bytes]) -> bytes:
    header = objects.readline().split()
    if header[1:] != [b"blob", str(entry.size).encode()]:
        raise UnfitError(f"the object of `{entry.path}` cannot be read")
    data = objects.read(entry.size)
    if len(data) != entry.size or objects.read(1) != b"\n":
        raise UnfitError(f"the object of `{entry.path}` ends too early")
    return data
