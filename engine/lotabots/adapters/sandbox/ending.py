"""Ends a run's whole tree of processes, for good."""

from __future__ import annotations

import os
import select
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.adapters.sandbox.running import Running
    from lotabots.adapters.sandbox.usage import Meter

_DRAIN_MS: Final = 2000


def kill(running: Running, meter: Meter) -> None:
    """Send every process of the run SIGKILL."""
    if running.owned:
        _signal(running.root_fd)
        return
    while pids := [pid for pid in meter.pids() if _alive(pid)]:
        for pid in pids:
            _kill(pid)
        _reap(running)


def bury(running: Running, meter: Meter) -> None:
    """Kill what is left after the program's end, and wait until nothing of it exists."""
    kill(running, meter)
    if running.owned:
        # The first process of a process namespace is dead only when all others are.
        waiting = select.poll()
        waiting.register(running.root_fd, select.POLLIN)
        waiting.poll()


def drain(relays: Sequence[int]) -> None:
    """Let `relays` send out what the program sent before its end, for a moment."""
    for relay in relays:
        os.kill(relay, signal.SIGTERM)
    for relay in relays:
        fd = os.pidfd_open(relay)
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        waiting.poll(_DRAIN_MS)
        os.close(fd)


def _signal(root_fd: int) -> None:
    try:
        signal.pidfd_send_signal(root_fd, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - hot
            content = file.read()
    except OSError:
        return False
    return content[content.rindex(b")") + 2 :][:1] not in {b"Z", b"X"}


def _reap(running: Running) -> None:
    """Collect orphans, which became our children; the program itself is waited for elsewhere."""
    ours = {running.child, running.agent.pid, *running.relays}
    for name in os.listdir("/proc/self/task"):  # noqa: PTH208 - names only
        with open(f"/proc/self/task/{name}/children", "rb") as file:  # noqa: PTH123 - text path
            for child in map(int, file.read().split()):
                if child not in ours:
                    os.waitpid(child, os.WNOHANG)
