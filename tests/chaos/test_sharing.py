"""Several engines and workers share the load; limits hold for all of them together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from processes import Processes, assert_audited, assert_nothing_lost, assert_runs_were_alone
from running import Scripted, Watcher, until

if TYPE_CHECKING:
    from pathlib import Path

SHARING = {
    "owner": "audit",
    "engine-1": "engine",
    "engine-2": "engine",
    "worker-1": "worker",
    "worker-2": "worker",
    "worker-3": "worker",
}
EVENTS = 150


# nats-py lets go of its writer without closing it when the server is gone.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def test_two_engines_and_three_workers_share_and_limits_are_exact(root: Path):
    async with Processes(root, SHARING) as processes, Watcher(root) as watcher:
        await watcher.start(processes.url)
        await until(lambda: _started(watcher, 2), what="both engines")
        events = [watcher.emit("make.asked", {"n": n, "plan": "wait 0.03"}) for n in range(EVENTS)]
        await asyncio.gather(*events)
        await assert_nothing_lost(watcher, events=EVENTS)
        decisions = await watcher.messages("LB_DECISIONS")
        records = await watcher.bodies("LB_DECISIONS")
        claims = await watcher.bodies("LB_ATTEMPTS", "lb.att.*.*.*.started")
        await assert_audited(watcher, root)
        await watcher.stop()
        await processes.stop_all()
    of_gates = [message.subject.endswith(".gates") for message in decisions]
    engines = {r["engine"] for r, gates in zip(records, of_gates, strict=True) if not gates}
    keepers = {r["engine"] for r, gates in zip(records, of_gates, strict=True) if gates}
    assert len(engines) == 2
    assert len(keepers) == 1
    assert len({claim["worker"] for claim in claims}) == 3
    journal = Scripted(root)
    assert assert_runs_were_alone(journal.notes(), {}) == 0
    most = {bot: journal.most_at_once(bot) for bot in ("MakeBot", "CheckBot", "ShipBot")}
    assert most["MakeBot"] == 4
    assert most["CheckBot"] <= 4
    assert most["ShipBot"] <= 3


async def test_another_gatekeeper_takes_over_and_gates_complete_once(root: Path):
    engines = {"owner": "worker,audit", "engine-1": "engine", "engine-2": "engine"}
    async with Processes(root, engines) as processes, Watcher(root) as watcher:
        await watcher.start(processes.url)
        await until(lambda: _started(watcher, 2), what="both engines")
        sent = 0
        for _ in range(3):
            for _ in range(20):
                sent += 1
                await watcher.emit("make.asked", {"n": sent})
            keeper = await _keeper(watcher)
            names = {f"-{processes.pid(name)}": name for name in ("engine-1", "engine-2")}
            processes.kill(names["-" + keeper.rpartition("-")[2]])
            await watcher.emit("make.asked", {"n": (sent := sent + 1)})
            processes.keep()
            await watcher.until_count(3 * sent, "LB_OUTCOMES")
            await until(lambda: _started(watcher, 3), what="the new engine")
        await assert_nothing_lost(watcher, events=sent)
        opened = await watcher.bodies("LB_EVENTS", "lb.ev.gate.pair.>")
        keepers = {r["engine"] for r in await watcher.bodies("LB_DECISIONS", "lb.dec.*.gates")}
        await watcher.stop()
        await processes.stop_all()
    assert sorted(event["payload"]["n"] for event in opened) == list(range(1, sent + 1))
    assert len(keepers) >= 2


async def _started(watcher: Watcher, engines: int) -> bool:
    return await watcher.count("LB_CONTROL", "lb.ctl.engine.started") >= engines


async def _keeper(watcher: Watcher) -> str:
    """Who feeds the gates."""
    await until(lambda: _any_gates(watcher), what="a gatekeeper")
    records = await watcher.bodies("LB_DECISIONS", "lb.dec.*.gates")
    return str(records[-1]["engine"])


async def _any_gates(watcher: Watcher) -> bool:
    return bool(await watcher.messages("LB_DECISIONS", "lb.dec.*.gates"))
