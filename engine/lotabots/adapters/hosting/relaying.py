"""One request on its way to a release and back.

A request is sent a second time only if the first cannot have had an effect: no connection was
made, or the method is idempotent, there is no body, and the connection ended without an answer
(RFC 9110 section 9.2.2).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Final

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ConnectionTimeoutError,
    ServerDisconnectedError,
    web,
)
from yarl import URL

from lotabots.adapters.hosting.body import Body, FailedError, Pace
from lotabots.adapters.hosting.intake import error_answer
from lotabots.adapters.hosting.judging import onward, refusal, returned
from lotabots.adapters.hosting.measures import NO_RELEASE
from lotabots.adapters.hosting.turns import BusyError, Wish

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from lotabots.adapters.hosting.limits import Limits
    from lotabots.adapters.hosting.measures import Measures
    from lotabots.adapters.hosting.own import Own
    from lotabots.adapters.hosting.turns import Turn, Turns
    from lotabots.adapters.hosting.upstream import Backend

_REPEATABLE: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT"})
_AT_ONCE: Final = struct.pack("ii", 1, 0)
_NOT_MADE: Final = (ClientConnectorError, ConnectionTimeoutError)
_ENDED: Final = (ServerDisconnectedError, ClientOSError)
_CLIENT_SLOW: Final = FailedError(408, "the body did not come in time")
_RELEASE_SLOW: Final = FailedError(504, "the release did not answer in time")


class Relaying:
    """Relays requests to the instances that `turns` gives, and counts what became of them."""

    def __init__(self, turns: Turns, limits: Limits, measures: Measures, *, own: Own) -> None:
        self._turns = turns
        self._limits = limits
        self._measures = measures
        self._own = own

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ends the connection if an answer breaks off."""
        refused = refusal(request, self._limits)
        if refused is not None:
            self._measures.refused += 1
            return error_answer(*refused, close=True)
        own = self._own.has(request.transport)
        return await _Exchange(request, self._turns, self._limits, self._measures, own=own).run()


