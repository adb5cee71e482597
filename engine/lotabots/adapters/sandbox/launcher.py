"""The warm launcher: a small single-threaded process that forks one supervisor per run.

It is started by `launch` as ``python -I -S -c ...`` with its socket as standard input. Forking here
and not in the engine keeps the engine's threads, memory and open files out of every run, and a run
costs no start of an interpreter.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

from lotabots.adapters.sandbox import kernel, reduced, strict
from lotabots.adapters.sandbox.filters import reduced_filter, strict_filter
from lotabots.adapters.sandbox.policy_file import PolicyError
from lotabots.adapters.sandbox.report import REFUSED_STATUS, Level, RefusedError
from lotabots.adapters.sandbox.request import Channels, decode
from lotabots.adapters.sandbox.supervise import Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HANDED: Final = 5
_CHUNK: Final = 65_536


def main() -> None:
    """Serve until the engine closes its end, then wait for the runs (which end by themselves)."""
    engine = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A terminal's ^C reaches us too: the engine decides, we go when it goes.
        signal.signal(number, signal.SIG_IGN)
    # What a killed supervisor on the reduced level leaves behind becomes our child.
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    _warm_up()
    supervisors: set[int] = set()
    engine.send(b"+")
    while _serve_one(engine, wake, supervisors):
        pass
    engine.close()
    while supervisors:
        _reap(supervisors, block=True)


def _warm_up() -> None:
    """What every supervisor would do again, and what would make it copy our memory."""
    strict_filter()
    reduced_filter()
    gc.collect()
    gc.disable()
    gc.freeze()


def _serve_one(engine: socket.socket, wake: int, supervisors: set[int]) -> bool:
    waiting = select.poll()
    waiting.register(engine, select.POLLIN)
    waiting.register(wake, select.POLLIN)
    ready = dict(waiting.poll())
    if wake in ready:
        os.read(wake, _CHUNK)
        _reap(supervisors, block=False)
    if engine.fileno() not in ready:
        return True
    message, fds, _, _ = socket.recv_fds(engine, 1, _HANDED)
    if not message:
        return False
    try:
        child = os.fork()
    except OSError as error:
        # The engine sees the end of its channels: this run is lost, the next may start.
        sys.stderr.write(f"lotabots sandbox: {error}\n")
        child = -1
    if child == 0:
        _supervise(engine, wake, fds)
    for fd in fds:
        os.close(fd)
    if child > 0:
        supervisors.add(child)
    return True


def _reap(supervisors: set[int], *, block: bool) -> None:
    """Collect ended supervisors; children that are none were left behind by one, and die."""
    while True:
        try:
            pid, _ = os.waitpid(-1, 0 if block else os.WNOHANG)
        except ChildProcessError:
            supervisors.clear()
            return
        if pid in supervisors:
            supervisors.discard(pid)
            _end_orphans(supervisors)
        if pid == 0 or block:
            return


def _end_orphans(supervisors: set[int]) -> None:
    path = f"/proc/self/task/{os.getpid()}/children"
    with open(path, "rb") as file:  # noqa: PTH123 - text path
        children = set(map(int, file.read().split()))
    for pid in children - supervisors:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _supervise(engine: socket.socket, wake: int, fds: Sequence[int]) -> None:
    """The life of a supervisor; it never returns to the launcher's loop."""
    try:
        engine.close()
        signal.set_wakeup_fd(-1)
        os.close(wake)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        channels = Channels(*fds[1:])
        entries = _run(_content(fds[0]), channels)
        _send(channels.control, entries)
    except BrokenPipeError:
        os._exit(0)  # the engine is gone, nobody wants the report
    except BaseException:  # noqa: BLE001 - the last frame of this process: report, then end
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(1)


def _run(data: bytes, channels: Channels) -> Sequence[Mapping[str, Any]]:
    try:
        request = decode(data)
        begin = strict.start if request.level is Level.STRICT else reduced.start
        running = begin(request, channels.stdin)
    except (RefusedError, PolicyError, OSError) as error:
        refused = {"kind": "refused", "reason": str(error)}
        return [refused, {"kind": "exit", "status": REFUSED_STATUS}]
    os.close(channels.stdin)
    started = {
        "kind": "start",
        "level": request.level,
        "name": request.policy.name,
        **running.facts,
    }
    return [started, *Supervisor(running, channels, request.policy.limits).watch()]


def _content(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read()


def _send(control: int, entries: Sequence[Mapping[str, Any]]) -> None:
    data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    while data:
        data = data[os.write(control, data) :]
    # The engine need not wait until the last holder of the socket has gone.
    with socket.socket(fileno=control) as end:
        end.shutdown(socket.SHUT_WR)
