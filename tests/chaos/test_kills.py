"""Kill -9 of anything, at any moment, loses no accepted event and does nothing twice."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from processes import Processes, assert_audited, assert_nothing_lost, assert_runs_were_alone
from running import Scripted, Watcher

if TYPE_CHECKING:
    from pathlib import Path

SOAK = os.environ.get("LOTABOTS_SOAK") == "1"
KILLS = 1000 if SOAK else 48

ONE = {"owner": "engine,worker,audit"}
MANY = {
    "owner": "engine,audit",
    "engine": "engine",
    "worker-1": "worker",
    "worker-2": "worker",
}


# nats-py lets go of its writer without closing it when the server is gone.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize(
    ("roles", "seed", "share"),
    [(ONE, 1, 3), (MANY, 2, 3), (MANY, 3, 3)],
    ids=["one-process", "many-processes", "many-processes-again"],
)
async def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(
    root: Path, roles: dict[str, str], seed: int, share: int
):
    async with Processes(root, roles) as processes, Watcher(root) as watcher:
        await watcher.start(processes.url)
        enough = asyncio.Event()
        loading = asyncio.create_task(_load(watcher, enough, least=KILLS // share))
        await processes.kill_at_random(KILLS // share, seed=seed, pause=(0.1, 1.2))
        enough.set()
        await loading
        events = await _accepted(watcher)
        await assert_nothing_lost(watcher, events=events)
        await assert_audited(watcher, root)
        await watcher.stop()
        await processes.stop_all()
    repeated = assert_runs_were_alone(Scripted(root).notes(), processes.killed)
    assert events >= KILLS // share
    print(f"{events} events, {len(processes.killed)} kills, {repeated} runs repeated")  # noqa: T201


async def _load(watcher: Watcher, enough: asyncio.Event, *, least: int) -> None:
    """Send an event every few milliseconds, each until the server has it, the last one, too.

    One that was broken off might arrive after they were counted. On a busy machine the server may
    be killed before it has taken one: `least` are sent however few came through meanwhile.
    """
    n = 0
    while n < least or not enough.is_set():
        n += 1
        await watcher.emit("make.asked", {"n": n})
        await asyncio.sleep(0.02)


async def _accepted(watcher: Watcher) -> int:
    """How many events the server has: an unanswered one may be there, too, or there twice."""
    found = await watcher.bodies("LB_EVENTS", "lb.ev.cli.>")
    return len({event["id"] for event in found})
