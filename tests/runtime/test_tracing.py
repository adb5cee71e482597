"""`trace` finds what an event led to by look-ups, under every name that the event has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lotabots.policy.contract import event_token
from lotabots.service.wire import AUDITOR, ENGINE, WORKER
from operators import ordered
from running import FILES, SENDER, Running, lay_out, running

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = ["make.asked", "MakeBot", "make.done", "CheckBot", "check.done"]
"""What one event leads to, before the gate; then come the gate's event and ShipBot."""


def names(spans: list[dict[str, Any]]) -> list[str]:
    return [span["type"] if span["kind"] == "event" else span["bot"] for span in spans]


async def trace(watcher: Running, about: str) -> list[dict[str, Any]]:
    said = await watcher.ask("trace", about)
    assert "ok" in said, said
    assert said["ok"]["left_out"] == 0
    spans: list[dict[str, Any]] = said["ok"]["spans"]
    return spans


async def have_ended(watcher: Running, chains: int) -> None:
    """Every job has its outcome, and every event its decision."""
    await watcher.until_count(3 * chains, "LB_OUTCOMES", "lb.out.>")
    await watcher.until_count(5 * chains, "LB_DECISIONS", "lb.dec.*")


async def test_an_event_is_found_under_all_its_names_with_all_that_followed(tmp_path: Path):
    async with running(lay_out(tmp_path)) as watcher:
        other = await watcher.emit("make.asked", {"n": 1})
        name = await watcher.emit("make.asked", {"n": 2})
        await have_ended(watcher, 2)
        by_name = await trace(watcher, name)
        assert sorted(names(by_name)) == sorted([*CHAIN, "pair.ready", "ShipBot", "ship.done"])
        assert names(by_name)[:3] == CHAIN[:3]
        (start, first, *_) = by_name
        assert (start["id"], start["payload"]) == (name, {"n": 2})
        assert [attempt["subject"].rpartition(".")[2] for attempt in first["attempts"]] == [
            "started", "ended"
        ]  # fmt: skip
        ready = next(span for span in by_name if span.get("type") == "pair.ready")
        assert {span["id"] for span in by_name if span["kind"] == "event"} >= set(ready["causes"])
        jobs = [span["job"] for span in by_name if span["kind"] == "job"]
        for about in (event_token(SENDER, name), str(start["sequence"]), jobs[0]):
            assert await trace(watcher, about) == by_name
        assert names(await trace(watcher, ready["id"])) == ["pair.ready", "ShipBot", "ship.done"]
        assert names(await trace(watcher, jobs[-1]))[-2:] == ["ShipBot", "ship.done"]
        assert names(await trace(watcher, other))[0] == "make.asked"


async def test_of_two_events_with_one_id_each_has_its_own_decision(tmp_path: Path):
    async with running(lay_out(tmp_path)) as watcher:
        await watcher.emit("make.asked", {"n": 1}, id="same")
        await watcher.emit("make.asked", {"n": 2}, id="same")
        await have_ended(watcher, 1)
        await watcher.until_count(6, "LB_DECISIONS", "lb.dec.*")
        first, second = await trace(watcher, "1"), await trace(watcher, "2")
        assert await trace(watcher, "same") == first
        assert len(first) > 1
        assert [verdict["code"] for verdict in second[0]["verdicts"]] == ["LR010"]


PUSHED = """\
  change.pushed:
    doc: a commit came
    external: true
    terminal: true
    emitters: [cli.*]
    payload: {repository: string, change: {fields: {id: {type: string, format: commit}}}}
"""


async def test_a_commit_names_its_pushes(tmp_path: Path):
    events = "rules/events.yaml"
    root = lay_out(tmp_path, FILES | {events: FILES[events] + PUSHED})
    one, other = "c0ffee0" + "1" * 33, "c0ffee1" + "2" * 33
    async with running(root, roles=(ENGINE,)) as watcher:
        for name, commit in (("main", one), ("other", other), ("branch", one)):
            about = {"repository": "shop", "change": {"id": commit}}
            await watcher.emit("change.pushed", about, id=name)
        await watcher.send("ev.change.pushed", b'{"payload": {"change": 1}}')
        await watcher.until_count(4, "LB_DECISIONS", "lb.dec.*")
        for about in (one, "c0ffee0", one[:20]):
            said = (await watcher.ask("trace", about))["ok"]
            assert [event["id"] for event in said["spans"]] == ["main", "branch"]
            assert said["asked"] == [event["token"] for event in said["spans"]]
        assert [event["id"] for event in await trace(watcher, other)] == ["other"]
        unknown = (await watcher.ask("trace", "c0ffee2"))["unknown"]
        assert unknown.startswith(
            "no event and no job is called `c0ffee2`, and no `change.pushed` is of such a commit; "
        )
        assert "unknown" in await watcher.ask("trace", "c0ffee")  # too short to mean one


@pytest.mark.parametrize("about", ["nobody", "lb.>", "*", "0", "99", "9" * 50, "a b", "", "f" * 42])
async def test_what_is_not_known_is_said(tmp_path: Path, about: str):
    async with running(lay_out(tmp_path), roles=(ENGINE,)) as watcher:
        said = await watcher.ask("trace", about)
        assert said == {"unknown": f"no event and no job is called `{about}`"}


async def test_what_waits_is_found_too(tmp_path: Path):
    async with running(lay_out(tmp_path), roles=(ENGINE, AUDITOR)) as watcher:
        name = await watcher.emit("make.asked", {"n": 1})
        await watcher.until_count(1, "LB_WORK", "lb.work.>")
        event, job = await trace(watcher, name)
        assert (job["bot"], job["attempts"], job["at"]) == ("MakeBot", [], event["decided_at"])
        assert await trace(watcher, job["job"]) == [event, job]


async def test_a_dead_letter_is_followed_into_what_became_of_it(tmp_path: Path):
    async with running(lay_out(tmp_path), roles=(ENGINE, WORKER)) as watcher:
        name = await watcher.emit("make.asked", {"n": 1, "plan": "break"})
        await watcher.until_count(1, "LB_OUTCOMES", "lb.out.dead.>")
        (_, dead) = await trace(watcher, name)
        assert dead["outcome"]["code"] == "LR402"
        again = (await ordered(watcher, "redrive", job=dead["job"]))["ok"]["again"]
        await watcher.until_count(2, "LB_OUTCOMES", "lb.out.dead.>")
        spans = await trace(watcher, again)
        assert [span["job"] for span in spans[1:]] == [dead["job"], again]
