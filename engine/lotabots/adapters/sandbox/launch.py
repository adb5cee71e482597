"""The engine's side: a launcher to keep warm, and runs to wait for.

`Launcher.start` may be called from any thread; a `Run` belongs to the one that waits for it. Its
descriptors are plain pipes, ready for an event loop.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from lotabots.adapters.sandbox import bubblewrap, kernel
from lotabots.adapters.sandbox.report import Level, RefusedError, Report, from_entries
from lotabots.adapters.sandbox.request import Request
from lotabots.adapters.sandbox.running import not_blocking
from lotabots.adapters.sandbox.stage import DEFAULT_UID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from lotabots.adapters.sandbox.bubblewrap import Bubblewrap
    from lotabots.policy.project_kernel import KernelPolicy

_CHUNK: Final = 65_536
_KEPT: Final = ("LD_LIBRARY_PATH",)
_PACKAGES: Final = str(Path(__file__).resolve().parents[3])
_MAIN: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from lotabots.adapters.sandbox.launcher import main; main()"
)


class Run:
    """A run under way. Closing it ends the run."""

    def __init__(self, level: Level, ends: tuple[int, int, int], control: socket.socket) -> None:
        self.level = level
        self.stdin, self.stdout, self.stderr = ends
        self.control = control

    def stop(self) -> None:
        """End the run; its report still comes. A run that has ended is left alone."""
        with contextlib.suppress(BrokenPipeError):
            self.control.send(b"!")

    def close(self) -> None:
        """Let go of everything; what still runs ends."""
        self.close_stdin()
        for fd in (self.stdout, self.stderr):
            os.close(fd)
        self.control.close()

    def close_stdin(self) -> None:
        """Tell the program that there is no more input."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1


class Launcher:
    """Keeps the launcher process; leaving the context ends it after its runs.

    `tool` is found on this host unless given; `uid` is who the runs become when we are root.
    """

    def __init__(self, *, tool: Bubblewrap | None = None, uid: int = DEFAULT_UID) -> None:
        self._tool = tool or bubblewrap.find()
        self._uid = uid
        if not kernel.supported_machine():
            raise RefusedError("the sandbox knows the system calls of x86-64 Linux only")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own code, by this interpreter
                [sys.executable, "-I", "-S", "-c", _MAIN, _PACKAGES],
                stdin=theirs.fileno(),
                # Some interpreters find their own library only so.
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
            )
        self._socket = ours
        if ours.recv(1) != b"+":
            raise RefusedError("the sandbox launcher did not start")

    def __enter__(self) -> Self:
        """The launcher is ready from the start."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the launcher when its runs have ended."""
        self.close()

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        return int(self._process.pid)

    def close(self) -> None:
        """No more runs; wait for those under way, whose owners must close them."""
        self._socket.close()
        self._process.wait()

    def start(self, policy: KernelPolicy, argv: Sequence[str], *, level: Level) -> Run:
        """Ask for a run of ``argv`` under `policy`. Refusals arrive in its report.

        Raises:
            ValueError: ``argv`` is empty or holds a NUL character.
            RefusedError: the launcher is gone.
        """
        if not argv or any("\0" in word for word in argv):
            raise ValueError("a command is one word at least, without NUL characters")
        request = Request(policy, tuple(argv), level, self._tool, self._uid)
        control, theirs = socket.socketpair()
        body = os.memfd_create("lotabots-request")
        pipes = [os.pipe() for _ in range(3)]
        try:
            with theirs:
                os.write(body, request.encode())
                handed = [body, pipes[0][0], pipes[1][1], pipes[2][1], theirs.fileno()]
                socket.send_fds(self._socket, [b"r"], handed)
        except OSError as error:
            for fd in (pipes[0][1], pipes[1][0], pipes[2][0], control.detach()):
                os.close(fd)
            raise RefusedError(f"the sandbox launcher is gone: {error}") from error
        finally:
            for fd in (body, pipes[0][0], pipes[1][1], pipes[2][1]):
                os.close(fd)
        return Run(level, (pipes[0][1], pipes[1][0], pipes[2][0]), control)