class _Exchange:
    """One request and its answer."""

    def __init__(
        self,
        request: web.BaseRequest,
        turns: Turns,
        limits: Limits,
        measures: Measures,
        *,
        own: bool,
    ) -> None:
        self._request = request
        self._turns = turns
        self._limits = limits
        self._measures = measures
        self._own = own
        self._backend: Backend | None = None
        self._status = 0
        self._error = False
        self._refused = False
        self._begun = False

    async def run(self) -> web.StreamResponse:
        """Relay it, answer for a release that fails, and count it once."""
        pace: Pace | None = None
        body: Body | None = None
        try:
            async with asyncio.timeout(self._limits.total_s) as timeout:
                pace = Pace(timeout, self._limits)
                body = Body(self._request, self._limits, pace)
                return await self._relay(body, pace)
        except FailedError as failed:
            return self._failed(failed)
        except TimeoutError:
            if pace is not None and pace.waiting:
                return self._failed(BusyError())
            slow = body is not None and body.awaited
            return self._failed(_CLIENT_SLOW if slow else _RELEASE_SLOW)
        finally:
            self._count()

    async def _relay(self, body: Body, pace: Pace) -> web.StreamResponse:
        repeatable = not body.exists and self._request.method in _REPEATABLE
        turn, answer = await self._ask(body, pace, repeatable=repeatable)
        whole = False
        try:
            self._status = answer.status
            self._error = answer.status >= 500  # noqa: PLR2004 - the class of server errors
            turn.backend.measures.answered(pace.passed)
            response = await self._copy(answer, pace)
            whole = True
            return response
        finally:
            answer.close()
            turn.end(kept=whole and repeatable)

    async def _ask(
        self, body: Body, pace: Pace, *, repeatable: bool
    ) -> tuple[Turn, ClientResponse]:
        wish = Wish(fresh=not repeatable, own=self._own)
        ended = False
        while (turn := await self._turn(wish, pace)) is not None:
            try:
                return turn, await self._send(turn, body, pace, fresh=wish.fresh)
            except _NOT_MADE:
                pass
            except _ENDED as error:
                if not repeatable:
                    raise FailedError(502, "the release gave no answer") from error
                ended = True
            wish = wish._replace(tried=wish.tried | {turn.backend})
        again = Wish(fresh=True, own=self._own)
        if ended and (turn := await self._turn(again, pace)) is not None:
            # All that ended may have been kept connections that were closed for being idle.
            with contextlib.suppress(*_NOT_MADE, *_ENDED):
                return turn, await self._send(turn, body, pace, fresh=True)
        if self._backend is None:
            raise FailedError(503, "nothing is released here: try again later")
        raise FailedError(502, "the release cannot be reached")

    async def _turn(self, wish: Wish, pace: Pace) -> Turn | None:
        turn = await pace.wait(self._turns.take(wish), self._limits.wait_s)
        if turn is not None:
            self._backend = turn.backend
        return turn

    async def _send(self, turn: Turn, body: Body, pace: Pace, *, fresh: bool) -> ClientResponse:
        upstream = turn.backend.upstream
        # Put together as text and marked as encoded: the release gets the path as it was sent.
        url = URL(f"http://{upstream.host}:{upstream.port}{self._request.raw_path}", encoded=True)
        pace.give(self._limits.upload_s if body.exists else self._limits.answer_s)
        try:
            session = await turn.line.session(fresh=fresh)
            return await session.request(
                self._request.method,
                url,
                headers=onward(self._request),
                data=body.pieces() if body.exists else None,
                allow_redirects=False,
            )
        except BaseException as error:
            turn.end(kept=False)
            if body.failure is not None:
                raise body.failure from error
            if isinstance(error, (*_NOT_MADE, *_ENDED)):
                raise
            if isinstance(error, (ClientError, OSError, ValueError)):
                raise FailedError(502, "the answer of the release is not valid HTTP") from error
            raise

    async def _copy(self, answer: ClientResponse, pace: Pace) -> web.StreamResponse:
        header = returned(answer.headers, answer.reason)
        if header is None or not 200 <= answer.status <= 599:  # noqa: PLR2004 - final statuses
            raise FailedError(502, "the answer of the release is not valid HTTP")
        pace.give(self._limits.stall_s)
        response: web.StreamResponse
        # A small answer is often there as a whole: it goes out in one piece with its header.
        if answer.content.is_eof() and (whole := await _piece(answer)):
            response = web.Response(
                status=answer.status, reason=answer.reason, headers=header, body=whole
            )
        else:
            response = web.StreamResponse(
                status=answer.status, reason=answer.reason, headers=header
            )
        self._begun = True
        await response.prepare(self._request)
        while piece := await _piece(answer):
            pace.give(self._limits.stall_s)
            await response.write(piece)
        await response.write_eof()
        return response

    def _failed(self, failed: FailedError) -> web.StreamResponse:
        self._refused = isinstance(failed, BusyError)
        by_client = 400 <= failed.status < 500  # noqa: PLR2004 - the class of client errors
        self._error = not by_client
        self._status = self._status or failed.status
        if self._begun:
            _reset(self._request.transport)
            raise ConnectionResetError(failed.text)
        return error_answer(failed.status, failed.text, close=self._request.body_exists)

    def _count(self) -> None:
        if self._refused:
            self._measures.refused += 1
            return
        backend = self._backend
        counted = self._measures.of(NO_RELEASE) if backend is None else backend.measures
        counted.requests += 1
        counted.errors += self._error


async def _piece(answer: ClientResponse) -> bytes:
    try:
        return await answer.content.readany()
    except (ClientError, OSError) as error:
        raise FailedError(502, "the answer of the release broke off") from error


def _reset(transport: asyncio.Transport | None) -> None:
    """End a connection so that a shortened answer cannot look like a whole one."""
    if transport is not None:
        # Without it, what follows is the same as the regular end, which in HTTP/1.0 is an end of
        # the body.
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _AT_ONCE)
        transport.abort()
