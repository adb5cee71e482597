"""Processes of the project that is built: they run, they are heard, and then none is left."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from failure import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_OUTPUT = 8 * 2**20
CHUNK = 65_536
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def protect() -> None:
    """Keep the project's processes out of this one.

    They are the same user: without this, one could open our standard output by way of /proc and
    write results in our name. Whatever they leave behind becomes our child, to be ended.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_DUMPABLE, 0), (PR_SET_CHILD_SUBREAPER, 1)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def run(command: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit status and output of a command; afterwards no process that it started is left."""
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = bytearray()
    with cast("IO[bytes]", child.stdout) as pipe:
        for chunk in _until_end(pipe.fileno(), child.pid):
            output += chunk
            if len(output) > MAX_OUTPUT:
                end_all()
                said = output[-CHUNK:].decode(errors="replace")
                raise BuildError(f"the build printed more than {MAX_OUTPUT} bytes", log=said)
        status = child.wait()
        end_all()
    return status, output.decode(errors="replace")


def _until_end(pipe: int, pid: int) -> Iterator[bytes]:
    """What comes while the command runs. Another process may hold the pipe open for longer."""
    ended = os.pidfd_open(pid)
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    waiting.register(ended, select.POLLIN)
    try:
        while ready := dict(waiting.poll()):
            if pipe in ready:
                chunk = os.read(pipe, CHUNK)
                if not chunk:
                    return
                yield chunk
            elif ended in ready:
                return
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
