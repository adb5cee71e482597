"""Schedules: the server keeps the time, the ticker turns what is due into events.

Each schedule trigger is one message that the server repeats by its cron; what it produces is taken
by one engine and published as ``schedule.tick`` under an id made of bot, action and due time. So a
due time starts an action at most once, however many engines run and whatever crashes.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw, Struct

from lotabots.model.bot import TriggerKind
from lotabots.model.envelope import Envelope, encode_envelope
from lotabots.model.names import SCHEDULE
from lotabots.policy.project_broker import event_subject
from lotabots.runtime.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lotabots.model.bot import Bot, Trigger
    from lotabots.model.fleet import Fleet
    from lotabots.runtime.ledger import Ledger
    from lotabots.runtime.ports import Delivery, Inlet

BATCH: Final = 50
TICK: Final = "schedule.tick"
_SUNDAY: Final = 7


class Tick(Struct, frozen=True):
    """What a schedule message says: whose action is due."""

    bot: str
    action: str


class Ticker:
    """Publishes what is due. `key` is the engine's secret, from which the events' ids are made."""

    def __init__(self, *, inlet: Inlet, ledger: Ledger, key: bytes) -> None:
        self._inlet = inlet
        self._ledger = ledger
        self._key = key

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await self.handle(await self._inlet.take(BATCH))

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """Publish a batch of ticks and acknowledge them."""
        await self._ledger.store([self._event(delivery) for delivery in deliveries])
        await self._inlet.ack(deliveries)

    def _event(self, delivery: Delivery) -> Outgoing:
        tick = _TICK.decode(delivery.body)
        due = due_of(delivery.stored_at)
        payload = {"action": tick.action, "due": due}
        named = f"{tick.bot}\0{tick.action}\0{due.isoformat()}".encode()
        event = Envelope(
            id=hmac.new(self._key, named, sha256).hexdigest(),
            timestamp=delivery.stored_at,
            source=SCHEDULE,
            destination=tick.bot,
            type=TICK,
            payload=Raw(msgspec.json.encode(payload)),
        )
        once = {"Nats-Msg-Id": event.id}
        return Outgoing(event_subject(SCHEDULE, TICK), encode_envelope(event), once)


def due_of(produced: datetime) -> datetime:
    """The due time of a message that the server produced then: cron times are whole seconds."""
    return produced - timedelta(microseconds=produced.microsecond)


def schedule_messages(fleet: Fleet) -> list[Outgoing]:
    """The schedules that the server keeps for `fleet`, in the order of their subjects."""
    found = (m for bot in fleet.bots if bot.enabled for m in _schedules_of(bot))
    return sorted(found, key=lambda message: message.subject)


def _schedules_of(bot: Bot) -> Iterator[Outgoing]:
    for trigger in bot.triggers:
        action = bot.action(trigger.action)
        if trigger.kind is TriggerKind.SCHEDULE and action is not None:
            yield _schedule(bot.name, action.name, trigger)


def _schedule(bot: str, action: str, trigger: Trigger) -> Outgoing:
    """The subject is made of what it does and when: two that are the same are one."""
    what = f"{action}\0{trigger.cron}\0{trigger.timezone}".encode()
    place = f"{bot}.{sha256(what).hexdigest()[:16]}"
    headers = {
        "Nats-Schedule": cron_of(trigger.cron),
        "Nats-Schedule-Target": f"lb.tick.{place}",
        "Nats-Schedule-Time-Zone": trigger.timezone,
    }
    return Outgoing(f"lb.cron.{place}", msgspec.json.encode(Tick(bot, action)), headers)


def cron_of(text: str) -> str:
    """The server's six fields for our five: on the full minute, and Sunday is 0, never 7.

    >>> cron_of("*/5 8-18 * * 1-5"), cron_of("0 6 * * 5-7")
    ('0 */5 8-18 * * 1-5', '0 0 6 * * 5,6,0')
    """
    *others, weekday = text.split()
    return " ".join(["0", *others, ",".join(map(_weekday, weekday.split(",")))])


def _weekday(text: str) -> str:
    days, _, step = text.partition("/")
    first, _, last = days.partition("-")
    if str(_SUNDAY) not in (first, last):
        return text
    every = range(int(first), int(last or first) + 1, int(step or 1))
    return ",".join(str(day % _SUNDAY) for day in every)


_TICK: Final = msgspec.json.Decoder(Tick)
