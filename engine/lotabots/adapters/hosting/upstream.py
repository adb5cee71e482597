"""The instances behind a front, with a bounded number of connections to each.

Its connections live exactly as long as an instance is served. So a port that a later release gets
never sees a connection, or half a request, that was meant for the one before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from lotabots.adapters.hosting.line import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from lotabots.adapters.hosting.limits import Limits
    from lotabots.adapters.hosting.measures import ReleaseMeasures

PROBES: Final = 1
"""Connections to one instance that only probes of the front get, besides those of clients."""


class Upstream(NamedTuple):
    """One running instance of a release, listening on a port of the loopback."""

    release: str
    port: int
    host: str = "127.0.0.1"


class Backend:
    """What a front keeps for one upstream: connections and the number of requests under way.

    `freed` is called whenever a request might find a place that had none before.
    """

    def __init__(
        self,
        upstream: Upstream,
        measures: ReleaseMeasures,
        limits: Limits,
        freed: Callable[[], None],
    ) -> None:
        self.upstream = upstream
        self.measures = measures
        self.under_way = 0
        self.begun = 0
        """Requests that began here; instances that are equally busy get equally many."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._places = {
            False: _Places(limits.per_instance, limits, freed),
            True: _Places(PROBES, limits, freed),
        }

    def begin(self, *, fresh: bool, own: bool) -> Line | None:
        """A request is under way here from now on, if there is a place for it.

        `fresh` means that it needs a new connection, `own` that it is one of the front itself.
        """
        line = self._places[own].take(fresh=fresh)
        if line is not None:
            self.under_way += 1
            self.begun += 1
            self.measures.under_way += 1
            self._idle.clear()
        return line

    def end(self, line: Line, *, kept: bool) -> None:
        """It is not any more; `kept` says that its connection is good for another."""
        self.under_way -= 1
        self.measures.under_way -= 1
        if not self.under_way:
            self._idle.set()
        line.end(kept=kept)

    def abandon(self) -> None:
        """Let nobody wait for what is under way."""
        self._idle.set()

    async def idle(self) -> None:
        """Wait until no request is under way, or it is abandoned."""
        await self._idle.wait()

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        for places in self._places.values():
            await places.close()


class _Places:
    """At most `most` lines; they are made when they are needed."""

    def __init__(self, most: int, limits: Limits, freed: Callable[[], None]) -> None:
        self._most = most
        self._limits = limits
        self._freed = freed
        self._lines: list[Line] = []
        self._free: list[Line] = []

    def take(self, *, fresh: bool) -> Line | None:
        """A line that nobody uses: with a kept connection, or without one if it is `fresh`."""
        line = None if fresh else self._find(warm=True)
        line = line or self._find(warm=False) or self._made()
        if line is None and self._free:
            line = self._free.pop(0)  # its connection, kept the longest, has to go
        if line is not None:
            line.begin()
        return line

    async def close(self) -> None:
        for line in self._lines:
            await line.close()

    def _find(self, *, warm: bool) -> Line | None:
        """The one of that kind that was used last, taken from the free ones."""
        for line in reversed(self._free):
            if line.warm is warm:
                self._free.remove(line)
                return line
        return None

    def _made(self) -> Line | None:
        if len(self._lines) >= self._most:
            return None
        line = Line(self._limits, self._give)
        self._lines.append(line)
        return line

    def _give(self, line: Line) -> None:
        self._free.append(line)
        self._freed()
