"""A small fleet that really runs: the service, the real nats-server, bots that are coroutines.

`Scripted` is an executor whose jobs do what their event says, at once or after a while, and which
keeps a journal of what began and ended. `Running` is a service in this process with a client of
its own; `python running.py ROOT` is a service in a process of its own, which can be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4  # noqa: TID251 - an edge makes ids

import msgspec
from nats.errors import Error as NatsError

from lotabots.adapters.nats.connection import connect
from lotabots.adapters.nats.keys import read_seed
from lotabots.adapters.nats.publisher import Publisher
from lotabots.adapters.nats.scan import Scanner
from lotabots.policy.project_broker import outside_account
from lotabots.runtime.ports import BusError, Outgoing, RunReport
from lotabots.service.config import ServiceConfig
from lotabots.service.folder import Lock
from lotabots.service.logs import configure
from lotabots.service.wire import ROLES, Service
from lotabots.service.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Self

    from lotabots.policy.contract import Job
    from lotabots.runtime.ports import Delivery, Executor, OnLine

PATIENCE_S: Final = 60.0
"""How long a test waits for what must come; only a failing test waits that long."""

LEASE_S: Final = 2
"""Short, so that the work of a process that was killed goes on soon."""

SENDER: Final = "cli.ann"

FILES: Final = {
    "rules/fleet.yaml": """\
fleet: {name: chain, version: 1.0.0, max_hops: 8, max_age: 24h, rollout: core}
categories: {development: all of it}
phases: [{name: core, doc: all}]
""",
    "rules/capabilities.yaml": """\
capabilities: {make.run: make, check.run: check, ship.run: ship, slow.run: take long}
""",
    "rules/events.yaml": """\
events:
  make.asked:
    doc: somebody wants something
    external: true
    emitters: [cli.*]
    payload: {n: integer, "plan?": string}
  slow.asked:
    doc: somebody wants something that takes long
    external: true
    emitters: [cli.*]
    payload: {n: integer, "plan?": string}
  make.done: {doc: it is made, emitters: [MakeBot], payload: {n: integer}}
  check.done: {doc: it is checked, emitters: [CheckBot], payload: {n: integer}}
  pair.ready: {doc: made and checked, emitters: [gate.pair], payload: {n: integer}}
  ship.done: {doc: it is gone, emitters: [ShipBot], terminal: true, payload: {n: integer}}
""",
    "rules/bots/makebot.yaml": """\
bot: {name: MakeBot, version: 1.0.0, category: development, phase: core, responsibility: makes}
scope: [make.run]
triggers: [{type: event, pattern: make.asked}]
actions: [{name: make, capability: make.run, command: make, emits: [make.done]}]
constraints:
  max_concurrent_jobs: 4
  max_queued_jobs: 1000
  retry_policy: {max_attempts: 3, backoff: constant, initial: 1s, max: 10s}
  breaker: {failures: 1000, window: 10m, cooldown: 60s}
outputs:
  - {type: message, event: make.done, destination: CheckBot}
  - {type: message, event: make.done, destination: gate.pair}
""",
    "rules/bots/checkbot.yaml": """\
bot: {name: CheckBot, version: 1.0.0, category: development, phase: core, responsibility: checks}
scope: [check.run]
triggers: [{type: event, pattern: make.done, from: MakeBot}]
actions: [{name: check, capability: check.run, command: check, emits: [check.done]}]
constraints: {max_concurrent_jobs: 4, max_queued_jobs: 1000}
outputs: [{type: message, event: check.done, destination: gate.pair}]
""",
    "rules/bots/shipbot.yaml": """\
bot: {name: ShipBot, version: 1.0.0, category: development, phase: core, responsibility: ships}
scope: [ship.run]
triggers: [{type: event, pattern: pair.ready, from: gate.pair}]
actions: [{name: ship, capability: ship.run, command: ship, emits: [ship.done]}]
constraints: {max_concurrent_jobs: 3, max_queued_jobs: 1000}
""",
    "rules/bots/slowbot.yaml": """\
bot: {name: SlowBot, version: 1.0.0, category: development, phase: core, responsibility: dawdles}
scope: [slow.run]
triggers: [{type: event, pattern: slow.asked}]
actions: [{name: dawdle, capability: slow.run, command: dawdle}]
constraints:
  max_concurrent_jobs: 1
  max_queued_jobs: 1000
  retry_policy: {max_attempts: 2, backoff: constant, initial: 1s, max: 10s}
  breaker: {failures: 2, window: 10m, cooldown: 2s}
""",
    "rules/gates.yaml": """\
