"""The record of events: what it keeps, and that it loses and doubles nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from bots.checking import the_fleet
from lotabots.adapters.files.auditlog import AuditLogError
from lotabots.adapters.files.record import RecordFolder
from lotabots.runtime.ports import BusError, Outgoing
from lotabots.runtime.scribe import Scribe, is_asked_for, kept_types
from memory_streams import START, Streams, delivered
from running import FILES, lay_out, running, until

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.runtime.ports import Stored

NOW = datetime(2026, 3, 1, 13, tzinfo=UTC)
TESTED = "lb.ev.bot.TestBot.test.completed"


class Source(Streams):
    """A stream that can be asked for the next message, and can fall silent."""

    silent = False

    async def following(self, _stream: str, _subject: str, sequence: int, /) -> Stored | None:
        if self.silent:
            raise BusError("no answer")
        return next((one for one in self.messages if one.sequence >= sequence), None)


class Hand:
    """A clock that stands where it is put."""

    at = NOW

    def now(self) -> datetime:
        return self.at


def scribe(folder: Path, source: Source, clock: Hand | None = None) -> Scribe:
    sink = RecordFolder(folder)
    kept = {"test.completed"}
    return Scribe(kept, reads=source, history=source, sink=sink, clock=clock or Hand())


async def emit(source: Source, *subjects: str) -> None:
    for number, subject in enumerate(subjects):
        await source.publish_all([Outgoing(subject, b'{"n": %d}' % number)])


def head(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "head.json").read_bytes())
    return found


def recorded(folder: Path) -> list[dict[str, Any]]:
    """What a reader finds that obeys the head."""
    lines = []
    for name, size in head(folder)["files"].items():
        lines += (folder / name).read_bytes()[:size].splitlines()
    return [json.loads(one) for one in lines]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def has(folder: Path, event: str) -> bool:
    """Whether the record holds an event."""
    found = recorded(folder) if (folder / "head.json").exists() else []
    return any(json.loads(one["event"])["id"] == event for one in found)


async def test_it_copies_what_proves_something_with_its_hash(tmp_path: Path):
    source = Source()
    await emit(source, "lb.ev.bot.MonitorBot.metrics.sampled", TESTED)
    await scribe(tmp_path, source).catch_up()
    assert recorded(tmp_path) == [
        {
            "sequence": 2,
            "stored_at": (START + timedelta(seconds=2)).isoformat(),
            "source": "TestBot",
            "sha256": sha256(b'{"n": 1}').hexdigest(),
            "event": '{"n": 1}',
        }
    ]
    assert head(tmp_path) == {
        "version": 1,
        "sequence": 2,
        "lost": 0,
        "as_of": NOW.isoformat(),
        "files": {"2026-03-01.jsonl": (tmp_path / "2026-03-01.jsonl").stat().st_size},
    }


async def test_it_goes_on_where_it_was_and_cuts_off_what_it_had_not_finished(tmp_path: Path):
    source = Source()
    await emit(source, TESTED)
    await scribe(tmp_path, source).catch_up()
    with (tmp_path / "2026-03-01.jsonl").open("ab") as file:
        file.write(b'{"half": ')
    (tmp_path / "2026-03-02.jsonl").write_bytes(b"a day that no head knows")
    await emit(source, TESTED, TESTED)
    again = scribe(tmp_path, source)
    await again.catch_up()
    await again.catch_up()
    assert [one["sequence"] for one in recorded(tmp_path)] == [1, 2, 3]
    assert names(tmp_path) == ["2026-03-01.jsonl", "head.json"]


async def test_many_events_at_once_are_copied_in_parts(tmp_path: Path):
    source = Source()
    await emit(source, *[TESTED] * 1100)
    await scribe(tmp_path, source).catch_up()
    assert [one["sequence"] for one in recorded(tmp_path)] == [*range(1, 1101)]


async def test_events_that_the_stream_let_go_are_counted(tmp_path: Path):
    source = Source()
    await emit(source, *[TESTED] * 5)
    del source.messages[1:3]
    await scribe(tmp_path, source).catch_up()
    assert (head(tmp_path)["sequence"], head(tmp_path)["lost"]) == (5, 2)


async def test_without_news_it_says_now_and_then_that_it_is_complete(tmp_path: Path):
    clock, source = Hand(), Source()
    one = scribe(tmp_path, source, clock)
    for seconds, said in ((0, 0), (29, 0), (30, 30)):
        clock.at = NOW + timedelta(seconds=seconds)
        await one.catch_up()
        assert head(tmp_path)["as_of"] == (NOW + timedelta(seconds=said)).isoformat()
    source.silent = True
    with pytest.raises(BusError):
        await one.catch_up()


async def test_old_days_are_removed(tmp_path: Path):
    sink = RecordFolder(tmp_path)
    source = Source()
    await emit(source, *[TESTED] * 3)
    for number, days in enumerate((0, 90, 91)):
        old = delivered(source.messages[number])
        at = START + timedelta(days=days)
        late = old._replace(stored_at=at)
        sink.publish([late], sequence=number + 1, lost=0, as_of=at)
    assert [one["sequence"] for one in recorded(tmp_path)] == [2, 3]
    assert len(names(tmp_path)) == 3


@pytest.mark.parametrize("text", ["{", '{"version": 2}', "[]", '{"sequence": 1}'])
def test_a_head_of_somebody_else_is_not_written_over(tmp_path: Path, text: str):
    (tmp_path / "head.json").write_text(text)
    with pytest.raises(AuditLogError, match=r"head\.json"):
        RecordFolder(tmp_path)
    assert (tmp_path / "head.json").read_text() == text


def test_results_approvals_changes_and_requests_prove_something():
    kept = kept_types(the_fleet())
    assert {"test.completed", "security.completed", "deploy.completed", "approval.granted",
            "change.pushed", "deploy.requested", "backup.verified"} <= kept  # fmt: skip
    assert not kept & {"metrics.sampled", "schedule.tick", "build.started", "alert.triggered"}


async def test_a_service_whose_bots_do_not_read_the_record_keeps_none(tmp_path: Path):
    root = lay_out(tmp_path, FILES)
    async with running(root) as service:
        await service.emit("make.asked", {"n": 1})
        await service.until_count(3, "LB_OUTCOMES")
        assert not is_asked_for(service.service.checked.fleet)
    assert not (root / ".lotabots/record").exists()


async def test_the_service_keeps_the_record_that_its_bots_read(tmp_path: Path):
    bot = "rules/bots/makebot.yaml"
    text = FILES[bot].replace("emits: [make.done]", "emits: [make.done], grants: {read: [{state}]}")
    reading = {**FILES, bot: text.replace("{state}", '"{system-state}"')}
    root = lay_out(tmp_path, reading)
    folder = root / ".lotabots/record"
    async with running(root) as service:
        await service.emit("make.asked", {"n": 1}, id="first")
        await until(lambda: has(folder, "first"))
    assert recorded(folder)[0]["source"] == "cli.ann"
    async with running(root) as service:
        await service.emit("make.asked", {"n": 2}, id="second")
        await until(lambda: has(folder, "second"))
    ids = [json.loads(one["event"])["id"] for one in recorded(folder)]
    assert [one for one in ids if one in {"first", "second"}] == ["first", "second"]
