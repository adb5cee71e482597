"""Puts jobs into the queues of their bots; what does not fit waits outside, holding up nobody.

A queue takes as many jobs as its cap. One more is stored on ``lb.due.<bot>``, where it waits
without a lease and without the event it came from; the bot's `Mover` brings it in when there is
room. So a bot that is full costs the others nothing, and no decision waits for a queue.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from lotabots.runtime.record import waiting_message, work_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lotabots.policy.contract import Job
    from lotabots.runtime.ledger import Ledger

FULL_S: Final = 1.0
"""How long jobs of a bot whose queue was full are not even tried there.

Those that wait already come first then, or a flood would overtake them for ever.
"""


class Dispatcher:
    """Queues jobs for all bots."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._full_until: dict[str, float] = {}

    async def queue(self, jobs: Sequence[Job]) -> None:
        """Store every job in its bot's queue, or where it waits for that; once by its attempt."""
        if not jobs:
            return
        now = asyncio.get_running_loop().time()
        full = {bot for bot, until in self._full_until.items() if until > now}
        messages = [waiting_message(j) if j.bot in full else work_message(j) for j in jobs]
        acks = await self._ledger.store(messages)
        left = [job for job, ack in zip(jobs, acks, strict=True) if ack.full]
        for job in left:
            self._full_until[job.bot] = now + FULL_S
        await self._ledger.store([waiting_message(job) for job in left])
