"""Grants to mounts: which real paths appear inside, which symbolic links lead to them.

Links are resolved before the start, so the sandbox holds real paths plus the links on the way.

INVARIANT: no mount lies below a write grant. A bot could plant a link there, and bubblewrap before
0.12 would follow it at the next start and create files outside (CVE-2026-87766).
"""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox.report import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lotabots.policy.project_kernel import KernelPolicy

_MAX_LINKS: Final = 40
_RESERVED: Final = ("/proc", "/dev")


class Kind(StrEnum):
    """What a mounted path is for."""

    READ = "read"
    RUNTIME = "runtime"
    WRITE = "write"
    EXEC = "exec"

    @property
    def code(self) -> bool:
        """Whether files there may be mapped as code."""
        return self in {Kind.RUNTIME, Kind.EXEC}


class Bind(NamedTuple):
    """`source` on the host appears as `target` inside; both are real paths.

    `identity` is the file's device and inode when it was looked at: what is mounted in the end
    must be the same, or somebody exchanged it meanwhile.
    """

    kind: Kind
    source: str
    target: str
    identity: tuple[int, int]


class Link(NamedTuple):
    """A symbolic link at `path` with the text `text`."""

    path: str
    text: str


class Plan(NamedTuple):
    """Everything that is mounted, outermost first. `programs` are real paths that may be run."""

    binds: tuple[Bind, ...]
    links: tuple[Link, ...]
    programs: tuple[str, ...]


def plan(policy: KernelPolicy) -> Plan:
    """The mounts that `policy` asks for.

    Raises:
        RefusedError: a path is missing, is no file or folder, or lies below a write grant.
    """
    links: dict[str, Link] = {}
    wanted: list[Bind] = []
    for kind, paths in (
        (Kind.WRITE, policy.write),
        (Kind.RUNTIME, policy.runtime),
        (Kind.EXEC, policy.exec),
        (Kind.READ, policy.read),
    ):
        for path in paths:
            real, on_the_way = follow(path)
            identity = _check(path, real)
            links.update((link.path, link) for link in on_the_way)
            wanted.append(Bind(kind, real, real, identity))
    _check_writes(wanted)
    binds = tuple(_needed(wanted))
    programs = tuple(sorted({bind.target for bind in wanted if bind.kind is Kind.EXEC}))
    return Plan(binds, tuple(_free(links.values(), binds)), programs)


def follow(path: str) -> tuple[str, tuple[Link, ...]]:
    """The real path behind `path`, and the links that lead there.

    Raises:
        RefusedError: it does not exist, or the links go round in circles.
    """
    pending = path.split("/")[::-1]
    here = "/"
    links: list[Link] = []
    while pending:
        name = pending.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            here = os.path.dirname(here)  # noqa: PTH120 - text, not the file system
            continue
        there = f"{here.rstrip('/')}/{name}"
        text = _link_text(there, path)
        if text is None:
            here = there
            continue
        links.append(Link(there, text))
        if len(links) > _MAX_LINKS:
            raise RefusedError(f"`{path}` has too many symbolic links")
        pending += text.split("/")[::-1]
        here = "/" if text.startswith("/") else here
    return here, tuple(links)


def within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def nearest(path: str, binds: Sequence[Bind]) -> Bind | None:
    """The innermost mount that shows `path`."""
    holding = [bind for bind in binds if within(path, bind.target)]
    return max(holding, key=lambda bind: len(bind.target), default=None)


def exchanged(binds: Iterable[Bind]) -> Iterator[str]:
    """The targets that are not what was looked at any more, as seen from where we stand."""
    for bind in binds:
        try:
            same = _identity(os.lstat(bind.target)) == bind.identity
        except OSError:
            same = False
        if not same:
            yield bind.target


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _link_text(there: str, path: str) -> str | None:
    try:
        is_link = stat.S_ISLNK(os.lstat(there).st_mode)
        return os.readlink(there) if is_link else None  # noqa: PTH115 - the text, unresolved
    except OSError as error:
        raise RefusedError(f"`{path}` cannot be granted: {error.strerror} (`{there}`)") from error


def _check(path: str, real: str) -> tuple[int, int]:
    if real == "/":
        raise RefusedError(f"`{path}` would grant the whole file system")
    for reserved in _RESERVED:
        if within(real, reserved):
            raise RefusedError(f"`{path}` lies in {reserved}, which has its own member in a policy")
    found = os.lstat(real)
    if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
        raise RefusedError(f"`{path}` is neither a file nor a folder")
    return _identity(found)


def _check_writes(wanted: Sequence[Bind]) -> None:
    for write in wanted:
        if write.kind is not Kind.WRITE:
            continue
        for other in wanted:
            if other.target != write.target and within(other.target, write.target):
                raise RefusedError(
                    f"`{other.target}` lies below the write grant `{write.target}`: "
                    "grant it from another place"
                )
            if other.target == write.target and other.kind.code:
                raise RefusedError(f"`{write.target}` is granted for writing and as code")


def _needed(wanted: Iterable[Bind]) -> Iterator[Bind]:
    """The binds without those that an outer one already covers."""
    kept: list[Bind] = []
    order = sorted(wanted, key=lambda bind: (bind.target.count("/"), bind.target, _rank(bind)))
    for bind in order:
        outer = nearest(bind.target, kept)
        same = outer is not None and outer.target == bind.target
        covers = outer is not None and (outer.kind.code or not bind.kind.code)
        if outer is None or not (same or covers) or (bind.kind is Kind.WRITE and not same):
            kept.append(bind)
            yield bind


def _rank(bind: Bind) -> int:
    return (Kind.WRITE, Kind.EXEC, Kind.RUNTIME, Kind.READ).index(bind.kind)


def _free(links: Iterable[Link], binds: Sequence[Bind]) -> Iterator[Link]:
    """The links that no mounted folder already shows."""
    return (link for link in links if nearest(link.path, binds) is None)
