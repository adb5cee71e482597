"""The releases behind a front: one pool of connections for each running instance.

A pool lives exactly as long as its instance is served. So a port that a later release gets never
sees a connection, or half a request, that was meant for the one before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

if TYPE_CHECKING:
    from lotabots.adapters.hosting.limits import Limits
    from lotabots.adapters.hosting.measures import ReleaseMeasures


class Upstream(NamedTuple):
    """One running instance of a release, listening on a port of the loopback."""

    release: str
    port: int
    host: str = "127.0.0.1"


class Backend:
    """What a front keeps for one upstream: connections and the number of requests under way."""

    def __init__(self, upstream: Upstream, measures: ReleaseMeasures, limits: Limits) -> None:
        self.upstream = upstream
        self.measures = measures
        self.under_way = 0
        self.begun = 0
        """Requests that began here; instances that are equally busy get equally many."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._kept = _session(limits, force_close=False)
        self._fresh = _session(limits, force_close=True)

    def session(self, *, fresh: bool) -> ClientSession:
        """The client to send a request with; `fresh` opens a connection and closes it after.

        A connection that was kept may be closed by the instance in the moment of sending. So what
        may not be sent twice needs a fresh one.
        """
        return self._fresh if fresh else self._kept

    def begin(self) -> None:
        """A request is under way here from now on."""
        self.under_way += 1
        self.begun += 1
        self.measures.under_way += 1
        self._idle.clear()

    def end(self) -> None:
        """It is not any more."""
        self.under_way -= 1
        self.measures.under_way -= 1
        if not self.under_way:
            self._idle.set()

    def abandon(self) -> None:
        """Let nobody wait for what is under way."""
        self._idle.set()

    async def idle(self) -> None:
        """Wait until no request is under way, or it is abandoned."""
        await self._idle.wait()

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        await self._kept.close()
        await self._fresh.close()


def _session(limits: Limits, *, force_close: bool) -> ClientSession:
    # No limit of connections: there are never more than clients, and these are limited. No
    # cookies, no proxies of the environment, nothing decoded: what comes is passed on.
    return ClientSession(
        connector=TCPConnector(limit=0, force_close=force_close, use_dns_cache=False),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        timeout=ClientTimeout(total=None, sock_connect=limits.connect_s),
        max_line_size=limits.line,
        max_field_size=limits.line,
        max_headers=limits.headers,
    )
