"""Each loop is killed at every write; whoever goes on does what was left, and nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lotabots.audit.record import sequence_of
from lotabots.policy.compile import compile_policy
from lotabots.policy.contract import compile_contracts
from lotabots.runtime.attempt import Runner
from lotabots.runtime.auditor import Auditor, GapError
from lotabots.runtime.dispatcher import Dispatcher
from lotabots.runtime.engine import Board, Engine
from lotabots.runtime.gatekeeper import Gatekeeper
from lotabots.runtime.guard import Guard
from lotabots.runtime.ledger import Ledger
from lotabots.runtime.ports import Outgoing
from lotabots.runtime.switches import Attendant, Switchboard, Word
from lotabots.runtime.worker import Desk, Limits, Worker
from lotabots.service.workspace import open_workspace
from memory_streams import START, KilledError, Streams, delivered
from running import Scripted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from pathlib import Path

    from lotabots.policy.checked import CheckedFleet
    from lotabots.runtime.ports import Stored

KEY = b"k" * 32
MANY = 60


class Clock:
    def now(self) -> datetime:
        return START + timedelta(minutes=1)


async def test_an_engine_killed_at_any_write_decides_once_and_queues_each_job_once(root: Path):
    checked = open_workspace(root).checked
    for writes in range(MANY):
        streams = Streams()
        _events(streams, ("make.asked", 1), ("slow.asked", 2), ("make.asked", 3))
        streams.writes_left = writes
        survived = await _survives(_engine(checked, streams).handle(streams.waiting("lb.ev.>")))
        streams.writes_left = -1
        await _engine(checked, streams).handle(streams.waiting("lb.ev.>"))
        assert len(streams.on("lb.dec.>")) == 3
        jobs = Counter(json.loads(m.body)["job"] for m in streams.on("lb.work.>"))
        assert sorted(jobs.values()) == [1, 1, 1]
        if survived:
            break
    else:
        pytest.fail("it was killed every time")


@pytest.mark.parametrize(
    ("plan", "kind", "attempts"),
    [("", "done", 1), ("fail 1", "done", 2), ("fail 9", "dead", 3), ("break", "dead", 1)],
)
async def test_a_worker_killed_at_any_write_ends_its_job_once(
    root: Path, plan: str, kind: str, attempts: int
):
    checked = open_workspace(root).checked
    for writes in range(MANY):
        streams = Streams()
        _events(streams, ("make.asked", 1), plan=plan)
        await _engine(checked, streams).handle(streams.waiting("lb.ev.>"))
        streams.writes_left = writes
        survived = await _survives(_work(checked, streams, root))
        streams.writes_left = -1
        over = {m.subject.split(".")[4] for m in streams.on("lb.att.*.ended")}
        before = len(Scripted(root).notes())
        await _work(checked, streams, root)
        began = {note[4] for note in Scripted(root).notes()[before:] if note[0] == "begin"}
        assert not began & over, "an attempt whose end was recorded is not run again"
        (outcome,) = streams.on("lb.out.>")
        said = json.loads(outcome.body)
        assert (outcome.subject.split(".")[2], said["attempts"]) == (kind, attempts)
        ends = Counter(m.subject for m in streams.on("lb.att.*.ended"))
        assert len(ends) == attempts
        assert set(ends.values()) == {1}
        assert len(streams.on("ev.make.done")) == (kind == "done")
        if survived:
            break
    else:
        pytest.fail("it was killed every time")


async def test_a_copy_of_a_queue_message_does_nothing(root: Path):
    checked = open_workspace(root).checked
    streams = Streams()
    _events(streams, ("make.asked", 1))
    await _engine(checked, streams).handle(streams.waiting("lb.ev.>"))
    (message,) = streams.on("lb.work.MakeBot")
    await streams.publish_all([Outgoing(message.subject, message.body)])
    await _work(checked, streams, root)
    begins = [note for note in Scripted(root).notes() if note[0] == "begin"]
    assert len(begins) == 1
    assert len(streams.on("lb.out.>")) == 1


async def test_what_a_server_delivers_again_after_its_death_may_be_at_work_elsewhere(root: Path):
    """A server that was killed forgets its leases; a claim of another worker gets one more."""
    checked = open_workspace(root).checked
    streams = Streams()
    _events(streams, ("make.asked", 1))
    await _engine(checked, streams).handle(streams.waiting("lb.ev.>"))
    (message,) = streams.waiting("lb.work.MakeBot")
    streams.writes_left = 1  # the claim, and no more: as if it were still at work
    assert not await _survives(_work(checked, streams, root, name="one"))
    streams.writes_left = -1
    before = len(Scripted(root).notes())

    streams.renewed = True
    await _work(checked, streams, root, name="two")
    assert streams.given_back == [(message.sequence, 30)]
    assert len(Scripted(root).notes()) == before, "nothing was begun"
    await _work(checked, streams, root, name="one")
    assert len(streams.on("lb.out.>")) == 1, "the worker that has the claim goes on at once"


async def test_after_a_lease_without_a_sign_of_life_another_worker_takes_over(root: Path):
    checked = open_workspace(root).checked
    streams = Streams()
    _events(streams, ("make.asked", 1))
    await _engine(checked, streams).handle(streams.waiting("lb.ev.>"))
    streams.writes_left = 1
    await _survives(_work(checked, streams, root, name="one"))
    streams.writes_left = -1
    await _work(checked, streams, root, name="two")
    assert streams.given_back == []
    assert len(streams.on("lb.out.>")) == 1


async def test_a_gatekeeper_killed_at_any_write_opens_each_gate_once(root: Path):
    checked = open_workspace(root).checked
    for writes in range(MANY):
        streams = Streams()
        for n in (1, 2, 3):
            _events(streams, ("make.done", n), ("check.done", n))
        streams.writes_left = writes
        first = _keeper(checked, streams)
        survived = await _survives(first.handle(streams.waiting("lb.ev.bot.>")))
        streams.writes_left = -1
        await _keeper(checked, streams).handle(streams.waiting("lb.ev.bot.>"))
        opened = Counter(json.loads(m.body)["payload"]["n"] for m in streams.on("lb.ev.gate.>"))
        assert opened == {1: 1, 2: 1, 3: 1}
        if survived:
            break
    else:
        pytest.fail("it was killed every time")


async def test_a_gatekeeper_feeds_what_a_broken_connection_swallowed(root: Path):
    streams = Streams()
    _events(streams, ("make.done", 1), ("check.done", 1), ("make.done", 2))
    keeper = _keeper(open_workspace(root).checked, streams)
    *_, newest = streams.waiting("lb.ev.bot.>")
    await keeper.handle([newest])
    assert len(streams.on("lb.ev.gate.>")) == 1, "events 1 and 2 were never delivered"
    await keeper.handle(streams.waiting("lb.ev.bot.>"))
    assert len(streams.on("lb.ev.gate.>")) == 1


class Sink:
    def __init__(self) -> None:
        self.last_sequence = 0
        self.newest = b""
        self.entries: list[bytes] = []

    def append(self, entries: Sequence[bytes], /) -> None:
        self.entries += entries
        self.newest = entries[-1]
        self.last_sequence += len(entries)

    def publish(self) -> object:
        return None


class Records(Streams):
    async def following(self, _stream: str, _subject: str, sequence: int, /) -> Stored | None:
        return next((m for m in self.messages if m.sequence >= sequence), None)


async def test_the_auditor_reads_records_that_come_too_early_or_never(root: Path):
    assert root
    streams, sink = Records(), Sink()
    await streams.publish_all([Outgoing(f"lb.dec.{n}", b"{}") for n in range(10)])
    auditor = Auditor(inlet=streams, sink=sink, reads=streams)
    records = [delivered(m) for m in streams.messages]
    await auditor.handle(records[4:6])
    assert [sequence_of(entry) for entry in sink.entries] == [1, 2, 3, 4, 5, 6]
    await auditor.handle([*records[:4], records[8], records[6], records[7]])
    assert [sequence_of(entry) for entry in sink.entries] == list(range(1, 10))
    del streams.messages[9]
    await streams.publish_all([Outgoing("lb.dec.a", b"{}")])
    streams.messages[9] = streams.messages[9]._replace(sequence=11)
    with pytest.raises(GapError, match="audit record 10 is missing; 11 follows"):
        await auditor.handle([delivered(streams.messages[9])])


@pytest.mark.parametrize("others", [3, 10, 11])
async def test_the_log_of_another_stream_is_not_continued(root: Path, others: int):
    """A store that was lost begins at 1 again: its records would be taken for known ones."""
    assert root
    first, second, sink = Records(), Records(), Sink()
    await first.publish_all([Outgoing(f"lb.dec.{n}", b"{}") for n in range(10)])
    await Auditor(inlet=first, sink=sink, reads=first).handle([*map(delivered, first.messages)])
    again = Auditor(inlet=first, sink=sink, reads=first)
    await again.handle([*map(delivered, first.messages)])
    await second.publish_all([Outgoing(f"lb.dec.b{n}", b"{}") for n in range(others)])
    with pytest.raises(GapError, match="ends with record 10 of another stream"):
        await Auditor(inlet=second, sink=sink, reads=second).handle(
            [*map(delivered, second.messages)]
        )
    assert (len(sink.entries), second.acked) == (10, set())


def _events(streams: Streams, *wanted: tuple[str, int], plan: str = "") -> None:
    sources = {"make.done": "bot.MakeBot", "check.done": "bot.CheckBot"}
    for event_type, n in wanted:
        place = sources.get(event_type, "cli.ann")
        body: dict[str, Any] = {
            "id": f"{event_type} {n}",
            "timestamp": START.isoformat(),
            "source": place.removeprefix("bot."),
            "type": event_type,
            "payload": {"n": n} | ({"plan": plan} if plan else {}),
        }
        subject = f"lb.ev.{place}.{event_type}"
        streams._write(Outgoing(subject, json.dumps(body).encode()))


async def _survives(doing: Awaitable[None]) -> bool:
    try:
        await doing
    except KilledError:
        return False
    return True


async def test_a_job_held_for_longer_than_its_event_lasts_is_a_dead_letter_and_never_runs(
    root: Path,
):
    checked = open_workspace(root).checked
    streams = Streams()
    _events(streams, ("make.asked", 1))
    await _engine(checked, streams).handle(streams.waiting("lb.ev.>"))
    word = Word(by="cli.ann", at=START, reason="it is wrong", bot="MakeBot", disabled=True)
    await Switchboard(Ledger(streams, streams, name="test")).say(word)
    await _work(checked, streams, root, max_age=timedelta(seconds=1))
    (dead,) = streams.on("lb.out.>")
    outcome = json.loads(dead.body)
    assert (dead.subject.split(".")[2], outcome["code"], outcome["reason"]) == (
        "dead",
        "LR201",
        "`MakeBot` is disabled by cli.ann: it is wrong, for longer than the event lasts",
    )
    assert Scripted(root).notes() == []


def _engine(checked: CheckedFleet, streams: Streams) -> Engine:
    ledger = Ledger(streams, streams, name="test")
    policy = compile_policy(checked)
    return Engine(
        policy,
        Board(),
        inlet=streams,
        ledger=ledger,
        dispatcher=Dispatcher(ledger),
        name="test",
    )


def _keeper(checked: CheckedFleet, streams: Streams) -> Gatekeeper:
    return Gatekeeper(
        compile_policy(checked),
        inlet=streams,
        ledger=Ledger(streams, streams, name="test"),
        history=streams,
        clock=Clock(),
        key=KEY,
        name="test",
    )


async def _work(
    checked: CheckedFleet,
    streams: Streams,
    root: Path,
    *,
    name: str = "test",
    max_age: timedelta = timedelta(hours=24),
) -> None:
    """Do all jobs of MakeBot until none is left, with a new worker."""
    ledger = Ledger(streams, streams, name="test")
    bot = next(bot for bot in checked.fleet.bots if bot.name == "MakeBot")
    desk = Desk(bot, streams, ledger)
    runner = Runner(compile_contracts(checked.fleet), Scripted(root), clock=Clock(), key=KEY)
    worker = Worker(
        runner,
        Guard(ledger, Clock()),
        Attendant(Switchboard(ledger), checked.fleet.settings),
        desks={bot.name: desk},
        core=ledger,
        clock=Clock(),
        name=name,
        limits=Limits(30, max_age),
    )
    while True:
        for delivery in streams.waiting("lb.work.MakeBot"):
            await worker.handle(desk, delivery)
        if not streams.waiting("lb.retry.>"):
            return
        left, streams.writes_left = streams.writes_left, -1
        streams.fire()
        streams.writes_left = left
        await asyncio.sleep(0)
