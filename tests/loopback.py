"""Releases and clients on the loopback, as good or as bad as a test of the front needs them."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, web

from lotabots.adapters.hosting.front import Front, Listen
from lotabots.adapters.hosting.limits import Limits
from lotabots.adapters.hosting.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence


class Release:
    """A well-behaved server: answers with its name and what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[dict[str, Any]] = []
        self.connections = 0
        self.most = 0
        """Connections that were open at once."""
        self.held = asyncio.Event()
        """Set when a request for `/held` has come."""
        self.let_go = asyncio.Event()
        """Set it to have such a request answered."""
        self.cancelled = asyncio.Event()
        """Set when such a request was given up."""

    def count(self, change: int) -> None:
        """One connection more or less."""
        self.connections += change
        self.most = max(self.most, self.connections)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/held":
            await self._hold()
        self.seen.append(
            {
                "release": self.name,
                "method": request.method,
                "path": request.raw_path,
                "header": [[name, value] for name, value in request.headers.items()],
                "body": (await request.read()).decode(),
            }
        )
        status = int(request.query.get("status", "200"))
        headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Release", self.name)]
        return web.json_response(self.seen[-1], status=status, headers=headers)

    async def _hold(self) -> None:
        self.held.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class _Server(web.Server):
    """Tells the release how many connections there are."""

    release: Release

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:  # noqa: ANN401 - aiohttp's own
        super().connection_made(handler, transport)
        self.release.count(1)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:  # noqa: ANN401 - aiohttp's own
        super().connection_lost(handler, exc)
        self.release.count(-1)


@asynccontextmanager
async def serving(release: Release) -> AsyncIterator[Upstream]:
    """Serve a release on a free port."""
    server = _Server(release.handle, handler_cancellation=True, access_log=None)
    server.release = release
    runner = web.ServerRunner(server, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Upstream(release.name, runner.addresses[0][1])
    finally:
        await runner.cleanup()


class Scripted:
    """A server that does to each connection what a test says."""

    def __init__(self, script: Callable[..., Awaitable[None]]) -> None:
        self.connections = 0
        self._script = script

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._script(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def scripted(name: str, scripted_one: Scripted) -> AsyncIterator[Upstream]:
    """Serve connections by a script on a free port."""
    server = await asyncio.start_server(scripted_one.handle, "127.0.0.1", 0)
    try:
        yield Upstream(name, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


def saying(answer: bytes) -> Scripted:
    """Reads the header of a request, says `answer` and ends the connection."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return Scripted(script)


@asynccontextmanager
async def fronting(
    upstreams: Sequence[Upstream] = (), *, limits: Limits | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Front]:
    """A started front before these instances."""
    async with Front(Listen(host, 0), limits=limits or Limits()) as front:
        await front.switch(upstreams)
        yield front


@asynccontextmanager
async def client(front: Front) -> AsyncIterator[ClientSession]:
    """A client that keeps its connections and no cookies."""
    async with ClientSession(
        f"http://127.0.0.1:{front.port}",
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=60),
    ) as session:
        yield session


async def say(front: Front, data: bytes, *, end: bool = False) -> bytes:
    """Everything that comes back until the front ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    try:
        writer.write(data)
        if end:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def status_of(answer: bytes) -> int:
    """The status in the first line of an answer."""
    return int(answer.split(b" ", 2)[1])


def error_of(answer: bytes) -> str:
    """The text in an error's body."""
    text: str = json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]
    return text
