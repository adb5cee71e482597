from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.puller import Puller
from lotabots.adapters.nats.reader import Reader
from lotabots.policy.project_broker import CRON
from lotabots.runtime.ledger import Ledger
from lotabots.runtime.ports import Outgoing
from lotabots.runtime.ticker import Ticker, cron_of, due_of, schedule_messages
from lotabots.service.schedules import keep_schedules
from lotabots.service.workspace import open_workspace
from running import running

if TYPE_CHECKING:
    from pathlib import Path

    from running import Running


@pytest.mark.parametrize(
    ("ours", "servers"),
    [
        ("* * * * *", "0 * * * * *"),
        ("*/5 8-18 * * 1-5", "0 */5 8-18 * * 1-5"),
        ("0 6 1,15 * 7", "0 0 6 1,15 * 0"),
        ("0 6 * * 5-7", "0 0 6 * * 5,6,0"),
        ("0 6 * * 1-7/2", "0 0 6 * * 1,3,5,0"),
        ("0 6 * * 1,7", "0 0 6 * * 1,0"),
    ],
)
def test_five_cron_fields_become_the_six_of_the_server(ours: str, servers: str):
    assert cron_of(ours) == servers


def test_the_due_time_is_the_whole_second():
    at = datetime(2026, 3, 1, 12, 0, 0, 31_000, tzinfo=UTC)
    assert due_of(at) == at.replace(microsecond=0)


async def test_a_schedule_starts_its_action_once_for_each_due_time(root: Path):
    _with_schedule(root)
    (every_minute,) = schedule_messages(open_workspace(root).checked.fleet)
    async with running(root) as service:
        # The same message with a cron that a test can wait for, and a second engine's ticker.
        assert every_minute.headers is not None
        often = every_minute.headers | {"Nats-Schedule": "* * * * * *"}
        ledger = await _ledger(service, "engine")
        await ledger.store([Outgoing(every_minute.subject, every_minute.body, often)])
        client = await service.client("engine")
        inlet = Puller(client, stream=CRON, consumer="TICKS")
        await inlet.start()
        other = Ticker(inlet=inlet, ledger=ledger, key=service.service.folder.engine_key())
        task = asyncio.create_task(other.run())
        await service.until_count(3, "LB_OUTCOMES", "lb.out.done.SlowBot.>")
        task.cancel()
        events = await service.bodies("LB_EVENTS", "lb.ev.engine.schedule.schedule.tick")
        decisions = await service.bodies("LB_DECISIONS")
    due = [datetime.fromisoformat(event["payload"]["due"]) for event in events]
    assert len(set(due)) == len(due)
    assert due[2] - due[0] == timedelta(seconds=2)
    assert {event["destination"] for event in events} == {"SlowBot"}
    assert all(len(row["jobs"]) == 1 for row in decisions)


async def test_a_tick_that_is_delivered_again_is_the_same_event(root: Path):
    async with running(root, roles=("audit",)) as service:
        ledger = await _ledger(service, "engine")
        client = await service.client("engine")
        inlet = Puller(client, stream=CRON, consumer="TICKS")
        await inlet.start()
        ticker = Ticker(inlet=inlet, ledger=ledger, key=b"k" * 32)
        body = b'{"bot":"SlowBot","action":"dawdle"}'
        schedule = {"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "lb.tick.SlowBot.x"}
        await ledger.store([Outgoing("lb.cron.SlowBot.x", body, schedule)])
        deliveries = await inlet.take(1)
        await ticker.handle(deliveries)
        await ticker.handle(deliveries)
        assert await service.count("LB_EVENTS") == 1


async def test_schedules_are_brought_to_what_the_rules_say(root: Path):
    _with_schedule(root)
    wanted = schedule_messages(open_workspace(root).checked.fleet)
    subject = wanted[0].subject
    async with running(root, roles=("audit",)) as service:
        admin = await service.client("admin")
        ledger = await _ledger(service, "engine")
        first = await ledger.last(CRON, subject)
        assert first is not None
        await keep_schedules(admin, ledger, wanted)
        assert await ledger.last(CRON, subject) == first, "one that is there is not touched"
        await keep_schedules(admin, ledger, [])
        assert await ledger.last(CRON, subject) is None
        await keep_schedules(admin, ledger, wanted)
        assert await ledger.last(CRON, subject) is not None


def _with_schedule(root: Path) -> None:
    path = root / "rules/bots/slowbot.yaml"
    triggers = '{type: schedule, cron: "* * * * *", timezone: Europe/Berlin, action: dawdle}'
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("slow.asked}]", f"slow.asked}}, {triggers}]"), encoding="utf-8")


async def _ledger(service: Running, user: str) -> Ledger:
    client: Any = await service.client(user)
    publisher = Publisher(client)
    await publisher.start()
    return Ledger(publisher, Reader(client), name=user)
