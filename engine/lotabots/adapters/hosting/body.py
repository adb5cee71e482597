"""The body of a request on its way to a release, and the time that each step may take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import hdrs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from aiohttp import web

    from lotabots.adapters.hosting.limits import Limits

_Turn = TypeVar("_Turn")

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class FailedError(Exception):
    """The front answers itself: a status and a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Pace:
    """The one deadline of a request, put forward at each of its steps."""

    def __init__(self, timeout: asyncio.Timeout, limits: Limits) -> None:
        self._timeout = timeout
        self._clock = asyncio.get_running_loop().time
        self.waiting = False
        """Whether it waits for a turn at the moment."""

        self._start = self._clock()
        self._end = self._start + limits.total_s
        self._waited = 0.0

    def give(self, seconds: float) -> None:
        """The next step may take this long."""
        self._timeout.reschedule(min(self._end, self._clock() + seconds))

    async def wait(self, turn: Awaitable[_Turn], seconds: float) -> _Turn:
        """Wait for `turn`; that is the front's time, no part of what has `passed`."""
        self.give(seconds)
        self.waiting = True
        start = self._clock()
        found = await turn
        self._waited += self._clock() - start
        self.waiting = False
        return found

    @property
    def passed(self) -> float:
        """Seconds since the request's header, without its wait for a turn."""
        return self._clock() - self._start - self._waited


class Body:
    """The body of a request, while it is passed on; knows why it could not be."""

    def __init__(self, request: web.BaseRequest, limits: Limits, pace: Pace) -> None:
        self.exists = request.body_exists
        self.begun = False
        self.awaited = False
        self.failure: FailedError | None = None
        self._request = request
        self._limits = limits
        self._pace = pace

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, up to the limit."""
        self.begun = True
        if hdrs.EXPECT in self._request.headers and self._request.transport is not None:
            self._request.transport.write(_CONTINUE)
        size = 0
        while piece := await self._next():
            size += len(piece)
            if size > self._limits.body:
                text = f"the body is larger than {self._limits.body} bytes"
                self.failure = FailedError(413, text)
                raise self.failure
            yield piece
        self._pace.give(self._limits.answer_s)

    async def _next(self) -> bytes:
        self.awaited = True
        try:
            return await self._request.content.readany()
        except Exception as error:
            self.failure = FailedError(400, "the body is not valid")
            raise self.failure from error
        finally:
            self.awaited = False
