"""What the processes of a run use, read from /proc outside the sandbox."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.sandbox import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_BLOCK: Final = 512
_KIB: Final = 1024
# Fields of /proc/PID/stat after the name in brackets.
_UTIME, _THREADS, _START, _RSS = 11, 17, 19, 21


class Process(NamedTuple):
    """One process: its tasks, its resident memory, its own CPU and that of its reaped children."""

    pid: int
    start: int
    tasks: int
    resident: int
    own_ticks: int
    reaped_ticks: int


class Sample(NamedTuple):
    """Of all processes together, at one moment; CPU since the start."""

    memory: int
    tasks: int
    cpu_s: float


class Meter:
    """Adds up the tree below (and with) the process `root`; `folders` are its memory folders.

    `ours` are processes of the tree that are not the program's (bubblewrap, the supervisor).
    """

    def __init__(self, root: int, *, folders: Sequence[str], ours: frozenset[int]) -> None:
        self._root = root
        self._folders = folders
        self._ours = ours
        self._seen: dict[tuple[int, int], int] = {}
        self._gone = 0

    def sample(self) -> Sample:
        """Look now."""
        everything = list(processes(self._root))
        tree = [one for one in everything if one.pid not in self._ours]
        seen = {(one.pid, one.start): one.own_ticks for one in tree}
        self._gone += sum(ticks for one, ticks in self._seen.items() if one not in seen)
        self._seen = seen
        # Time of the dead is known twice, each incompletely: what their parents were told when
        # they reaped them (not if they ignore SIGCHLD), and what we saw before they died.
        reported = sum(one.own_ticks for one in tree) + sum(o.reaped_ticks for o in everything)
        ticks = max(reported, self._gone + sum(seen.values()))
        resident = sum(one.resident for one in tree) + self._in_folders()
        return Sample(resident, sum(one.tasks for one in tree), ticks / _TICKS)

    def proportional_memory(self) -> int:
        """The exact amount: pages shared by several processes of the tree count once. Slow."""
        return sum(map(_proportional, self.pids())) + self._in_folders()

    def deleted_bytes(self, devices: frozenset[int]) -> int:
        """Disk held by open files that have no name any more, on one of `devices`."""
        found: dict[tuple[int, int], int] = {}
        for pid in self.pids():
            for status in _open_files(pid):
                if status.st_nlink == 0 and status.st_dev in devices:
                    found[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
        return sum(found.values())

    def pids(self) -> list[int]:
        """The processes of the program, now."""
        return [one.pid for one in processes(self._root) if one.pid not in self._ours]

    def _in_folders(self) -> int:
        return sum(map(_used, self._folders))


def processes(root: int) -> Iterator[Process]:
    """`root` and everything below it. What dies meanwhile is left out."""
    pending = [root]
    while pending:
        pid = pending.pop()
        found = _process(pid)
        if found is not None:
            yield found
            pending += _children(pid, found.tasks)


def _process(pid: int) -> Process | None:
    content = _read(f"/proc/{pid}/stat")
    if not content:
        return None
    fields = content[content.rindex(b")") + 2 :].split()
    user, system, dead_user, dead_system = map(int, fields[_UTIME : _UTIME + 4])
    return Process(
        pid,
        int(fields[_START]),
        int(fields[_THREADS]),
        int(fields[_RSS]) * _PAGE,
        user + system,
        dead_user + dead_system,
    )


def _children(pid: int, tasks: int) -> list[int]:
    threads: Iterable[str] = (str(pid),)
    if tasks > 1:
        try:
            threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - hot, names only
        except OSError:
            return []
    lists = (_read(f"/proc/{pid}/task/{thread}/children") for thread in threads)
    return [int(child) for content in lists for child in content.split()]


def _proportional(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * _KIB
    return 0


def _open_files(pid: int) -> Iterator[os.stat_result]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - hot, names only
    except PermissionError:
        yield from _hidden_files(pid)
        return
    except OSError:
        return
    for name in names:
        try:
            yield os.stat(f"{folder}/{name}")  # noqa: PTH116 - hot
        except OSError:
            continue


def _hidden_files(pid: int) -> Iterator[os.stat_result]:
    """The open files of a process that hides them (PR_SET_DUMPABLE 0 closes its /proc/PID/fd).

    We own the sandbox's user namespace, so the kernel still hands them out one by one.
    """
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return
    try:
        found = (_borrowed(process, number) for number in range(_table_size(pid)))
        yield from (status for status in found if status is not None)
    finally:
        os.close(process)


def _borrowed(process: int, number: int) -> os.stat_result | None:
    try:
        fd = kernel.call(kernel.PIDFD_GETFD, process, number, 0)
    except OSError:
        return None
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def _table_size(pid: int) -> int:
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"FDSize:"):
            return int(line.split()[1])
    return 0


def _used(folder: str) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 65_536)
    except OSError:
        return b""
    finally:
        os.close(fd)
