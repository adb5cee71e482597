"""What operators switched: which bots are off, and how far the rollout is.

Each word of an operator is a record in the control stream, and so in the audit log, before it
counts. What counts is one message in the state stream, which is kept for ever: for each bot and
for the rollout the word whose record came last. Engines follow it, workers ask before each run.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct, field, structs

from lotabots.diagnostics import codes
from lotabots.model.rollout import rolled_out
from lotabots.policy.project_broker import CONTROL, STATE
from lotabots.policy.state import with_disabled, with_rollout
from lotabots.runtime.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Collection

    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet, Settings
    from lotabots.policy.state import State
    from lotabots.runtime.engine import Board
    from lotabots.runtime.ledger import Ledger

POLL_S: Final = 0.5
"""How often an engine looks for what was switched by way of another one."""

SUBJECT: Final = "lb.state.switches"


class Word(Struct, frozen=True, kw_only=True):
    """What an operator said, and why: about `bot`, or without one about the rollout.

    An empty `phase` leaves the rollout to the rules. `record` is the sequence of the record; the
    record itself has 0.
    """

    by: str
    at: datetime
    reason: str = ""
    bot: str = ""
    disabled: bool = False
    phase: str = ""
    record: int = 0

    @property
    def said(self) -> str:
        """Whose word it is, and why, for people."""
        return f"{self.by}: {self.reason}" if self.reason else self.by


class Switches(Struct, frozen=True):
    """The last word about each bot, and about the rollout."""

    bots: dict[str, Word] = field(default_factory=dict)
    rollout: Word | None = None

    @property
    def phase(self) -> str:
        """The last phase in service, by an operator's word; empty for what the rules say."""
        return self.rollout.phase if self.rollout is not None else ""

    def about(self, bot: str) -> Word | None:
        """The last word about `bot`, or about the rollout if that is empty."""
        return self.bots.get(bot) if bot else self.rollout


class Stop(NamedTuple):
    """Why a bot begins nothing, with the code of decisions for that."""

    code: str
    reason: str


def switched(state: State, switches: Switches, bots: frozenset[str]) -> State:
    """`state` as the operators' words want it; words about others than `bots` are left out."""
    for name in sorted(bots):
        word = switches.bots.get(name)
        disabled = word is not None and word.disabled
        if disabled or state.bot(name).disabled:
            said = word.said if word is not None else ""
            state = with_disabled(state, name, disabled=disabled, said=said)
    said = switches.rollout.said if switches.rollout is not None else ""
    return with_rollout(state, switches.phase, said=said)


def stop_of(switches: Switches, bot: Bot, settings: Settings) -> Stop | None:
    """Why `bot` is to begin nothing by an operator's word; None if nobody said so."""
    word, rollout = switches.bots.get(bot.name), switches.rollout
    if word is not None and word.disabled:
        return Stop(codes.BOT_DISABLED.code, f"`{bot.name}` is disabled by {word.said}")
    phases = tuple(phase.name for phase in settings.phases)
    if rollout is None or rolled_out(phases, bot.phase, rollout=rollout.phase):
        return None
    reason = f"the rollout is `{rollout.phase}` by {rollout.said}"
    return Stop(codes.NOT_ROLLED_OUT.code, reason)


class Switchboard:
    """Reads and writes what operators switched."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def read(self) -> Switches:
        """What counts now."""
        switches, _ = await self._read()
        return switches

    async def say(self, word: Word) -> Switches:
        """Put `word` on record, then let it count, unless a later one does; what counts then."""
        (ack,) = await self._ledger.store([_record(word)])
        return await self._let_count(structs.replace(word, record=ack.seq))

    async def catch_up(self, bots: Collection[str]) -> Switches:
        """Let the last words on record count: who wrote one may have been killed before it did."""
        for bot in ("", *bots):
            stored = await self._ledger.last(CONTROL, _subject(bot))
            if stored is not None:
                word = msgspec.json.decode(stored.body, type=Word)
                await self._let_count(structs.replace(word, record=stored.sequence))
        return await self.read()

    async def _let_count(self, word: Word) -> Switches:
        while True:
            switches, sequence = await self._read()
            last = switches.about(word.bot)
            if last is not None and last.record >= word.record:
                return switches
            switches = _with(switches, word)
            since = {"Nats-Expected-Last-Subject-Sequence": str(sequence)}
            body = msgspec.json.encode(switches)
            (ack,) = await self._ledger.store([Outgoing(SUBJECT, body, since)])
            if not ack.conflict:
                return switches

    async def _read(self) -> tuple[Switches, int]:
        stored = await self._ledger.last(STATE, SUBJECT)
        if stored is None:
            return Switches(), 0
        return _SWITCHES.decode(stored.body), stored.sequence


class Attendant:
    """Tells workers which bots begin nothing: each time anew, so that a word counts at once."""

    def __init__(self, switchboard: Switchboard, settings: Settings) -> None:
        self._switchboard = switchboard
        self._settings = settings

    async def stop(self, bot: Bot, /) -> Stop | None:
        """See `lotabots.runtime.worker.Halt`."""
        return stop_of(await self._switchboard.read(), bot, self._settings)


class Follower:
    """Keeps the board of an engine as the operators' words want it."""

    def __init__(self, switchboard: Switchboard, board: Board, fleet: Fleet) -> None:
        self._switchboard = switchboard
        self._board = board
        self._bots = frozenset(bot.name for bot in fleet.bots)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            await self.follow()

    async def begin(self) -> None:
        """What to do before the first decision."""
        await self._switchboard.catch_up(self._bots)
        await self.follow()

    async def follow(self) -> Switches:
        """Do once what `run` does again and again."""
        switches = await self._switchboard.read()
        self._board.state = switched(self._board.state, switches, self._bots)
        return switches

    async def say(self, word: Word) -> Switches:
        """Let a word count, for this engine at once."""
        await self._switchboard.say(word)
        return await self.follow()


def _with(switches: Switches, word: Word) -> Switches:
    if not word.bot:
        return Switches(switches.bots, word)
    return Switches(dict(sorted({**switches.bots, word.bot: word}.items())), switches.rollout)


def _record(word: Word) -> Outgoing:
    subject = _subject(word.bot)
    named = f"{word.by}/{subject}/{word.at.isoformat()}"
    return Outgoing(subject, msgspec.json.encode(word), {"Nats-Msg-Id": named})


def _subject(bot: str) -> str:
    return f"lb.ctl.engine.bot.{bot}" if bot else "lb.ctl.engine.rollout"


_SWITCHES: Final = msgspec.json.Decoder(Switches)
