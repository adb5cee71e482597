"""Dead letters queued again: as a new job that names the old one, once, on an operator's word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from lotabots.policy.contract import Job
from lotabots.policy.project_broker import ATTEMPTS, OUTCOMES
from lotabots.runtime.ports import ONLY_FIRST, Outgoing
from lotabots.runtime.worker import Outcome
from lotabots.service.answers import VERSION, UnknownIdError

if TYPE_CHECKING:
    from lotabots.runtime.dispatcher import Dispatcher
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock


class Redriver:
    """Queues dead letters again."""

    def __init__(self, *, ledger: Ledger, dispatcher: Dispatcher, clock: Clock) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._clock = clock

    async def redrive(self, wanted: str, *, by: str) -> dict[str, Any]:
        """Queue the job of the dead letter of job `wanted` again, on the word of `by`.

        Raises:
            UnknownIdError: there is no such dead letter, or it was redriven before.
        """
        # A name with a wildcard would be that of any dead letter.
        named = _JOB.fullmatch(wanted) is not None
        stored = await self._ledger.last(OUTCOMES, f"lb.out.dead.*.{wanted}") if named else None
        if stored is None:
            raise UnknownIdError(f"no dead letter is called `{wanted}`")
        outcome = msgspec.json.decode(stored.body, type=Outcome)
        assert isinstance(outcome.message, Job)  # noqa: S101 - dead letters hold their job
        again = structs.replace(outcome.message, job=f"{wanted}-again", attempt=1)
        note = {"job": wanted, "again": again.job, "by": by, "at": self._clock.now().isoformat()}
        subject = f"lb.ctl.engine.redrive.{wanted}"
        (ack,) = await self._ledger.store(
            [Outgoing(subject, msgspec.json.encode(note), ONLY_FIRST)]
        )
        begun = f"lb.att.{again.bot}.{again.job}.1.started"
        if ack.conflict and await self._ledger.last(ATTEMPTS, begun) is not None:
            raise UnknownIdError(f"`{wanted}` was redriven before, as `{again.job}`")
        # Also after a conflict: whoever noted it first may have been killed before this line.
        await self._dispatcher.queue([again])
        return {"version": VERSION, **note}


_JOB: Final = re.compile(r"[a-z0-9-]{1,255}", re.ASCII)
"""A job's id: letters of base32, and ``-again`` for each time that it was redriven."""
