"""Processes of a service that can be killed and started again, and what they must have left."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lotabots.adapters.files.auditlog import ORIGIN, read_checkpoint, reader
from lotabots.adapters.nats.server import LOOPBACK
from lotabots.audit.note import verifier_of
from lotabots.audit.verify import entries_of, verify
from running import PATIENCE_S, until

if TYPE_CHECKING:
    from typing import Self

    from running import Watcher

SCRIPT: Final = Path(__file__).parent / "running.py"
SERVER: Final = "nats-server"


class Processes:
    """The processes of one service by name. The first one owns the server, the others join it."""

    def __init__(self, root: Path, roles: dict[str, str]) -> None:
        self.root = root
        self._roles = roles
        self._owner = next(iter(roles))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.every_pid: set[int] = set()
        self.killed: dict[int, float] = {}
        self.log = (root / "processes.log").open("ab")

    async def __aenter__(self) -> Self:
        """Start all."""
        await self.start_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Leave no process, also of a test that failed."""
        for process in self._running.values():
            process.kill()
            process.wait()
        self.log.close()

    @property
    def url(self) -> str:
        """Where the server is; the same after every start."""
        port = json.loads((self.root / ".lotabots/nats/ports.json").read_text())[0]
        return f"nats://{LOOPBACK}:{port}"

    def start(self, name: str) -> None:
        """Start a process; `ready` waits for it."""
        url = [] if name == self._owner else [self.url]
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.root), self._roles[name], *url],
            stdout=self.log,
            stderr=self.log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SCRIPT.parent), *sys.path])},
        )
        self._running[name] = process
        self.every_pid.add(process.pid)

    async def start_all(self) -> None:
        """Start the owner, and when the server is there, the others."""
        self.start(self._owner)
        await until(self._is_announced, what="the owner")
        for name in list(self._roles)[1:]:
            self.start(name)

    async def _is_announced(self) -> bool:
        return os.access(self.root / ".lotabots/run.json", os.R_OK)

    def add(self, name: str, roles: str) -> None:
        """Let one more process join."""
        self._roles = self._roles | {name: roles}
        self.start(name)

    def pid(self, name: str) -> int:
        """The process id of a process, or of the server; 0 if it does not run."""
        if name == SERVER:
            return self._server_pid()
        process = self._running.get(name)
        return process.pid if process is not None and process.poll() is None else 0

    def _server_pid(self) -> int:
        owner = self._running[self._owner].pid
        try:
            children = Path(f"/proc/{owner}/task/{owner}/children").read_text().split()
        except OSError:
            return 0
        return int(children[0]) if children else 0

    def wait(self, name: str) -> int:
        """Wait for the end of a process; its exit status."""
        return self._running[name].wait(20)

    def kill(self, name: str) -> bool:
        """Kill a process as nothing else does; False if there is none at the moment."""
        pid = self.pid(name)
        if not pid:
            return False
        self.every_pid.add(pid)
        os.kill(pid, signal.SIGKILL)
        self.killed[pid] = asyncio.get_running_loop().time()
        if name != SERVER:
            self._running[name].wait()
        return True

    def keep(self) -> None:
        """Start again what does not run."""
        for name in self._roles:
            if not self.pid(name):
                self.start(name)

    async def kill_at_random(self, times: int, *, seed: int, pause: tuple[float, float]) -> None:
        """Kill any of them, `times` in all, and start it again, at random moments."""
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        names = [*self._roles, SERVER]
        done = 0
        while done < times:
            await asyncio.sleep(chance.uniform(*pause))
            done += self.kill(chance.choice(names))
            self.keep()

    async def stop_all(self) -> None:
        """End all as an operator does, the owner last; none may need force."""
        server = self._server_pid()
        self.every_pid.add(server)
        for name in reversed(self._roles):
            process = self._running[name]
            process.send_signal(signal.SIGTERM)
            try:
                status = await asyncio.to_thread(process.wait, 20)
            finally:
                process.kill()
            assert status == 0, f"{name} ended with {status}"
        assert not [pid for pid in self.every_pid if os.access(f"/proc/{pid}", os.F_OK)]
        assert not os.access(self.root / ".lotabots/run.json", os.F_OK)


