"""The breakers of the bots, shared by all workers: one record each, moved by compare and swap.

Every move is a message in the control stream, so the audit log has the whole story of a breaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from lotabots.policy.breaker import CLOSED, Breaker, Phase, Signal, lets_through, moved
from lotabots.policy.moment import moment
from lotabots.policy.project_broker import CONTROL
from lotabots.runtime.ports import Outgoing

if TYPE_CHECKING:
    from datetime import datetime

    from lotabots.model.bot import Bot
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Clock


class BreakerNote(Struct, frozen=True):
    """A move of a breaker, and where it is since then."""

    bot: str
    signal: Signal
    breaker: Breaker


class Guard:
    """Asks and tells the breakers."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def closed_until(self, bot: Bot) -> datetime | None:
        """When a job of `bot` may ask again; None if it may run now (perhaps as the probe)."""
        while True:
            now = self._clock.now()
            breaker, sequence = await self._read(bot.name)
            if breaker.phase is Phase.CLOSED:
                return None
            if not lets_through(breaker, now=now):
                return moment(breaker.until)
            asked = moved(breaker, Signal.ASK, policy=bot.constraints.breaker, now=now)
            if await self._write(bot.name, Signal.ASK, asked, sequence):
                return None

    async def tell(self, bot: Bot, signal: Signal) -> None:
        """A run of `bot` went well, or broke."""
        while True:
            breaker, sequence = await self._read(bot.name)
            policy = bot.constraints.breaker
            after = moved(breaker, signal, policy=policy, now=self._clock.now())
            if after == breaker or await self._write(bot.name, signal, after, sequence):
                return

    async def _read(self, bot: str) -> tuple[Breaker, int]:
        stored = await self._ledger.last(CONTROL, breaker_subject(bot))
        if stored is None:
            return CLOSED, 0
        return read_note(stored.body).breaker, stored.sequence

    async def _write(self, bot: str, signal: Signal, breaker: Breaker, sequence: int) -> bool:
        """Whether nobody moved the breaker in between."""
        body = msgspec.json.encode(BreakerNote(bot, signal, breaker))
        since = {"Nats-Expected-Last-Subject-Sequence": str(sequence)}
        (ack,) = await self._ledger.store([Outgoing(breaker_subject(bot), body, since)])
        return not ack.conflict


def breaker_subject(bot: str) -> str:
    """The subject on which the moves of a bot's breaker are stored."""
    return f"lb.ctl.runner.breaker.{bot}"


def read_note(body: bytes) -> BreakerNote:
    """The move that a message on `breaker_subject` records.

    Raises:
        msgspec.MsgspecError: it is not one of ours.
    """
    return _NOTE.decode(body)


_NOTE: Final = msgspec.json.Decoder(BreakerNote)