gates:
  - name: pair
    doc: Made and checked
    all:
      - {pattern: make.done, from: MakeBot, as: made}
      - {pattern: check.done, from: CheckBot, as: checked}
    join_on: [payload.n]
    within: 1h
    then: {emit: pair.ready}
""",
    "graphs/dependencies.yaml": """\
edges:
  - {from: MakeBot, to: CheckBot, via: [make.done]}
  - {from: MakeBot, to: gate.pair, via: [make.done]}
  - {from: CheckBot, to: gate.pair, via: [check.done]}
  - {from: gate.pair, to: ShipBot, via: [pair.ready]}
""",
}

SAYS: Final = {"MakeBot": "make.done", "CheckBot": "check.done", "ShipBot": "ship.done"}


def lay_out(root: Path, files: dict[str, str] | None = None) -> Path:
    """Write a workspace."""
    for path, text in (files or FILES).items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return root


class Scripted:
    """Runs jobs as coroutines. Each line of the journal is what began or ended, and where.

    A plan of ``fail N`` fails the first N attempts, ``break`` breaks the contract, ``wait S``
    takes S seconds. An effect is a file that can be made only once for a job.
    """

    def __init__(self, folder: Path) -> None:
        self._effects = folder / "effects"
        self._effects.mkdir(parents=True, exist_ok=True)
        self.journal = folder / "journal"
        self._fd = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def refusal(self, bot: str, action: str, /) -> str:  # noqa: ARG002 - the port has them
        """Everything can be run."""
        return ""

    async def run(self, job: Job, /, *, on_line: OnLine) -> RunReport:
        """Do what the event says."""
        payload = msgspec.json.decode(job.event.payload)
        verb, _, much = payload.get("plan", "").partition(" ")
        self._note("begin", job)
        await asyncio.sleep(float(much) if verb == "wait" else 0.005)
        self._effect(job)
        if verb == "fail" and job.attempt <= int(much):
            self._note("end", job)
            return RunReport(status=1)
        if job.bot in SAYS:
            said = {"type": SAYS[job.bot], "payload": {"n": payload["n"]}}
            if verb == "break":
                said = {"type": "make.undone", "payload": {}}
            await on_line(json.dumps(said).encode(), _keep)
        self._note("end", job)
        return RunReport(status=0)

    def _effect(self, job: Job) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._effects / job.job, os.O_CREAT | os.O_EXCL))
            self._note("effect", job)

    def _note(self, what: str, job: Job) -> None:
        now = asyncio.get_running_loop().time()
        line = f"{what} {os.getpid()} {job.bot} {job.job} {job.attempt} {now}\n"
        os.write(self._fd, line.encode())  # one write of a short line is atomic with O_APPEND

    def notes(self) -> list[list[str]]:
        """The journal, in the order of its lines."""
        return [line.split() for line in self.journal.read_text(encoding="utf-8").splitlines()]

    def most_at_once(self, bot: str) -> int:
        """How many runs of `bot` there were at the same time, at most."""
        now = most = 0
        for what, _, whose, *_ in self.notes():
            if whose == bot:
                now += {"begin": 1, "end": -1, "effect": 0}[what]
                most = max(most, now)
        return most


async def _keep(artifact: Any) -> Any:  # noqa: ANN401 - never called
    raise AssertionError(artifact)


class Watcher:
    """Sends events to a running service, and reads what became of them."""

    def __init__(self, root: Path) -> None:
        self.config = config_of(root)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Not connected yet."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the connections."""
        await self.stop()

    async def start(self, url: str) -> None:
        """Connect as an operator who may send, and as the engine, which may read."""
        self.url = url
        self._sender = await self.client(outside_account(SENDER))
        self._publisher = Publisher(self._sender, timeout=2.0)
        await self._publisher.start()
        self._reader = await self.client("engine")

    async def client(self, user: str) -> Any:  # noqa: ANN401 - nats-py's client
        """A connection as `user`."""
        seed = read_seed(self.config.state / "keys", user)
        client = await connect(self.url, user=user, seed=seed)
        self._stack.push_async_callback(client.close)
        return client

    async def stop(self) -> None:
        """Close the connections."""
        await self._stack.aclose()

    async def emit(self, event_type: str, payload: object, **more: Any) -> str:  # noqa: ANN401 - JSON
        """Send an event until the server has it; its id."""
        envelope = {
            "id": str(uuid4()),
            "timestamp": datetime.now(UTC).isoformat(),  # noqa: TID251 - and reads the clock
            "source": SENDER,
            "type": event_type,
            "payload": payload,
        } | more
        await self.send(f"ev.{event_type}", json.dumps(envelope).encode())
        return str(envelope["id"])

    async def send(self, subject: str, body: bytes) -> None:
        """Send bytes until the server has them."""
        while True:
            try:
                await self._publisher.publish(Outgoing(subject, body))
            except BusError:
                await asyncio.sleep(0.05)
            else:
                return

    async def ask(self, verb: str, about: str = "") -> dict[str, Any]:
        """The answer of the service to an operator."""
        body = json.dumps({"id": about}).encode()
        answer = await self._sender.request(f"api.{verb}", body, timeout=10)
        said: dict[str, Any] = json.loads(answer.data)
        return said

    async def messages(self, stream: str, subject: str = ">") -> list[Delivery]:
        """Everything that a stream holds on a subject."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return [found async for found in Scanner(self._reader).all(stream, subject)]
                except (BusError, NatsError):
                    await asyncio.sleep(0.1)

    async def bodies(self, stream: str, subject: str = ">") -> list[dict[str, Any]]:
        """The same, decoded."""
        return [json.loads(found.body) for found in await self.messages(stream, subject)]

    async def count(self, stream: str, subject: str = ">") -> int:
        """How many messages a stream holds on a subject."""
        request = json.dumps({"subjects_filter": subject}).encode()
        while True:
            try:
                said = await self._reader.request(
                    f"$JS.API.STREAM.INFO.{stream}", request, timeout=2
                )
            except NatsError:
                await asyncio.sleep(0.1)
            else:
                return sum((json.loads(said.data)["state"].get("subjects") or {}).values())

    async def until_count(self, wanted: int, stream: str, subject: str = ">") -> None:
        """Wait for a number of messages."""
        await until(lambda: self._has(wanted, stream, subject), what=f"{wanted} on {subject}")

    async def _has(self, wanted: int, stream: str, subject: str) -> bool:
        return await self.count(stream, subject) >= wanted


async def until(
    holds: Callable[[], Awaitable[bool]], *, what: str = "it", patience: float = PATIENCE_S
) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(patience):
            while not await holds():  # noqa: ASYNC110 - a server in between has no event for it
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited {patience} s for {what}") from None


class Running(Watcher):
    """A service in this process, with its executor and a watcher."""

    def __init__(self, root: Path, service: Service, executor: Scripted) -> None:
        super().__init__(root)
        self.service = service
        self.executor = executor


@contextlib.asynccontextmanager
async def running(
    root: Path, executor: Executor | None = None, *, roles: tuple[str, ...] = ROLES
) -> AsyncIterator[Running]:
    """Run a service on the workspace at `root` for as long as the context lasts."""
    scripted = Scripted(root)
    checked = open_workspace(root).checked
    assert checked.sound, checked.diagnostics
    service = Service(checked, config_of(root), executor=executor or scripted, roles=roles)
    stop = asyncio.Event()
    async with service:
        task = asyncio.create_task(service.run(stop))
        watcher = Running(root, service, scripted)
        await watcher.start(service.url)
        try:
            yield watcher
        finally:
            await watcher.stop()
            stop.set()
            await task


def config_of(root: Path) -> ServiceConfig:
    """The configuration of a test's service."""
    return ServiceConfig(root / ".lotabots", outside=("cli.bob", SENDER), lease=LEASE_S)


def verdicts(record: dict[str, Any]) -> list[str]:
    """The codes (or words, where there is none) of a stored decision."""
    return [v.get("code") or v["verdict"] for v in record["decision"]["verdicts"]]


def counted(rows: list[dict[str, Any]], key: str) -> Counter[str]:
    """How often each value of `key` occurs."""
    return Counter(str(row[key]) for row in rows)


async def _serve(root: Path, roles: tuple[str, ...], url: str) -> None:
    service = Service(
        open_workspace(root).checked, config_of(root), Scripted(root), roles=roles, join=url
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with service:
        print("ready", flush=True)  # noqa: T201 - whoever started this waits for it
        await service.run(stop)


def main(root: str, roles: str, url: str = "") -> None:
    """A service process: the one that owns the server, or with `url` one that joins it."""
    configure(logging.WARNING)
    place = Path(root)
    config = config_of(place)
    config.state.mkdir(exist_ok=True)
    with contextlib.nullcontext() if url else Lock(Service(None, config).folder):  # type: ignore[arg-type] - only its folder is asked for
        asyncio.run(_serve(place, tuple(roles.split(",")), url))


if __name__ == "__main__":
    main(*sys.argv[1:])
