"""The end of instances that are not served any more: their requests end first, within a bound."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from lotabots.adapters.hosting.upstream import Backend


class Drained(NamedTuple):
    """How a drain ended: after `seconds`, with `cut` requests that were broken off at the bound."""

    seconds: float
    cut: int


class Drain:
    """Requests under way on instances that a switch has left behind.

    Await it for how it ended; it goes on by itself whether or not anybody waits. Afterwards the
    front has no connection to these instances, and they may be stopped.
    """

    def __init__(self, backends: Sequence[Backend], *, bound_s: float) -> None:
        self._backends = tuple(backends)
        self._bound_s = bound_s
        self._task = asyncio.create_task(self._run())

    def __await__(self) -> Generator[object, None, Drained]:
        return asyncio.shield(self._task).__await__()

    @property
    def under_way(self) -> int:
        """Requests that have not ended yet."""
        return sum(backend.under_way for backend in self._backends)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    def hurry(self) -> None:
        """Break off now what is under way; for a front that is closed."""
        for backend in self._backends:
            backend.abandon()

    async def _run(self) -> Drained:
        clock = asyncio.get_running_loop().time
        start = clock()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._bound_s):
                for backend in self._backends:
                    await backend.idle()
        cut = self.under_way
        for backend in self._backends:
            await backend.close()
        return Drained(clock() - start, cut)
