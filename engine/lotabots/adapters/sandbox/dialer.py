"""Connects to unix sockets for a relay, with the rights of whoever runs the engine.

A relay of an engine that is root is nobody's by the time it connects, and a socket in a private
folder is closed to it. So a dialer is forked before root is left. It knows the sockets that the
policy names; it is told a number, and gives back a connection or the reason why there is none.
It ends when nobody can ask it any more.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lotabots.adapters.sandbox.running import keep_only

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_TIMEOUT_S: Final = 20
_MAX_REASON: Final = 1000
_MAX_NUMBER: Final = 16
_FOREVER: Final = 0


class Dialer:
    """Our end of a dialer for `paths`, which this process and its children may ask.

    It has the rights that this process has now, whatever becomes of this process.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._asks, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = os.fork()
        if child == 0:
            try:
                keep_only(asked.fileno())
                _serve(asked, paths)
            finally:
                os._exit(0)
        asked.close()

    def fileno(self) -> int:
        """The descriptor that a process must keep to ask."""
        return self._asks.fileno()

    def close(self) -> None:
        """Ask no more."""
        self._asks.close()

    def connect(self, number: int) -> socket.socket:
        """A connection to the socket at `number` of the paths.

        Raises:
            OSError: nobody listens there, or does not take it in time.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                socket.send_fds(self._asks, [str(number).encode()], [theirs.fileno()])
            said, fds, _, _ = socket.recv_fds(ours, _MAX_REASON, 1)
        if not fds:
            raise OSError(said.decode() or "the dialer is gone")
        return socket.socket(fileno=fds[0])


def _serve(asked: socket.socket, paths: Sequence[str]) -> None:
    """Each connection in a thread: a server that does not accept must not hold up another's."""
    while True:
        number, fds, _, _ = socket.recv_fds(asked, _MAX_NUMBER, 1)
        if not number:
            return
        path, answer = paths[int(number)], socket.socket(fileno=fds[0])
        threading.Thread(target=_answer, args=(path, answer), daemon=True).start()


def _answer(path: str, answer: socket.socket) -> None:
    with answer, contextlib.suppress(BrokenPipeError):
        try:
            far = _connect(path)
        except OSError as error:
            answer.send(f"{error.strerror or error}: {path}".encode()[:_MAX_REASON])
            return
        with far:
            socket.send_fds(answer, [b"+"], [far.fileno()])


def _connect(path: str) -> socket.socket:
    """By way of the folder: an address has room for 107 characters, a path may be longer."""
    folder, _, name = path.rpartition("/")
    far = socket.socket(socket.AF_UNIX)
    try:
        at = os.open(folder or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _set_timeout(far, CONNECT_TIMEOUT_S)
            far.connect(str(Path(f"/proc/self/fd/{at}", name)))
            _set_timeout(far, _FOREVER)
        finally:
            os.close(at)
    except BaseException:
        far.close()
        raise
    return far


def _set_timeout(sock: socket.socket, seconds: int) -> None:
    """The kernel's own: with Python's a full queue would be an error at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", seconds, 0))
