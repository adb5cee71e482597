"""The connections of clients: how many there may be, and what is said to those that speak no HTTP.

aiohttp reads and frames requests. What it does by default at the edges is replaced here: its error
pages, its log of what strangers send, and connections without number.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lotabots.adapters.hosting.limits import Limits
    from lotabots.adapters.hosting.measures import Measures
    from lotabots.adapters.hosting.own import Own

RETRY_S: Final = 1
"""What a client is told to wait when there is no release, or no room."""


def error_answer(status: int, text: str, *, close: bool) -> web.Response:
    """An answer of the front itself: JSON with a member `error`."""
    headers = {"Server": "lotabots", "Cache-Control": "no-store"}
    if status == 503:  # noqa: PLR2004 - Service Unavailable
        headers["Retry-After"] = str(RETRY_S)
    body = json.dumps({"error": text}).encode()
    answer = web.Response(
        status=status, body=body, headers=headers, content_type="application/json"
    )
    if close:
        answer.force_close()
    return answer


class Intake:
    """Makes the protocol of each connection, for ``loop.create_server``."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        limits: Limits,
        measures: Measures,
        *,
        own: Own,
    ) -> None:
        self.open = 0
        self.own = own
        self.measures = measures
        self._limits = limits
        # A client that goes away cancels the handler, and with it the request to the release.
        self._server = web.Server(handler, handler_cancellation=True)

    def __call__(self) -> asyncio.Protocol:
        """The protocol of one more connection."""
        if self.open >= self._limits.connections:
            return _Full(self)
        return self.connection()

    def connection(self) -> _Connection:
        """The protocol of a connection that has a place."""
        # Counted here: several connections are accepted before the first of them is made.
        self.open += 1
        return _Connection(
            self,
            self._server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._limits.idle_s,
            lingering_time=self._limits.linger_s,
            max_line_size=self._limits.line,
            max_field_size=self._limits.line,
            max_headers=self._limits.headers,
            auto_decompress=False,
            access_log=None,
        )

    async def close(self, within_s: float) -> None:
        """End all connections: idle ones now, others after their request or `within_s`."""
        self._server.pre_shutdown()
        await self._server.shutdown(within_s)


class _Connection(web.RequestHandler):
    __slots__ = ("_intake",)

    def __init__(self, intake: Intake, server: web.Server, **settings: Any) -> None:  # noqa: ANN401 - aiohttp's own
        super().__init__(server, **settings)
        self._intake = intake

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._intake.open -= 1

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what the client sent
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or end the connection in the midst of an answer."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("the answer has begun")
        self._intake.measures.refused += 1
        if isinstance(exc, LineTooLong):
            status, text = 431, "the first line or a line of the header is too long"
        elif status < 500:  # noqa: PLR2004 - the class of server errors
            text = "this is not a valid HTTP/1.1 request"
        else:
            text = "the front failed"
        return error_answer(status, text, close=True)


class _Full(asyncio.Protocol):
    """Says that there is no room, and closes; but there always is for the front itself."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._intake.own.has(transport):
            connection = self._intake.connection()
            transport.set_protocol(connection)
            connection.connection_made(transport)
            return
        self._intake.measures.refused += 1
        if isinstance(transport, asyncio.WriteTransport):
            body = b'{"error": "too many connections: try again later"}'
            head = (
                "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nRetry-After: {RETRY_S}\r\n"
                "Connection: close\r\n\r\n"
            )
            transport.write(head.encode() + body)
        transport.close()