async def assert_nothing_lost(watcher: Watcher, *, events: int) -> None:
    """What must hold of `events` of the chain when all is quiet: each happened once, all is there.

    Each event of the chain makes three jobs: MakeBot's, CheckBot's, and by the gate ShipBot's.
    """
    await watcher.until_count(3 * events, "LB_OUTCOMES")
    await until(lambda: _all_decided(watcher), what="all decisions")
    records = await watcher.bodies("LB_DECISIONS")
    decisions = [r for r in records if not _is_gates(r)]
    outcomes = await watcher.bodies("LB_OUTCOMES")
    assert Counter(r["sequence"] for r in decisions).most_common(1)[0][1] == 1
    given_out = Counter(job["job"] for r in decisions for job in r["jobs"])
    assert set(given_out.values()) == {1}
    assert Counter(row["job"] for row in outcomes) == given_out
    assert Counter(row["bot"] for row in outcomes) == dict.fromkeys(
        ("MakeBot", "CheckBot", "ShipBot"), events
    )
    assert {row["outcome"] for row in outcomes} == {"success"}


def assert_runs_were_alone(notes: list[list[str]], killed: dict[int, float]) -> int:
    """No job ran while another run of it was alive, none twice but for a kill; repeated runs."""
    going: dict[str, tuple[int, float]] = {}
    ended: set[tuple[str, str]] = set()
    repeated = 0
    effects: Counter[str] = Counter()
    for what, pid, _, job, attempt, at in notes:
        if what == "effect":
            effects[job] += 1
        elif what == "end":
            going.pop(job, None)
            ended.add((job, attempt))
        else:
            repeated += (job, attempt) in ended
            if job in going:
                repeated += 1
                earlier, _ = going[job]
                assert killed.get(earlier, float("inf")) <= float(at), f"{job} ran twice at once"
            going[job] = (int(pid), float(at))
    assert set(effects.values()) == {1}
    return repeated


async def assert_audited(watcher: Watcher, root: Path) -> None:
    """The audit log verifies and holds every record of the streams."""
    streams = ("LB_DECISIONS", "LB_ATTEMPTS", "LB_OUTCOMES", "LB_CONTROL")
    folder = root / ".lotabots/audit"
    verifier = verifier_of(ORIGIN, (root / ".lotabots/keys/audit.key").read_bytes())

    async def is_covered() -> bool:
        wanted = sum([await watcher.count(name) for name in streams])
        report = verify(read_checkpoint(folder), verifier, reader(folder))
        return not report.faults and report.entries == wanted

    await until(is_covered, what="the audit log", patience=PATIENCE_S)
    report = verify(read_checkpoint(folder), verifier, reader(folder))
    leaves = [json.loads(entry) for entry in entries_of(report.entries, reader(folder))]
    for name in streams:
        there = Counter(found.subject for found in await watcher.messages(name))
        logged = Counter(x["subject"] for x in leaves if x["origin"].startswith(f"{name} "))
        assert logged == there


async def _all_decided(watcher: Watcher) -> bool:
    records = await watcher.bodies("LB_DECISIONS")
    decided = {r["sequence"] for r in records if not _is_gates(r)}
    return len(decided) == await watcher.count("LB_EVENTS")


def _is_gates(record: dict[str, object]) -> bool:
    """Whether a record is the gatekeeper's: its verdicts are on gates only."""
    decision = record["decision"]
    assert isinstance(decision, dict)
    targets = [verdict["target"] for verdict in decision["verdicts"]]
    return bool(targets) and all(target.startswith("gate.") for target in targets)
