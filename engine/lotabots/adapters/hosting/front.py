"""The front of one service in one environment: a reverse proxy that can change its release.

It chooses the release anew for each request, so connections of clients outlive a switch: what
comes after goes to the new release, what is under way is finished by the old one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, Self

from lotabots.adapters.hosting.asking import ask
from lotabots.adapters.hosting.drain import Drain
from lotabots.adapters.hosting.intake import Intake
from lotabots.adapters.hosting.limits import Limits
from lotabots.adapters.hosting.measures import Measures
from lotabots.adapters.hosting.own import Own
from lotabots.adapters.hosting.relaying import Relaying
from lotabots.adapters.hosting.turns import Turns
from lotabots.adapters.hosting.upstream import Backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.adapters.hosting.asking import Asked
    from lotabots.adapters.hosting.upstream import Upstream

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - told apart, not bound


class Listen(NamedTuple):
    """Where a front listens; port 0 is any free one."""

    host: str
    port: int


class Front:
    """Listens for clients and relays to the instances of the active release.

    Without an instance every request is answered 503. All methods are for one event loop.

    Usage::

        front = Front(Listen("127.0.0.1", 8102))
        await front.start()
        drain = await front.switch([Upstream("4-ab12cd34ef56", port)])
        ended = await drain  # the releases before may be stopped now
        await front.close()
    """

    def __init__(self, listen: Listen, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.measures = Measures()
        self._listen = listen
        self._limits = limits
        self._turns = Turns(limits, self.measures)
        self._own = Own()
        self._drains: list[Drain] = []
        self._server: asyncio.Server | None = None
        self._intake: Intake | None = None

    async def start(self) -> None:
        """Listen; call once.

        Raises:
            OSError: the address is taken, or not one of this host.
        """
        relaying = Relaying(self._turns, self._limits, self.measures, own=self._own)
        self._intake = Intake(relaying.handle, self._limits, self.measures, own=self._own)
        host, port = self._listen
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._intake, host, port, backlog=512)

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            RuntimeError: it was not started, or is closed.
        """
        if self._server is None or not self._server.sockets:
            raise RuntimeError("the front does not listen")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """The instances that new requests go to."""
        return tuple(backend.upstream for backend in self._turns.backends)

    async def switch(self, upstreams: Sequence[Upstream]) -> Drain:
        """Send new requests to `upstreams` only, from now on; none of them is a refusal of all.

        Requests that wait for a connection to an instance count as new.
        An instance that was served before and is named again keeps its connections: that is how
        instances are added and taken away. The drain is that of the others.
        """
        before = {backend.upstream: backend for backend in self._turns.backends}
        backends = tuple(
            before.pop(upstream) if upstream in before else self._backend(upstream)
            for upstream in dict.fromkeys(upstreams)
        )
        self._turns.serve(backends)
        self._drains = [drain for drain in self._drains if not drain.done]
        drain = Drain(tuple(before.values()), bound_s=self._limits.drain_s)
        self._drains.append(drain)
        return drain

    async def probe(self, path: str, *, within_s: float = 10.0) -> Asked:
        """GET `path` through the front itself; never raises for the answer.

        As a client would, but it never waits behind clients, however many there are.
        """
        host = LOOPBACK.get(self._listen.host, self._listen.host)
        with self._own.sockets() as socket_of:
            return await ask(host, self.port, path, within_s=within_s, socket_of=socket_of)

    async def close(self) -> None:
        """Stop listening, give requests under way `Limits.drain_s`, close all connections."""
        if self._server is not None:
            self._server.close()
        if self._intake is not None:
            await self._intake.close(self._limits.drain_s)
        if self._server is not None:
            await self._server.wait_closed()
        last = await self.switch(())
        for drain in self._drains:
            drain.hurry()
        await asyncio.gather(*self._drains)
        await last

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _backend(self, upstream: Upstream) -> Backend:
        measures = self.measures.of(upstream.release)
        return Backend(upstream, measures, self._limits, self._turns.go_on)
