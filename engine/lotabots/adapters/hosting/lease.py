"""What was given for a time only, and is taken back when that time is over."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lotabots.runtime.ports import Clock

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""How often the clock is looked at: it may be set, or stand still while the machine sleeps."""

AGAIN_S: Final = 30.0
"""After a failure to take back."""


class Lease:
    """Calls `ended` when the time of the last `extend` is over; until that succeeds, again."""

    def __init__(self, clock: Clock, ended: Callable[[], Awaitable[None]]) -> None:
        self._clock = clock
        self._ended = ended
        self._task: asyncio.Task[None] | None = None

    def moment(self, seconds: int) -> str:
        """The time in so many seconds, as `extend` takes it."""
        return (self._clock.now() + timedelta(seconds=seconds)).isoformat(timespec="seconds")

    def is_over(self, until: str) -> bool:
        """Whether that time has come; what has no end is never over."""
        return bool(until) and self._clock.now() >= datetime.fromisoformat(until)

    def extend(self, until: str) -> None:
        """From now on only `until` counts; empty: there is no end. Not from within `ended`."""
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._wait(until)) if until else None

    async def stop(self) -> None:
        """Nothing ends any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _wait(self, until: str) -> None:
        while not self.is_over(until):  # noqa: ASYNC110 - a clock on the wall has no event for it
            await asyncio.sleep(LOOK_S)
        while True:
            try:
                await self._ended()
            except OSError as error:
                log.error("lease.failed", extra={"why": str(error)})  # noqa: TRY400 - says it all
                await asyncio.sleep(AGAIN_S)
            else:
                return
