"""The instances of one release, kept at their number.

An instance that ends by itself is started again, later each time it happens soon; but not one of a
candidate, whose end is what a check must see.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from lotabots.adapters.executor.exchange import to_the_end
from lotabots.adapters.hosting.instances import FailedError
from lotabots.adapters.hosting.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lotabots.adapters.hosting.instances import Instance

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 30.0
CALM_S: Final = 60.0
"""An instance that lived so long was well: the next pause is short again."""


class Pool:
    """Instances of `release`; `changed` is awaited whenever one went or came by itself."""

    def __init__(
        self,
        release: str,
        start: Callable[[], Awaitable[Instance]],
        *,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.release = release
        self.kept = False
        """Whether instances that ended are started again."""

        self.last_words = ""
        """How the last instance that ended by itself did so."""

        self._start = start
        self._changed = changed
        self._slots: list[_Slot] = []

    @property
    def instances(self) -> list[Instance]:
        """Those that run."""
        return [slot.instance for slot in self._slots if slot.instance is not None]

    @property
    def upstreams(self) -> list[Upstream]:
        """Where they answer."""
        return [Upstream(self.release, instance.port) for instance in self.instances]

    async def grow(self, number: int) -> None:
        """Bring it to at least `number` instances, all of them answering.

        Raises:
            FailedError: one does not come up; then the number is what it was.
        """
        starts = [asyncio.ensure_future(self._start()) for _ in range(number - len(self._slots))]
        try:
            good = [await start for start in starts]
        except BaseException:
            await to_the_end(_undo(starts))
            raise
        self._slots += [_Slot(self, instance) for instance in good]

    def insist(self, number: int) -> None:
        """Bring it to at least `number` instances in the background, however often that fails."""
        self.kept = True
        self._slots += [_Slot(self, None) for _ in range(number - len(self._slots))]

    def detach(self, number: int) -> Pool:
        """Take away what is more than `number`; they run on in a pool of their own until stopped.

        Those that do not run at the moment go first.
        """
        order = sorted(self._slots, key=lambda slot: slot.instance is None)
        self._slots, others = order[:number], order[number:]
        gone = Pool(self.release, self._start, changed=_nothing)
        gone._slots = others
        for slot in others:
            slot.pool = gone
        return gone

    async def stop(self) -> None:
        """End all."""
        slots, self._slots = self._slots, []
        await asyncio.gather(*(slot.close() for slot in slots))

    async def start(self) -> Instance:
        """One more instance, for a slot."""
        return await self._start()

    async def ended(self, slot: _Slot, how: str) -> None:
        """The instance of `slot` ended by itself; without a return, so does the slot."""
        self.last_words = how
        if not self.kept and slot in self._slots:
            self._slots.remove(slot)
        await self._changed()

    async def came_back(self) -> None:
        """A slot has an instance again."""
        await self._changed()


class _Slot:
    """One place of a pool, with the task that looks after it."""

    def __init__(self, pool: Pool, instance: Instance | None) -> None:
        self.pool = pool
        self.instance = instance
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if self.instance is not None:
            await self.instance.stop()
            self.instance = None

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            if self.instance is not None:
                since = clock()
                how = await self.instance.end()
                failures = 0 if clock() - since > CALM_S else failures
                fields = {"release": self.pool.release, "how": how, "log": self.instance.tail()}
                log.warning("instance.ended", extra=fields)
                self.instance = None
                await self.pool.ended(self, how)
                if not self.pool.kept:
                    return
                await asyncio.sleep(pause(failures))
                failures += 1
            try:
                self.instance = await self.pool.start()
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody else would try again
                said = error.log if isinstance(error, FailedError) else ""
                fields = {"release": self.pool.release, "why": str(error), "log": said}
                log.warning("instance.failed", extra=fields)
                await asyncio.sleep(pause(failures))
                failures += 1
            else:
                await self.pool.came_back()


def pause(failures: int) -> float:
    """Seconds to wait before a start after so many failures in a row.

    >>> [pause(n) for n in (0, 1, 2, 100)]
    [0.1, 0.2, 0.4, 30.0]
    """
    return min(FIRST_PAUSE_S * 2.0 ** min(failures, 16), LONGEST_PAUSE_S)


async def _undo(starts: Sequence[asyncio.Future[Instance]]) -> None:
    """Leave no instance of starts that are not wanted any more."""
    for one in starts:
        one.cancel()
    for found in await asyncio.gather(*starts, return_exceptions=True):
        if not isinstance(found, BaseException):
            await found.stop()


async def _nothing() -> None:
    """Nobody wants to know."""
