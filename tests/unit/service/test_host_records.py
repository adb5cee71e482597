"""What the host puts on record while the server is away: bounded, and nothing lost silently."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from lotabots.adapters.clock import SystemClock
from lotabots.runtime.ledger import Ledger
from lotabots.runtime.ports import BusError
from lotabots.service import hosts
from lotabots.service.hosts import MOST, Records
from memory_streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from lotabots.runtime.ports import Ack, Outgoing


class Away(Streams):
    """The server does not answer."""

    async def publish_all(self, messages: Sequence[Outgoing], /) -> list[Ack]:
        raise BusError(str(messages))


def published(wish: Callable[[Records], None]) -> tuple[Records, list[tuple[str, dict[str, Any]]]]:
    """Put on record before the server is there; what it has in the end."""
    records, streams = Records(SystemClock()), Streams()

    async def play() -> None:
        wish(records)
        async with records.published(Ledger(streams, streams, name="host")):
            pass

    asyncio.run(play())
    found = [(one.subject.rpartition(".")[2], json.loads(one.body)) for one in streams.messages]
    return records, found


def test_what_waited_is_published_in_its_order():
    def wish(records: Records) -> None:
        for number in range(10):
            records("promote" if number % 2 else "refused", {"number": number})

    records, found = published(wish)
    assert [about["number"] for _, about in found] == list(range(10))
    assert {verb for verb, _ in found} == {"promote", "refused"}
    assert not records.full


def test_refusals_are_counted_beyond_a_bound_and_leave_room_for_changes(
    caplog: pytest.LogCaptureFixture,
):
    def wish(records: Records) -> None:
        for _ in range(MOST):
            records("refused", {})
        assert not records.full
        records("promote", {})

    _, found = published(wish)
    verbs = [verb for verb, _ in found]
    assert verbs == ["refused"] * (MOST // 2) + ["promote", "left-out"]
    assert found[-1][1]["refusals"] == MOST - MOST // 2
    warned = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert [one.message for one in warned] == ["records.left_out"]


def test_an_end_without_the_server_says_how_much_is_lost(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hosts, "FLUSH_S", 0.0)
    records = Records(SystemClock())

    async def play() -> None:
        async with records.published(Ledger(Away(), Away(), name="host")):
            for _ in range(3):
                records("promote", {})
            await asyncio.sleep(0)  # the first is on its way

    asyncio.run(play())
    (lost,) = [one for one in caplog.records if one.message == "records.lost"]
    assert lost.__dict__["records"] == 3


def test_changes_are_all_kept_and_the_records_are_full_at_the_bound():
    def wish(records: Records) -> None:
        for number in range(MOST):
            assert not records.full
            records("scale", {"number": number})
        assert records.full
        records("scale", {"number": MOST})  # was under way

    records, found = published(wish)
    assert [about["number"] for _, about in found] == list(range(MOST + 1))
    assert not records.full
