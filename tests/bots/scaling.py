"""ScalingBot under its own rules, before a stand-in for the host's door for scaling."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from msgspec import structs

from bots.checking import the_fleet
from executor.workshop import ROOT, job
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.executor.executor import SandboxExecutor
    from lotabots.policy.contract import Job

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday."""

BUSY = {
    "service": "shop",
    "environment": "production",
    "direction": "up",
    "instances": 2,
    "utilization": 1.6,
}
LEASED = "2026-03-02T13:00:00+00:00"


@dataclass(eq=False)
class Host:
    """What is behind the door: a number within bounds; `raw` is said instead, by method.

    No more than `up` instances come up.
    """

    wanted: int = 2
    bounds: tuple[int, int] = (1, 8)
    up: int = 1000
    status: int = 200
    raw: dict[str, bytes] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, body: dict[str, Any]) -> tuple[int, bytes]:
        """What the door says to a sound request."""
        if method in self.raw:
            return self.status, self.raw[method]
        least, most = self.bounds
        if method == "GET":
            said: dict[str, Any] = {"wanted": self.wanted, "bounds": {"min": least, "max": most}}
            return self.status, json.dumps(said).encode()
        self.asked.append(body)
        if body["instances"] > self.up:
            return 503, b'{"error": "not all instances come up", "code": "not-up"}'
        before, self.wanted = self.wanted, body["instances"]
        until = LEASED if self.wanted > least else None
        said = {"from": before, "to": self.wanted, "until": until}
        return self.status, json.dumps(said).encode()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address of the door, while it is open."""
        with _Socket(("127.0.0.1", 0), _Handler) as server:
            server.host = self
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            try:
                yield f"127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()
                thread.join()


class _Socket(ThreadingHTTPServer):
    daemon_threads = True
    host: Host


class _Handler(BaseHTTPRequestHandler):
    server: _Socket

    def do_GET(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))) or "{}")
        is_ours = self.path.startswith("/services/shop/production")
        status, said = self.server.host.answer(self.command, body) if is_ours else (404, b"{}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_GET  # noqa: N815 - the name is http.server's

    def log_message(self, *_: object) -> None:
        return


@dataclass
class Post:
    """ScalingBot before a door; time goes on only by `minutes`."""

    workshop: Workshop
    address: str
    minutes: float = 0
    jobs: int = 0

    @classmethod
    def at(cls, workshop: Workshop, address: str) -> Post:
        """A post before that door."""
        workshop.bots = ROOT / "bots"
        return cls(workshop, address)

    def prepared(
        self, action: str, payload: Mapping[str, Any] | None, *, event: str, key: str = ""
    ) -> tuple[SandboxExecutor, Job]:
        """What runs, and the job."""
        self.jobs += 1
        self.workshop.relays = {"scale": self.address}
        executor = self.workshop.executor(the_fleet())
        assert executor.refusal("ScalingBot", action) == ""
        name = key or f"job{self.jobs}"
        made = job(payload, type=event, bot="ScalingBot", action=action, job=name)
        at = START + timedelta(minutes=self.minutes)
        cause = structs.replace(made.event, timestamp=at)
        return executor, structs.replace(made, event=cause)

    def run(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        event: str = "scale.requested",
        key: str = "",
    ) -> Outcome:
        """One run; each is a job of its own unless `key` names it."""
        return self.workshop.run(*self.prepared(action, payload, event=event, key=key))

    def scale(self, *, key: str = "", **changes: object) -> Outcome:
        """What it does about a busy service."""
        return self.run("scale", {**BUSY, **changes}, key=key)

    def record(self, utilization: float, *, instances: int = 2, service: str = "shop") -> None:
        """Have a sample remembered."""
        place = {"service": service, "environment": "production"}
        payload = {**place, "instances": instances, "utilization": utilization}
        assert said(self.run("record", payload, event="scale.measured")) == []


def said(ran: Outcome, *, status: int = 0) -> list[str]:
    """The types of the events, all of which must keep the contract."""
    assert (ran.codes, ran.report.status) == ([], status), (ran.judged, ran.report, ran.log)
    return [one.type for one in ran.judged if isinstance(one, Emitted)]
