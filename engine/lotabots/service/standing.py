"""How things stand: what was done, what the bots have to do, what the gates wait for, and whom."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lotabots.policy.breaker import CLOSED, Breaker, Phase
from lotabots.policy.moment import moment
from lotabots.policy.project_broker import (
    ATTEMPTS,
    CONTROL,
    DECISIONS,
    EVENTS,
    OUTCOMES,
    RETRY,
    WORK,
)
from lotabots.policy.waiting import waiting
from lotabots.runtime.guard import breaker_subject, read_note
from lotabots.service.answers import VERSION, RefusedError
from lotabots.service.naming import MOST_WORDS, called, named, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lotabots.adapters.nats.archive import Archive
    from lotabots.model.bot import Bot
    from lotabots.model.fleet import Fleet
    from lotabots.policy.rules import Policy
    from lotabots.runtime.onlooker import Onlooker
    from lotabots.runtime.ports import Clock
    from lotabots.runtime.switches import Follower, Switches, Word
    from lotabots.service.naming import Waits

KEYS_OF_GATE: Final = 20
"""Keys of one gate that `status` names, those that were touched last."""

MAX_FOUND: Final = 100
"""Approvals that one answer lists."""

ROOM: Final = 512 * 1024
"""Bytes of all rows of an answer: who sends events says how long their keys are, and the server
takes no answer of more than a megabyte."""


class Standing:
    """Answers questions about the present. Every method raises BusError without an answer."""

    def __init__(
        self,
        archive: Archive,
        onlooker: Onlooker,
        follower: Follower,
        *,
        fleet: Fleet,
        policy: Policy,
        clock: Clock,
        about: Mapping[str, str],
    ) -> None:
        self._archive = archive
        self._onlooker = onlooker
        self._follower = follower
        self._fleet = fleet
        self._policy = policy
        self._clock = clock
        self._about = about

    async def status(self) -> dict[str, Any]:
        """What the service has accepted, decided, queued and finished, and what it waits for."""
        streams = (EVENTS, DECISIONS, WORK, ATTEMPTS, OUTCOMES)
        switches = await self._follower.follow()
        found, behind = await self._waits()
        shown = self._newest_of_each(found)
        return {
            "version": VERSION,
            **self._about,
            "at": self._clock.now(),
            "messages": {stream: await self._archive.count(stream) for stream in streams},
            "dead_letters": len(await self._archive.subjects(OUTCOMES, "lb.out.dead.>")),
            "rollout": self._rollout(switches),
            "bots": await self._bots(switches),
            "gates": shown,
            "gates_left_out": dict(
                Counter(one.waiting.gate for one in found) - Counter(row["gate"] for row in shown)
            ),
            "gates_behind": behind,
        }

    async def approvals(self, words: Sequence[str]) -> dict[str, Any]:
        """What waits for a person's approval and is called by all of `words`; without any, all.

        If nothing is called so, `near` has what looks most like it.

        Raises:
            RefusedError: those are too many words.
        """
        if len(words) > MOST_WORDS:
            raise RefusedError(f"what waits is called by at most {MOST_WORDS} words")
        found, behind = await self._waits()
        asked = [one for one in found if one.waiting.approval is not None]
        rows = called(asked, words)
        shown = _rows(rows[:MAX_FOUND], ROOM)
        return {
            "version": VERSION,
            "approvals": shown,
            "left_out": len(rows) - len(shown),
            "near": [] if rows else [_row(one) for one in nearest(asked, words)],
            "gates_behind": behind,
        }

    async def _waits(self) -> tuple[list[Waits], bool]:
        sight = await self._onlooker.look()
        rows = waiting(self._fleet, self._policy, sight.state, self._clock.now())
        return named(rows), sight.behind

    def _newest_of_each(self, found: Sequence[Waits]) -> list[dict[str, Any]]:
        """The first keys of every gate; they come with those first that were touched last."""
        room = ROOM // max(1, len(self._fleet.gates))
        gates = (list(rows) for _, rows in groupby(found, key=lambda one: one.waiting.gate))
        return [row for rows in gates for row in _rows(rows[:KEYS_OF_GATE], room)]

    def _rollout(self, switches: Switches) -> dict[str, Any]:
        word = switches.rollout if switches.phase else None
        rules = self._policy.rollout
        return {"phase": switches.phase or rules, "rules": rules, "word": _told(word)}

    async def _bots(self, switches: Switches) -> dict[str, dict[str, Any]]:
        queued = await self._archive.subjects(WORK, ">")
        running = await self._archive.taken(WORK)
        outside = await self._outside()
        breakers = await self._breakers()
        return {
            bot.name: {
                "phase": bot.phase,
                "enabled": bot.enabled,
                "disabled": _told(_off(switches, bot)),
                "in_service": bot.enabled
                and _off(switches, bot) is None
                and self._serves(bot, switches),
                "breaker": breakers.get(bot.name, CLOSED).phase.value,
                "breaker_until": _until(breakers.get(bot.name, CLOSED)),
                "queued": queued.get(f"lb.work.{bot.name}", 0) - running.get(bot.name, 0),
                "running": running.get(bot.name, 0),
                "waiting": outside.get(bot.name, 0),
            }
            for bot in self._fleet.bots
        }

    def _serves(self, bot: Bot, switches: Switches) -> bool:
        return self._policy.rolled_out(bot.phase, switches.phase)

    async def _outside(self) -> Counter[str]:
        """Jobs outside the queues: those that pause before an attempt, or found the queue full."""
        found: Counter[str] = Counter()
        for subject, count in (await self._archive.subjects(RETRY, ">")).items():
            found[subject.split(".")[2]] += count
        return found

    async def _breakers(self) -> dict[str, Breaker]:
        """Every breaker that ever moved."""
        found = {}
        for subject in await self._archive.subjects(CONTROL, breaker_subject("*")):
            stored = await self._archive.last(CONTROL, subject)
            if stored is not None:
                note = read_note(stored.body)
                found[note.bot] = note.breaker
        return found


def _off(switches: Switches, bot: Bot) -> Word | None:
    """The word that disabled `bot`, if it counts."""
    word = switches.bots.get(bot.name)
    return word if word is not None and word.disabled else None


def _told(word: Word | None) -> dict[str, Any] | None:
    return None if word is None else {"by": word.by, "at": word.at, "reason": word.reason}


def _until(breaker: Breaker) -> Any:  # noqa: ANN401 - a time or nothing
    return None if breaker.phase is Phase.CLOSED else moment(breaker.until)


def _rows(found: Sequence[Waits], room: int) -> list[dict[str, Any]]:
    """The first rows, as many as have room."""
    rows = []
    for one in found:
        row = _row(one)
        room -= len(_ENCODER.encode(row))
        if room < 0:
            break
        rows.append(row)
    return rows


def _row(one: Waits) -> dict[str, Any]:
    row: dict[str, Any] = {
        field: getattr(one.waiting, field) for field in one.waiting.__struct_fields__
    }
    return row | {"name": one.name if one.waiting.approval is not None else ()}


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
