"""One connection at most to an instance, and its end on both sides.

An instance may spend a thread on each connection, and it does not see that one was closed before it
is done with what was asked there. So the front shuts only its own direction, and asks nothing more
in this place until the instance has closed the other: clients that go away in the midst of a slow
request would else fill it with threads that nobody counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohappyeyeballs import AddrInfoType

    from lotabots.adapters.hosting.limits import Limits

_UNREAD: Final = 1024 * 1024
"""Bytes of an answer that nobody wants any more; with more to come, the connection is reset."""

_CHUNK: Final = 64 * 1024


class Line:
    """A place for one connection; `freed` is called when it can be used again."""

    def __init__(self, limits: Limits, freed: Callable[[Line], None]) -> None:
        self._limits = limits
        self._freed = freed
        self._sessions: dict[bool, ClientSession] = {}
        self._open: set[_Socket] = set()
        self._left: list[socket.socket] = []
        self._let_go = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None
        self._used = False

    @property
    def warm(self) -> bool:
        """Whether it has a connection that was kept."""
        return bool(self._open)

    def begin(self) -> None:
        """A request uses it from now on."""
        self._used = True

    async def session(self, *, fresh: bool) -> ClientSession:
        """The client to send a request with; `fresh` opens a connection and closes it after.

        A connection that was kept may be closed by the instance in the moment of sending. So what
        may not be sent twice needs a fresh one.
        """
        if fresh and self._open:
            await self._drop(self._limits.linger_s)
        if fresh not in self._sessions:
            self._sessions[fresh] = self._session(force_close=fresh)
        return self._sessions[fresh]

    def end(self, *, kept: bool) -> None:
        """The request has ended; `kept` says that its connection is good for another."""
        if self._left or (self._open and not kept):
            self._leaving = asyncio.create_task(self._leave())
        else:
            self._free()

    async def close(self) -> None:
        """Close everything at once; a request under way fails."""
        self._used = False
        if self._leaving is not None:
            self._leaving.cancel()
        for session in self._sessions.values():
            await session.close()
        self._close_left()

    def let_go(self, one: _Socket) -> None:
        """The client is done with a socket: take over its end."""
        self._open.discard(one)
        family, kind, protocol = one.family, one.type, one.proto
        left = socket.socket(family, kind, protocol, fileno=one.detach())
        left.setblocking(False)
        if self._used:
            self._left.append(left)
        else:
            left.close()
        self._let_go.set()

    async def _leave(self) -> None:
        await self._drop(self._limits.answer_s)
        self._free()

    async def _drop(self, within_s: float) -> None:
        """End the connection on both sides; after `within_s` by force."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    if (kept := self._sessions.pop(False, None)) is not None:
                        await kept.close()
                    while self._open:
                        self._let_go.clear()
                        await self._let_go.wait()
                    for left in self._left:
                        await _ended(left)
        finally:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._close_left()

    def _close_left(self) -> None:
        for left in self._left:
            left.close()
        self._left.clear()

    def _free(self) -> None:
        self._used = False
        self._freed(self)

    def _session(self, *, force_close: bool) -> ClientSession:
        # No cookies, no proxies of the environment, nothing decoded: what comes is passed on.
        limits = self._limits
        return ClientSession(
            connector=TCPConnector(
                limit=1,
                force_close=force_close,
                use_dns_cache=False,
                socket_factory=self._socket,
            ),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=ClientTimeout(total=None, sock_connect=limits.connect_s),
            max_line_size=limits.line,
            max_field_size=limits.line,
            max_headers=limits.headers,
        )

    def _socket(self, info: AddrInfoType) -> socket.socket:
        one = _Socket(*info[:3])
        one.line = self
        self._open.add(one)
        return one


class _Socket(socket.socket):
    """Hands itself to its line instead of closing."""

    line: Line

    def close(self) -> None:
        if self.fileno() >= 0:
            self.line.let_go(self)


async def _ended(one: socket.socket) -> None:
    """Shut our direction and wait until the other side does the same."""
    loop = asyncio.get_running_loop()
    read = 0
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_WR)
        while read < _UNREAD and (piece := await loop.sock_recv(one, _CHUNK)):
            read += len(piece)
