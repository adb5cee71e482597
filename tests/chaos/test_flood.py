"""More events than the queues take, and nobody who works on them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from processes import Processes
from running import Watcher

CAP = 50
EVENTS = 400
MIB = 1024
"""As /proc counts, in KiB."""


async def test_a_flood_waits_outside_the_engine_and_drains_when_a_worker_comes(root: Path):
    _with_small_queues(root)
    async with Processes(root, {"owner": "audit", "engine": "engine"}) as processes:
        async with Watcher(root) as watcher:
            await watcher.start(processes.url)
            await watcher.emit("make.asked", {"n": 0})
            await watcher.until_count(1, "LB_DECISIONS")
            before = _memory_of(processes.pid("engine"))
            await asyncio.gather(*(watcher.emit("make.asked", {"n": n}) for n in range(1, EVENTS)))
            await watcher.until_count(EVENTS, "LB_DECISIONS")
            await watcher.until_count(EVENTS - CAP, "LB_RETRY", "lb.due.MakeBot")
            assert await watcher.count("LB_WORK", "lb.work.MakeBot") == CAP
            assert _memory_of(processes.pid("engine")) - before < 20 * MIB
            await watcher.emit("slow.asked", {"n": 1})
            await watcher.until_count(1, "LB_WORK", "lb.work.SlowBot")
            processes.add("worker", "worker")
            await watcher.until_count(3 * EVENTS + 1, "LB_OUTCOMES", "lb.out.done.>")
            assert await watcher.count("LB_RETRY") == 0
        await processes.stop_all()


def _with_small_queues(root: Path) -> None:
    for path in (root / "rules/bots").iterdir():
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("max_queued_jobs: 1000", f"max_queued_jobs: {CAP}"))


def _memory_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])
