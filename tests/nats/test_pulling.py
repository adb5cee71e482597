"""The puller: what it asks for, it gets; it never holds more; it outlives connections."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from fleet_server import PATIENCE_S, NatsFleet, ask, until
from lotabots.adapters.nats import puller as pulling
from lotabots.adapters.nats.connection import set_up, settle
from lotabots.adapters.nats.delivery import delivery_of
from lotabots.adapters.nats.puller import Puller
from lotabots.policy.project_broker import EVENTS, WORK, Consumer, consumers
from lotabots.runtime.ports import Delivery, Outgoing

if TYPE_CHECKING:
    from nats.aio.client import Client

TICK = "lb.ev.engine.schedule.schedule.tick"


async def info(admin: Client, stream: str, consumer: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        await ask(admin, f"$JS.API.CONSUMER.INFO.{stream}.{consumer}", patience=PATIENCE_S)
    )
    return answer


async def out(admin: Client, stream: str, consumer: str) -> int:
    """How many messages of a consumer somebody holds."""
    count: int = (await info(admin, stream, consumer))["num_ack_pending"]
    return count


async def queue(nats_fleet: NatsFleet, count: int, bot: str = "BuildBot") -> None:
    publisher = await nats_fleet.publisher("engine")
    await publisher.publish_all([Outgoing(f"lb.work.{bot}", b"%d" % n) for n in range(count)])


async def ticks(nats_fleet: NatsFleet, count: int) -> None:
    publisher = await nats_fleet.publisher("engine")
    await publisher.publish_all([Outgoing(TICK, b"%d" % n) for n in range(count)])


async def take(puller: Puller, limit: int) -> list[Delivery]:
    return await asyncio.wait_for(puller.take(limit), PATIENCE_S)


async def test_messages_come_in_order_with_all_that_is_known_of_them(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    ack = await publisher.publish(Outgoing(TICK, b"body", {"Lotabots-Hops": "3"}))
    puller = await nats_fleet.puller("engine", EVENTS, "ENGINE", prefetch=10)
    (delivery,) = await take(puller, 10)
    assert delivery._replace(stored_at=delivery.stored_at.max, reply="") == Delivery(
        TICK, b"body", {"Lotabots-Hops": "3"}, EVENTS, ack.seq, 1, delivery.stored_at.max, ""
    )
    assert delivery.stored_at.tzinfo is not None


async def test_without_prefetch_nothing_is_taken_that_nobody_waits_for(nats_fleet: NatsFleet):
    admin = await nats_fleet.connect("admin")
    await set_up(admin, (), (Consumer(WORK, "BuildBot", "lb.work.BuildBot", 5),))
    await queue(nats_fleet, 5)
    puller = await nats_fleet.puller("runner", WORK, "BuildBot")
    for taken in range(1, 4):
        assert len(await take(puller, 1)) == 1
        assert await out(admin, WORK, "BuildBot") == taken
        assert (await info(admin, WORK, "BuildBot"))["num_waiting"] == 0


@pytest.mark.parametrize(("prefetch", "limit"), [(0, 1), (0, 7), (10, 3), (10, 25), (40, 40)])
async def test_never_more_is_out_than_was_asked_for(
    nats_fleet: NatsFleet, prefetch: int, limit: int
):
    admin = await nats_fleet.connect("admin")
    await ticks(nats_fleet, 200)
    puller = await nats_fleet.puller("engine", EVENTS, "ENGINE", prefetch=prefetch)
    seen: list[int] = []
    while len(seen) < 200:
        taken = await take(puller, limit)
        assert 1 <= len(taken) <= limit
        assert await out(admin, EVENTS, "ENGINE") <= len(taken) + max(prefetch, limit)
        seen += [delivery.sequence for delivery in taken]
        await puller.ack(taken)
        await settle(puller._client)
    assert seen == list(range(1, 201))


async def test_many_may_wait_at_once_and_each_message_goes_to_one(nats_fleet: NatsFleet):
    puller = await nats_fleet.puller("engine", EVENTS, "ENGINE", prefetch=30)
    seen: list[int] = []

    async def lane() -> None:
        while len(seen) < 300:
            taken = await puller.take(10)
            seen.extend(delivery.sequence for delivery in taken)
            await puller.ack(taken)

    lanes = [asyncio.create_task(lane()) for _ in range(3)]
    await ticks(nats_fleet, 300)
    await until(lambda: len(seen) >= 300)
    for task in lanes:
        task.cancel()
    assert sorted(seen) == list(range(1, 301))


async def test_a_message_given_back_comes_again(nats_fleet: NatsFleet):
    await queue(nats_fleet, 1)
    puller = await nats_fleet.puller("runner", WORK, "BuildBot")
    (first,) = await take(puller, 1)
    await puller.later(first, 0.05)
    (second,) = await take(puller, 1)
    assert (first.delivered, second.delivered, second.body) == (1, 2, first.body)


async def test_the_limit_of_a_bot_holds_over_all_who_serve_it(nats_fleet: NatsFleet):
    limit, jobs = 3, 40
    admin = await nats_fleet.connect("admin")
    await set_up(admin, (), (Consumer(WORK, "BuildBot", "lb.work.BuildBot", limit),))
    await queue(nats_fleet, jobs)
    held, most, done = 0, 0, 0
    full = asyncio.Event()

    async def serve(puller: Puller) -> None:
        nonlocal held, most, done
        while True:
            (job,) = await puller.take(1)
            held += 1
            most = max(most, held)
            if held == limit:
                assert await out(admin, WORK, "BuildBot") == limit
                full.set()
            await full.wait()  # nobody is done before as many as may are at work
            held -= 1
            done += 1
            await puller.ack([job])

    pullers = [await nats_fleet.puller("runner", WORK, "BuildBot") for _ in range(3)]
    tasks = [asyncio.create_task(serve(puller)) for puller in pullers for _ in range(2)]
    await until(lambda: done == jobs or any(task.done() for task in tasks))
    for task in tasks:
        task.cancel()
    assert (most, done) == (limit, jobs)


async def test_a_reconnected_client_holds_no_more_than_it_asked_for(nats_fleet: NatsFleet):
    """The server keeps a request over a short break; its answer must not come on top.

    It forgets the requests of an inbox that nobody hears any more a moment after the connection
    ended. What it hands out before that is lost with the connection, as ever.
    """
    admin = await nats_fleet.connect("admin")
    client = await nats_fleet.connect("runner")
    puller = Puller(client, stream=WORK, consumer="BuildBot")
    await puller.start()
    waiting = asyncio.create_task(puller.take(1))
    for breaks in range(1, 4):
        while (await info(admin, WORK, "BuildBot"))["num_waiting"] == 0:
            pass
        await client.force_reconnect()
        await until(lambda n=breaks: client.is_connected and client.stats["reconnects"] == n)
        puller.forget()
        await until(lambda: len(puller._requests) == 1)
    await settle(client)  # the last request is there
    while (await info(admin, WORK, "BuildBot"))["num_waiting"] != 1:
        pass
    await set_up(admin, (), (Consumer(WORK, "BuildBot", "lb.work.BuildBot", 6),))
    await queue(nats_fleet, 6)
    assert len(await asyncio.wait_for(waiting, PATIENCE_S)) == 1
    assert await out(admin, WORK, "BuildBot") == 1


async def test_a_connection_is_unsettled_at_first_and_when_it_was_made_anew(
    nats_fleet: NatsFleet,
):
    """Who has just begun knows as little as who came back which leases a dead server gave."""
    puller = await nats_fleet.puller("runner", WORK, "BuildBot")
    assert puller.unsettled(60)
    assert not puller.unsettled(0)
    nats_fleet.kill()
    await nats_fleet.server.died()
    await nats_fleet.server.start()
    await queue(nats_fleet, 1)
    before = asyncio.get_running_loop().time()
    await take(puller, 1)
    assert puller.unsettled(asyncio.get_running_loop().time() - before + 60)


async def test_pulling_goes_on_after_the_server_crashed(nats_fleet: NatsFleet):
    await ticks(nats_fleet, 30)
    puller = await nats_fleet.puller("engine", EVENTS, "ENGINE", prefetch=10)
    seen = {d.sequence for d in await take(puller, 10)}
    for _ in range(2):
        nats_fleet.kill()
        await nats_fleet.server.died()
        waiting = asyncio.create_task(take(puller, 10))
        await nats_fleet.server.start()
        seen |= {delivery.sequence for delivery in await waiting}
    await ticks(nats_fleet, 1)
    while max(seen) < 31:
        seen |= {delivery.sequence for delivery in await take(puller, 10)}
    assert seen == set(range(1, 32))


async def test_of_two_pinned_clients_one_is_served_and_the_other_takes_over(nats_fleet: NatsFleet):
    first = await nats_fleet.puller("engine", EVENTS, "GATES", prefetch=10, pinned=True)
    await ticks(nats_fleet, 5)
    seen = await take(first, 10)
    second = await nats_fleet.puller("engine", EVENTS, "GATES", prefetch=10, pinned=True)
    waiting = asyncio.create_task(take(second, 10))
    await ticks(nats_fleet, 5)
    while len(seen) < 10:
        seen += await take(first, 10)
    assert [delivery.sequence for delivery in seen] == list(range(1, 11))
    assert not waiting.done()
    await first.ack(seen)
    await first._client.close()
    await ticks(nats_fleet, 5)
    taken = await waiting
    while len(taken) < 5:
        taken += await take(second, 10)
    assert [delivery.sequence for delivery in taken] == list(range(11, 16))


async def test_a_client_that_lost_its_pin_asks_for_another(nats_fleet: NatsFleet):
    """Status 423."""
    client = await nats_fleet.connect("engine")
    puller = await nats_fleet.puller("engine", EVENTS, "GATES", pinned=True)
    await ticks(nats_fleet, 1)
    await puller.ack(await take(puller, 1))
    pin = puller._pin
    answer = await ask(client, f"$JS.API.CONSUMER.UNPIN.{EVENTS}.GATES", b'{"group":"one"}')
    assert b"error" not in answer
    await ticks(nats_fleet, 1)
    assert [delivery.sequence for delivery in await take(puller, 1)] == [2]
    assert pin != puller._pin != ""


async def test_a_request_whose_time_is_over_is_made_again(
    nats_fleet: NatsFleet, monkeypatch: pytest.MonkeyPatch
):
    """Status 408."""
    monkeypatch.setattr(pulling, "PULL_EXPIRES_S", 0.2)
    puller = await nats_fleet.puller("engine", EVENTS, "ENGINE", prefetch=5)
    waiting = asyncio.create_task(take(puller, 5))
    await until(lambda: puller._number >= 3)
    assert sum(request.left for request in puller._requests.values()) <= 5
    await ticks(nats_fleet, 1)
    assert [delivery.sequence for delivery in await waiting] == [1]


async def test_a_consumer_that_goes_and_comes_is_served_again_without_haste(nats_fleet: NatsFleet):
    """Status 409 when it is deleted, 503 while it is not there."""
    admin = await nats_fleet.connect("admin")
    puller = await nats_fleet.puller("engine", EVENTS, "ENGINE", prefetch=5)
    waiting = asyncio.create_task(take(puller, 5))
    while (await info(admin, EVENTS, "ENGINE"))["num_waiting"] == 0:
        pass
    await ask(admin, f"$JS.API.CONSUMER.DELETE.{EVENTS}.ENGINE", patience=PATIENCE_S)
    await until(lambda: puller._number >= 3)
    assert puller._not_before > 0
    await set_up(admin, (), tuple(c for c in consumers(nats_fleet.fleet) if c.name == "ENGINE"))
    await ticks(nats_fleet, 1)
    assert [delivery.sequence for delivery in await waiting] == [1]


class Message:
    """What `delivery_of` reads of a message."""

    subject, data, headers = "s", b"d", None

    def __init__(self, reply: str) -> None:
        self.reply = reply


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.LB_WORK.BuildBot.2.7.9.1795364724784014062.3",
        "$JS.ACK._.hash.LB_WORK.BuildBot.2.7.9.1795364724784014062.3",
        "$JS.ACK.hub.hash.LB_WORK.BuildBot.2.7.9.1795364724784014062.3.token",
    ],
)
def test_both_forms_of_reply_subjects_are_read(reply: str):
    delivery = delivery_of(Message(reply))  # type: ignore[arg-type]  # only these fields are read
    assert (delivery.stream, delivery.delivered, delivery.sequence) == ("LB_WORK", 2, 7)
    assert delivery.stored_at.isoformat() == "2026-11-22T16:25:24.784014+00:00"
