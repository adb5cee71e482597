"""A program that has started in a sandbox, as its supervisor sees it."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lotabots.adapters.sandbox.disk import Agent
    from lotabots.policy.project_kernel import Limits

_MIB: Final = 2**20
# Room above a limit, so that the supervisor sees it passed and can name it, instead of the
# program failing with an error that it may hide.
_ADDRESS_SPACE: Final = 4 * 2**30
_FILE: Final = 64 * _MIB


class Running(NamedTuple):
    """`root` is the process above the whole tree, `child` ours to wait for (often the same).

    `ours` are processes of the tree that are not the program's. `folders` are memory folders, seen
    from outside; `devices` hold the write grants. `owned` says that the whole tree dies with
    `root`; without a process namespace it must be hunted down.
    """

    root: int
    root_fd: int
    child: int
    stdout: int
    stderr: int
    agent: Agent
    log: int
    relays: Sequence[int]
    folders: Sequence[str]
    devices: frozenset[int]
    ours: frozenset[int]
    owned: bool
    facts: Mapping[str, Any]


def pipe(*, inherit: bool) -> tuple[int, int]:
    """A pipe whose ends a started program keeps, or does not."""
    ends = os.pipe()
    for end in ends:
        os.set_inheritable(end, inherit)
    return ends


def memory_file(content: bytes) -> int:
    """An inheritable descriptor from which `content` can be read."""
    fd = os.memfd_create("lotabots", 0)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def hard_limits(limits: Limits, *, spare: int) -> dict[int, int]:
    """What the kernel keeps per process (tasks: per sandbox), as resource numbers and bounds.

    The kernel's bound on tasks is one above the policy's: the run ends, by name, when that one
    more task exists, and there are never two more.
    """
    bounds = {
        resource.RLIMIT_NPROC: limits.processes + spare + 1,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_AS: 4 * limits.memory_mb * _MIB + _ADDRESS_SPACE,
        resource.RLIMIT_CPU: limits.cpu_s + 1,
        resource.RLIMIT_FSIZE: max(limits.disk_mb, limits.memory_mb) * _MIB + _FILE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    return {name: _at_most(name, bound) for name, bound in bounds.items()}


def _at_most(name: int, bound: int) -> int:
    hard = resource.getrlimit(name)[1]
    return bound if hard == resource.RLIM_INFINITY else min(bound, hard)


def keep_only(*kept: int) -> None:
    """Close every descriptor above the standard streams, except `kept`.

    A child that stays must not hold a pipe whose end somebody waits for.
    """
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def usual_signals() -> None:
    """What a program expects at its start; Python ignores some of them."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def not_blocking(fd: int) -> None:
    """Make writes to (or reads from) `fd` return at once."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
