"""Events through the engine: taken, decided, the decision stored, the job queued, acknowledged.

One process, the real server, against a client that does the same publishes and acknowledgements
with bytes made beforehand: the same loop over nats-py, the same batches, the same sizes, and no
engine. So the ratio is what deciding and recording cost. Budget: at least 80 % of that client's
events a second, as the median of the ratios of interleaved rounds. ``--enforce`` makes a missed
budget exit status 1; ``--json`` prints the numbers for machines.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lotabots.adapters.nats.connection import connect, set_up
from lotabots.adapters.nats.keys import ensure_keys, read_seed
from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.puller import Puller
from lotabots.adapters.nats.reader import Reader
from lotabots.adapters.nats.server import EmbeddedServer, ServerFiles
from lotabots.checks.run import run as check
from lotabots.model.load import load
from lotabots.policy.compile import compile_policy
from lotabots.policy.project_broker import (
    EVENTS,
    consumers,
    server_config,
    streams,
    users,
)
from lotabots.runtime.dispatcher import Dispatcher
from lotabots.runtime.engine import BATCH, LANES, Board, Engine
from lotabots.runtime.ledger import Ledger
from lotabots.runtime.ports import Outgoing
from lotabots.service.wire import calm_collector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Client

    from lotabots.runtime.ports import Ack, Delivery

BUDGET: Final = 0.80
PREFETCH: Final = 300
SOURCE: Final = "ingress.git"
DUTY: Final = "change.pushed"
ONE_BOT: Final = """\
bot: {name: MakeBot, version: 1.0.0, category: development, phase: core, responsibility: makes}
scope: [make.run]
triggers: [{type: event, pattern: change.pushed, when: 'payload.change.ref == "refs/heads/main"'}]
actions: [{name: make, capability: make.run, command: make}]
constraints: {max_queued_jobs: 1000000}
"""
FILES: Final = {
    "rules/fleet.yaml": (
        "fleet: {name: bench, version: 1.0.0, rollout: core}\n"
        "categories: {development: all}\nphases: [{name: core, doc: all}]\n"
    ),
    "rules/capabilities.yaml": "capabilities: {make.run: make}\n",
    "rules/events.yaml": (
        "types: {change: {fields: {id: string, ref: string}}}\n"
        "events:\n  change.pushed: {doc: a commit, external: true, emitters: [ingress.git],\n"
        "    payload: {repository: string, change: change}}\n"
    ),
    "rules/bots/makebot.yaml": ONE_BOT,
}


class Recorder:
    """A bus that keeps what is published, by the sequence of the event, for the bare client."""

    def __init__(self, bus: Publisher) -> None:
        self._bus = bus
        self.messages: list[Outgoing] = []

    async def publish_all(self, messages: Sequence[Outgoing], /) -> list[Ack]:
        """Publish, and remember."""
        self.messages += messages
        return await self._bus.publish_all(messages)


class Rate(NamedTuple):
    """Events a second, and microseconds of processor time of this process for each."""

    per_s: float
    cpu_us: float


class Bench:
    """A server with one fleet, and as many fresh events on it as a round asks for."""

    def __init__(self, folder: Path) -> None:
        checked = check(load({path: text.encode() for path, text in FILES.items()}))
        if not checked.sound:
            raise SystemExit(f"the fleet of this benchmark has errors: {checked.diagnostics}")
        self.policy = compile_policy(checked)
        self.fleet = checked.fleet
        self.keys = folder / "keys"
        everybody = users(self.fleet, (SOURCE,))
        public = ensure_keys(self.keys, [user.name for user in everybody])
        self.server = EmbeddedServer(ServerFiles(folder / "nats", server_config(everybody, public)))
        self.sent = 0

    async def start(self) -> None:
        """Start the server and connect."""
        await self.server.start()
        admin = await self._connect("admin")
        await set_up(admin, streams(self.fleet), consumers(self.fleet))
        self.sender = Publisher(await self._connect("INGRESS_git"))
        await self.sender.start()
        self.client = await self._connect("engine")
        self.publisher = Publisher(self.client, timeout=30)
        await self.publisher.start()
        self.inlet = Puller(self.client, stream=EVENTS, consumer="ENGINE", prefetch=PREFETCH)
        await self.inlet.start()

    async def _connect(self, user: str) -> Client:
        seed = read_seed(self.keys, user)
        return await connect(self.server.url, user=user, seed=seed)

    async def fill(self, count: int) -> None:
        """Put `count` events into the stream, 500 at a time."""
        for _ in range(0, count, 500):
            await self.sender.publish_all([self._event() for _ in range(500)])

    def _event(self) -> Outgoing:
        self.sent += 1
        body = {
            "id": f"event-{self.sent:08}-{'x' * 20}",
            "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - an edge reads the clock
            "source": SOURCE,
            "type": DUTY,
            "payload": {
                "repository": "shop",
                "change": {"id": f"{self.sent:040x}", "ref": "refs/heads/main"},
            },
        }
        return Outgoing(f"ev.{DUTY}", json.dumps(body).encode())

    async def engine(self, count: int, bus: Any = None) -> Rate:  # noqa: ANN401 - a bus
        """How fast the engine is."""
        ledger = Ledger(bus or self.publisher, Reader(self.client), name="bench")
        engine = Engine(
            self.policy,
            Board(),
            inlet=self.inlet,
            ledger=ledger,
            dispatcher=Dispatcher(ledger),
            name="bench",
        )
        return await self._lanes(count, engine.handle)

    async def bare(self, count: int, decision: Outgoing, job: Outgoing) -> Rate:
        """How fast a client is that only publishes and acknowledges, on names as long as ours."""
        token = len(decision.subject) - len(_BARE)
        job_id = len((job.headers or {})[MESSAGE_ID]) - len("/1")

        async def handle(deliveries: list[Delivery]) -> None:
            places = [str(d.sequence) for d in deliveries]
            await self.publisher.publish_all(
                [
                    Outgoing(f"{_BARE}{at:0>{token}}", decision.body, decision.headers)
                    for at in places
                ]
            )
            await self.publisher.publish_all(
                [
                    Outgoing(job.subject, job.body, {MESSAGE_ID: f"{at:0>{job_id}}/1"})
                    for at in places
                ]
            )
            await self.inlet.ack(deliveries)

        return await self._lanes(count, handle)

    async def _lanes(self, count: int, handle: Any) -> Rate:  # noqa: ANN401 - a coroutine function
        """Handle `count` events in as many lanes as the engine has; the rate."""
        left = count

        async def lane() -> None:
            nonlocal left
            while left > 0:
                deliveries = await self.inlet.take(min(BATCH, left))
                left -= len(deliveries)
                await handle(deliveries)

        gc.collect()
        start, used = perf_counter(), process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(lane())
        return Rate(count / (perf_counter() - start), (process_time() - used) / count * 1e6)


_BARE: Final = "lb.dec.bare"
MESSAGE_ID: Final = "Nats-Msg-Id"


async def measure(folder: Path, *, count: int, rounds: int) -> dict[str, Any]:
    """Both sides in turns; the numbers."""
    bench = Bench(folder)
    await bench.start()
    calm_collector()
    try:
        recorder = Recorder(bench.publisher)
        await bench.fill(500)
        await bench.engine(500, recorder)
        decision = next(m for m in recorder.messages if m.subject.startswith("lb.dec."))
        job = next(m for m in recorder.messages if m.subject.startswith("lb.work."))
        results: dict[str, list[Rate]] = {"engine": [], "bare": []}
        for number in range(2 * rounds):
            side = ("engine", "bare")[(number + number // 2) % 2]  # e b b e e b b e ...
            await bench.fill(count)
            if side == "engine":
                results[side].append(await bench.engine(count))
            else:
                results[side].append(await bench.bare(count, decision, job))
    finally:
        await bench.server.stop()
    engine, bare = results["engine"], results["bare"]
    ratios = [e.per_s / b.per_s for e, b in zip(engine, bare, strict=True)]
    return {
        "events_per_round": count,
        "bytes": {"decision": len(decision.body), "job": len(job.body)},
        "engine_per_s": [round(one.per_s) for one in engine],
        "bare_per_s": [round(one.per_s) for one in bare],
        "engine_cpu_us": round(median(one.cpu_us for one in engine), 1),
        "bare_cpu_us": round(median(one.cpu_us for one in bare), 1),
        "ratios": [round(x, 3) for x in ratios],
        "ratio": round(median(ratios), 3),
        "budget": BUDGET,
    }


def main() -> int:
    """Measure, print, compare with the budget."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--events", type=int, default=10_000, help="events in a round")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each side")
    parser.add_argument("--enforce", action="store_true", help="exit status 1 below the budget")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder), count=chosen.events, rounds=chosen.rounds))
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"engine {median(found['engine_per_s']):8.0f} events/s  {found['engine_per_s']}")
        print(f"bare   {median(found['bare_per_s']):8.0f} events/s  {found['bare_per_s']}")
        print(f"cpu    {found['engine_cpu_us']} us an event, bare {found['bare_cpu_us']} us")
        print(f"ratio  {found['ratio']:.3f} (budget {BUDGET:.2f})  {found['ratios']}")
    return 1 if chosen.enforce and found["ratio"] < BUDGET else 0


if __name__ == "__main__":
    sys.exit(main())
