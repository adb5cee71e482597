"""The files of a commit, byte for byte as they were committed.

Nothing in the repository decides what is written: no attributes (`export-ignore`, `eol`,
filters), no replacement objects, no configuration of its own. The list is git's, the bytes are
those of the named objects, and in the end the folder is compared with the list.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from failure import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_FILES = 50_000
MAX_BYTES = 512 * 2**20
CHUNK = 1 << 20
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
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
    """One file of a commit."""

    mode: str
    object: str
    size: int
    path: str


class Repository:
    """A bare repository that is only read."""

    def __init__(self, git: str, path: str) -> None:
        self._git = [git, f"--git-dir={path}"]

    def checkout(self, commit: str, folder: Path) -> int:
        """Write the files of `commit` below `folder`, which is made; the commit's time."""
        if not COMMIT.fullmatch(commit):
            raise BuildError(f"`{commit[:80]}` is not a commit id")
        moment = self._moment(commit)
        entries = self._entries(commit)
        folder.mkdir(parents=True)
        self._write(entries, folder)
        _compare(entries, folder)
        return moment

    def describe(self, commit: str) -> str:
        """``<tag>-<commits since then>-g<id>`` by the nearest tag with a digit; empty without one.

        The id is cut at a fixed length, so that equal histories give equal text.
        """
        options = ("--tags", "--long", "--abbrev=12", "--match=*[0-9]*")
        try:
            return self._run("describe", *options, commit).decode(errors="replace").strip()
        except BuildError:
            return ""

    def _moment(self, commit: str) -> int:
        """Seconds since 1970, from the commit itself."""
        if self._run("cat-file", "-t", commit).strip() != b"commit":
            raise BuildError(f"{commit} is not a commit")
        header = self._run("cat-file", "commit", commit).partition(b"\n\n")[0]
        found = re.search(rb"^committer .*> (-?\d{1,18}) ", header, re.MULTILINE)
        if found is None:
            raise BuildError(f"{commit} does not say when it was committed")
        return int(found[1])

    def _entries(self, commit: str) -> list[Entry]:
        listed = self._run("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        entries = [_entry(line) for line in listed.split(b"\0") if line]
        if not entries:
            raise BuildError("the commit has no files")
        if len(entries) > MAX_FILES:
            raise BuildError(f"the commit has more than {MAX_FILES} files")
        if sum(entry.size for entry in entries) > MAX_BYTES:
            raise BuildError(f"the files of the commit are larger than {MAX_BYTES} bytes together")
        return entries

    def _write(self, entries: list[Entry], folder: Path) -> None:
        """Plain files first, so that no link is there to be followed on the way."""
        names = "".join(f"{entry.object}\n" for entry in _in_order(entries)).encode()
        (folder.parent / "objects").write_bytes(names)
        with (folder.parent / "objects").open("rb") as wanted:
            command = [*self._git, "cat-file", "--batch"]
            with subprocess.Popen(command, stdin=wanted, stdout=subprocess.PIPE, env=ENV) as git:
                objects = cast("IO[bytes]", git.stdout)
                for entry in _in_order(entries):
                    _write(entry, objects, folder)
        _check_links(entries, folder)

    def _run(self, *arguments: str) -> bytes:
        done = subprocess.run([*self._git, *arguments], capture_output=True, check=False, env=ENV)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise BuildError(f"git {arguments[0]}: {said}")
        return done.stdout


def _entry(line: bytes) -> Entry:
    facts, _, raw = line.partition(b"\t")
    mode, kind, name, size = facts.decode("ascii").split()
    path = os.fsdecode(raw)
    if kind != "blob":
        raise BuildError(f"`{path}` is a {kind}: submodules are not fetched")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
        raise BuildError(f"`{path}` is not a path inside the source")
    return Entry(mode, name, int(size), path)


def _in_order(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.mode == "120000", entry.path))


def _write(entry: Entry, objects: IO[bytes], folder: Path) -> None:
    header = objects.readline().split()
    if header[1:] != [b"blob", str(entry.size).encode()]:
        raise BuildError(f"the object of `{entry.path}` cannot be read")
    path = folder / entry.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if entry.mode == "120000":
            path.symlink_to(os.fsdecode(objects.read(entry.size)))
        else:
            _write_file(entry, objects, path)
    except OSError as error:
        raise BuildError(f"`{entry.path}` cannot be written: {error.strerror}") from error
    objects.read(1)


def _write_file(entry: Entry, objects: IO[bytes], path: Path) -> None:
    mode = 0o755 if entry.mode == "100755" else 0o644
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        left = entry.size
        while left:
            chunk = objects.read(min(left, CHUNK))
            if not chunk:
                raise BuildError(f"the object of `{entry.path}` ends too early")
            left -= file.write(chunk)


def _check_links(entries: list[Entry], folder: Path) -> None:
    root = os.path.realpath(folder)
    for entry in entries:
        if entry.mode == "120000":
            target = os.path.realpath(folder / entry.path)
            if os.path.commonpath([root, target]) != root:
                raise BuildError(f"the link `{entry.path}` leads out of the source")


def _compare(entries: list[Entry], folder: Path) -> None:
    found, listed = set(_files(folder)), {entry.path for entry in entries}
    if found != listed:
        differing = min(found ^ listed)
        raise BuildError(f"`{differing}` is not both in the commit and in the source")


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield str(path.relative_to(folder))
