"""The publisher: every message gets its own answer, or nothing is claimed about any."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from fleet_server import until
from lotabots.adapters.nats.connection import set_up
from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.reader import Reader
from lotabots.policy.project_broker import DECISIONS, OUTCOMES, WORK, Stream
from lotabots.runtime.ports import ONLY_FIRST, BusError, Outgoing

if TYPE_CHECKING:
    from fleet_server import NatsFleet
    from lotabots.runtime.ports import Ack


def decision(number: int, body: bytes = b"{}") -> Outgoing:
    return Outgoing(f"lb.dec.d{number}", body, ONLY_FIRST)


def outcome(kind: str, job: str) -> Outgoing:
    both = {"Nats-Expected-Last-Subject-Sequence-Subject": f"lb.out.*.BuildBot.{job}"}
    return Outgoing(f"lb.out.{kind}.BuildBot.{job}", kind.encode(), ONLY_FIRST | both)


async def test_nothing_to_publish_is_nothing_to_wait_for(nats_fleet: NatsFleet):
    assert await (await nats_fleet.publisher("engine")).publish_all([]) == []


async def test_the_second_of_a_subject_is_a_conflict(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    first, second = await publisher.publish_all([decision(1), decision(1)])
    assert (first.stored, first.stream, first.seq) == (True, DECISIONS, 1)
    assert (second.stored, second.conflict, second.full) == (False, True, False)


async def test_answers_come_in_the_order_of_the_messages(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    await publisher.publish_all([decision(n) for n in range(0, 1000, 3)])
    acks = await publisher.publish_all([decision(n) for n in range(1000)])
    assert [ack.conflict for ack in acks] == [n % 3 == 0 for n in range(1000)]
    reader = Reader(await nats_fleet.connect("engine"))
    for number in (1, 500, 998):
        stored = await reader.last(DECISIONS, f"lb.dec.d{number}")
        assert stored is not None
        assert stored.sequence == acks[number].seq


async def test_batches_at_the_same_time_do_not_mix(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    batches = [[decision(100 * b + n) for n in range(100)] for b in range(10)]
    answers = await asyncio.gather(*map(publisher.publish_all, batches))
    assert sorted(ack.seq for batch in answers for ack in batch) == list(range(1, 1001))
    assert not publisher._waiting


async def test_a_message_id_that_was_seen_is_stored_once(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    job = Outgoing("lb.work.BuildBot", b"1", {"Nats-Msg-Id": "j/1"})
    first, second = await publisher.publish_all([job, job])
    assert (first.duplicate, second.duplicate, second.stored) == (False, True, True)
    assert first.seq == second.seq


async def test_a_full_queue_is_an_answer_for_that_bot_alone(nats_fleet: NatsFleet):
    admin = await nats_fleet.connect("admin")
    await set_up(admin, (Stream(WORK, ("lb.work.>",), work_queue=True, max_per_subject=2),), ())
    publisher = await nats_fleet.publisher("engine")
    jobs = [Outgoing("lb.work.BuildBot", b"%d" % n) for n in range(3)]
    acks = await publisher.publish_all([*jobs, Outgoing("lb.work.TestBot", b"4")])
    assert [ack.full for ack in acks] == [False, False, True, False]
    assert [ack.stored for ack in acks] == [True, True, False, True]


async def test_a_subject_that_no_stream_takes_is_an_error(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    with pytest.raises(BusError, match=r"_R_.x: no stream takes this subject \(0\)"):
        await publisher.publish(Outgoing("_R_.x", b""))


async def test_what_the_server_refuses_is_an_error_that_names_it(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine")
    wrong = {"Nats-Expected-Stream": "OTHER"}
    with pytest.raises(BusError, match=r"lb.dec.x: expected stream does not match \(10060\)"):
        await publisher.publish(Outgoing("lb.dec.x", b"", wrong))


async def test_no_answer_is_an_error_and_the_next_message_gets_its_own(nats_fleet: NatsFleet):
    publisher = await nats_fleet.publisher("engine", timeout=0.2)
    said = "no acknowledgement for 1 of 2 messages, the first to lb.att.x"
    with pytest.raises(BusError, match=re.escape(said)):
        await publisher.publish_all([Outgoing("lb.att.x", b""), decision(1)])
    assert not publisher._waiting
    assert (await publisher.publish(decision(1))).conflict
    assert (await publisher.publish(decision(2))).seq == 2


async def test_a_closed_connection_is_an_error(nats_fleet: NatsFleet):
    client = await nats_fleet.connect("engine")
    publisher = Publisher(client)
    await publisher.start()
    await client.close()
    with pytest.raises(BusError, match="connection closed"):
        await publisher.publish(decision(1))


async def test_of_done_and_dead_a_job_gets_exactly_one(nats_fleet: NatsFleet):
    racers = [await nats_fleet.publisher("runner") for _ in range(4)]
    jobs = [f"job{n}" for n in range(25)]

    async def race(publisher: Publisher, kind: str) -> list[Ack]:
        return await publisher.publish_all([outcome(kind, job) for job in jobs])

    answers = await asyncio.gather(
        *(race(racer, kind) for racer in racers for kind in ("done", "dead"))
    )
    for row in zip(*answers, strict=True):
        assert sum(ack.stored for ack in row) == 1
        assert sum(ack.conflict for ack in row) == 7
    reader = Reader(await nats_fleet.connect("runner"))
    for job in jobs:
        kinds = [
            await reader.last(OUTCOMES, f"lb.out.{k}.BuildBot.{job}") for k in ("done", "dead")
        ]
        assert kinds.count(None) == 1


async def test_a_server_that_crashes_in_the_middle_loses_and_doubles_nothing(
    nats_fleet: NatsFleet,
):
    """Whatever is published until it is answered is stored once; an answer is about its message."""
    publisher = await nats_fleet.publisher("engine", timeout=0.5)
    stored: dict[int, int] = {}

    async def patiently(numbers: range) -> None:
        while True:
            try:
                acks = await publisher.publish_all([decision(n, b"%d" % n) for n in numbers])
            except BusError:
                continue
            stored.update({n: ack.seq for n, ack in zip(numbers, acks, strict=True) if ack.stored})
            assert all(ack.stored or ack.conflict for ack in acks)
            return

    async def crash() -> None:
        for done in (200, 600, 1000):
            await until(lambda: len(stored) >= done)  # noqa: B023 - waited for at once
            nats_fleet.kill()
            await nats_fleet.server.died()
            await nats_fleet.server.start()

    crashing = asyncio.create_task(crash())
    number = 0
    while not crashing.done() or number < 2000:
        await patiently(range(number, number + 50))
        number += 50
    await crashing
    reader = Reader(await nats_fleet.connect("engine"))
    for n in range(0, number, 7):
        found = await reader.last(DECISIONS, f"lb.dec.d{n}")
        assert found is not None
        assert found.body == b"%d" % n
        assert stored.get(n, found.sequence) == found.sequence
    last = await reader.last(DECISIONS, "lb.dec.>")
    assert last is not None
    assert last.sequence == number
