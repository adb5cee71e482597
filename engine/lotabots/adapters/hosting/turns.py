"""Which request goes to which instance, and when: those that find no place wait in order.

A request that waits belongs to no release yet. So a switch takes it along to the new one, and its
wait is the front's and not the release's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from lotabots.adapters.hosting.body import FailedError

if TYPE_CHECKING:
    from lotabots.adapters.hosting.limits import Limits
    from lotabots.adapters.hosting.line import Line
    from lotabots.adapters.hosting.measures import Measures
    from lotabots.adapters.hosting.upstream import Backend


class BusyError(FailedError):
    """No place became free: the front refuses a request that no release has seen."""

    def __init__(self) -> None:
        super().__init__(503, "too many requests at once: try again later")


class Wish(NamedTuple):
    """What a request needs: `fresh` a new connection, `own` a place that clients do not get."""

    fresh: bool
    own: bool
    tried: frozenset[Backend] = frozenset()
    """Instances that it does not want any more."""


class Turn(NamedTuple):
    """A place at an instance, for one request; whoever gets it ends it."""

    backend: Backend
    line: Line

    def end(self, *, kept: bool) -> None:
        """The request is not under way any more; `kept`: its connection is good for another."""
        self.backend.end(self.line, kept=kept)


class _Waiter(NamedTuple):
    wish: Wish
    turn: asyncio.Future[Turn | None]


class Turns:
    """Gives requests their turns at the instances that are served."""

    def __init__(self, limits: Limits, measures: Measures) -> None:
        self.backends: tuple[Backend, ...] = ()
        self._limits = limits
        self._measures = measures
        self._queues: dict[bool, deque[_Waiter]] = {False: deque(), True: deque()}

    def serve(self, backends: tuple[Backend, ...]) -> None:
        """Give turns at these from now on, also to those who wait."""
        self.backends = backends
        self.go_on()

    async def take(self, wish: Wish) -> Turn | None:
        """A turn at the least busy instance that was not tried; None if there is no such instance.

        Raises:
            BusyError: too many wait already.
        """
        queue = self._queues[wish.own]
        if not queue:
            ready = self._ready(wish)
            turn = _begun(ready, wish)
            if turn is not None or not ready:
                return turn
        if len(queue) >= self._limits.waiting:
            raise BusyError
        waiter = _Waiter(wish, asyncio.get_running_loop().create_future())
        queue.append(waiter)
        self.go_on()
        return await self._wait(waiter, queue)

    def go_on(self) -> None:
        """A place is free: give it to the one who has waited longest."""
        for queue in self._queues.values():
            for waiter in tuple(queue):
                if waiter.turn.done():
                    continue  # given up a moment ago
                ready = self._ready(waiter.wish)
                turn = _begun(ready, waiter.wish)
                if turn is not None or not ready:
                    queue.remove(waiter)
                    waiter.turn.set_result(turn)
                elif not waiter.wish.tried:
                    break  # no other instance would do for those behind it either

    async def _wait(self, waiter: _Waiter, queue: deque[_Waiter]) -> Turn | None:
        clock = asyncio.get_running_loop().time
        start = clock()
        self._measures.waited += 1
        self._measures.waiting += 1
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter in queue:
                queue.remove(waiter)
            elif (turn := waiter.turn.result()) is not None:
                turn.end(kept=True)
            raise
        finally:
            self._measures.waiting -= 1
            self._measures.waited_s += clock() - start

    def _ready(self, wish: Wish) -> list[Backend]:
        return [backend for backend in self.backends if backend not in wish.tried]


def _begun(ready: list[Backend], wish: Wish) -> Turn | None:
    """A turn at the least busy one with a place; of equals, the one with fewest before."""
    for backend in sorted(ready, key=lambda one: (one.under_way, one.begun)):
        line = backend.begin(fresh=wish.fresh, own=wish.own)
        if line is not None:
            return Turn(backend, line)
    return None
