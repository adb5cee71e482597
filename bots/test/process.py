"""Processes of the project that is tested: they run, they are heard, and then none is left."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from failure import UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_LINE = 512 * 1024
MAX_RECORD = 128 * 2**20
TAIL = 64 * 1024
CHUNK = 65_536
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


class Ended(NamedTuple):
    """Exit status (negative: the signal; None: it was not in time) and the end of what it said."""

    status: int | None
    said: str


def protect() -> None:
    """Keep the project's processes out of this one.

    They are the same user: without this, one could open our standard output by way of /proc and
    write results in our name. Whatever they leave behind becomes our child, to be ended.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_DUMPABLE, 0), (PR_SET_CHILD_SUBREAPER, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def run(
    command: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    record: Callable[[bytes], None],
    deadline: Callable[[], float],
) -> Ended:
    """Run a command until it ends or `deadline` (monotonic) is over; then nothing of it is left.

    It gets the number of a pipe as its last argument; every line that it writes there is given to
    `record`. What it prints is kept as a log.

    Raises:
        UnfitError: the record is too long.
    """
    reading, writing = os.pipe()
    try:
        child = subprocess.Popen(
            [*command, str(writing)],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
        )
    finally:
        os.close(writing)
    said = bytearray()
    ears: dict[int, Callable[[bytes], None]] = {
        reading: Record(record),
        _output(child): _tail_of(said),
    }
    try:
        in_time = _listen(child.pid, ears, deadline)
        if not in_time:
            child.kill()
        status = child.wait()
    finally:
        end_all()
        os.close(reading)
    return Ended(status if in_time else None, said.decode(errors="replace"))


class Record:
    """Cuts what comes into lines, within limits."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""
        self._size = 0

    def __call__(self, chunk: bytes) -> None:
        """One more piece."""
        self._size += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._size > MAX_RECORD or len(self._rest) > MAX_LINE:
            raise UnfitError("the tests wrote more records than they can have results")
        for line in lines:
            self._take(line)


def _output(child: subprocess.Popen[bytes]) -> int:
    if child.stdout is None:  # never: it was asked for
        raise UnfitError("the tests have no output")
    return child.stdout.fileno()


def _tail_of(said: bytearray) -> Callable[[bytes], None]:
    def keep(chunk: bytes) -> None:
        said.extend(chunk)
        del said[:-TAIL]

    return keep


def _listen(
    pid: int, ears: Mapping[int, Callable[[bytes], None]], deadline: Callable[[], float]
) -> bool:
    """Hear everything until the command ends; whether it ended in time.

    Another process may hold the pipes open for longer, so their end is not waited for.
    """
    ended = os.pidfd_open(pid)
    waiting = select.poll()
    for fd in (*ears, ended):
        waiting.register(fd, select.POLLIN)
    try:
        while (left := deadline() - time.monotonic()) > 0:
            ready = {fd for fd, _ in waiting.poll(left * 1000)}
            for fd in ready & ears.keys():
                chunk = os.read(fd, CHUNK)
                if chunk:
                    ears[fd](chunk)
                else:
                    waiting.unregister(fd)
            if ready == {ended}:
                return True
        return False
    finally:
        os.close(ended)


def end_all() -> None:
    """Kill all descendants. Orphans become our children, so the list is empty only at the end."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def _children() -> list[int]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")
    return [int(pid) for pid in found.split()]