def run_policy(
    policy: KernelPolicy,
    argv: Sequence[str],
    *,
    stdin: bytes | int = b"",
    stdout: int | None = None,
    stderr: int | None = None,
    level: Level = Level.STRICT,
    launcher: Launcher | None = None,
) -> Report:
    """Run ``argv`` under `policy` to its end.

    `stdin` is the input, or a descriptor to copy it from. Output is collected in the report (it is
    bounded by the policy), or copied to the descriptors `stdout` and `stderr`. Without a
    `launcher` a new one is started, which costs a start of Python.

    Raises:
        RefusedError: the launcher itself cannot start on this host.
    """
    if launcher is None:
        with Launcher() as own:
            return _wait(own.start(policy, argv, level=level), stdin, stdout, stderr)
    return _wait(launcher.start(policy, argv, level=level), stdin, stdout, stderr)


def _wait(run: Run, stdin: bytes | int, stdout: int | None, stderr: int | None) -> Report:
    try:
        return _Exchange(run, stdin, {run.stdout: stdout, run.stderr: stderr}).complete()
    finally:
        run.close()


class _Exchange:
    """Feeds a run and collects what it gives, without ever waiting for one side alone."""

    def __init__(self, run: Run, stdin: bytes | int, sinks: dict[int, int | None]) -> None:
        self._run = run
        self._source = stdin if isinstance(stdin, int) else -1
        self._input = b"" if isinstance(stdin, int) else stdin
        self._sinks = sinks
        self._report = run.control.fileno()
        self._open = {*sinks, self._report}
        self._collected = {fd: bytearray() for fd in self._open}
        not_blocking(run.stdin)
        if self._source < 0 and not self._input:
            run.close_stdin()

    def complete(self) -> Report:
        while self._open:
            waiting = select.poll()
            for fd in self._open:
                waiting.register(fd, select.POLLIN)
            if self._run.stdin >= 0:
                # With nothing to write yet, only the hang-up of the reader is of interest.
                waiting.register(self._run.stdin, select.POLLOUT if self._input else 0)
                if not self._input:
                    waiting.register(self._source, select.POLLIN)
            ready = dict(waiting.poll())
            self._feed(ready)
            for fd in self._open & ready.keys():
                self._take(fd)
        return self._finished()

    def _feed(self, ready: dict[int, int]) -> None:
        if self._run.stdin in ready:
            self._write(gone=bool(ready[self._run.stdin] & select.POLLERR))
        elif self._source in ready and self._run.stdin >= 0:
            self._input = _read(self._source)
            if not self._input:
                self._run.close_stdin()

    def _write(self, *, gone: bool) -> None:
        try:
            done = 0 if gone else os.write(self._run.stdin, self._input[:_CHUNK])
        except BlockingIOError:
            return
        except BrokenPipeError:
            gone = True
            done = 0
        self._input = self._input[done:]
        if gone or (not self._input and self._source < 0):
            self._run.close_stdin()

    def _take(self, fd: int) -> None:
        chunk = os.read(fd, _CHUNK)
        if not chunk:
            self._open.discard(fd)
            return
        sink = self._sinks.get(fd)
        if sink is None:
            self._collected[fd] += chunk
            return
        try:
            while chunk:
                chunk = chunk[os.write(sink, chunk) :]
        except BrokenPipeError:
            # Nobody reads any more: what a pipe would tell a program by SIGPIPE.
            self._sinks[fd] = None
            self._run.stop()

    def _finished(self) -> Report:
        lines = self._collected[self._report].splitlines()
        report = from_entries(self._run.level, tuple(json.loads(line) for line in lines))
        out, err = (bytes(self._collected[fd]) for fd in (self._run.stdout, self._run.stderr))
        return Report(
            status=report.status,
            level=report.level,
            limit=report.limit,
            refused=report.refused,
            entries=report.entries,
            stdout=out,
            stderr=err,
        )


def _read(fd: int) -> bytes:
    """The next input; a descriptor that cannot be read has none."""
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        return b""
