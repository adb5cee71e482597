"""MonitorBot with something to monitor: a strict stand-in for the host's door, as documented."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bots.checking import the_fleet
from executor.workshop import ROOT, job
from lotabots.frozen import replace
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.executor.executor import SandboxExecutor
    from lotabots.policy.contract import Job

FIELDS = ("requests_total", "errors_total", "latency_seconds_count", "latency_seconds_sum")
RELEASE = "2-ab12cd34ef56"
DEPLOYED = {
    "action": "deploy",
    "environment": "production",
    "service": "shop",
    "release": RELEASE,
    "active": RELEASE,
}


def target(name: str = "shop.production", **fields: object) -> dict[str, Any]:
    """A target as the door describes it."""
    usual = {
        "service": "shop",
        "environment": "production",
        "release": RELEASE,
        "health": "/healthz",
        "watch_s": 3,
        "capacity": 50,
        "instances": 2,
    }
    return {"name": name, **usual, **fields}


def external(name: str, **fields: object) -> dict[str, Any]:
    """A target that the host does not run."""
    others = {"release": None, "watch_s": 0, "capacity": None, "instances": None}
    return target(name, **{**others, **fields})


def load(requests: int = 50, errors: int = 0, *, ms: float = 20.0) -> tuple[float, ...]:
    """What happens between two readings."""
    return (requests, errors, requests, requests * ms / 1000)


@dataclass(eq=False)
class Host:
    """What is behind the door; `traffic` happens to the active release before each reading."""

    targets: list[dict[str, Any]] = field(default_factory=lambda: [target()])
    health: dict[str, tuple[int, str]] = field(default_factory=dict)
    traffic: Callable[[int], tuple[float, ...]] = lambda _reading: load()
    counters: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    dripping: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    readings: int = 0
    look: Callable[[str], None] = lambda _path: None

    def answer(self, path: str) -> tuple[int, bytes]:
        if path == "/targets":
            return 200, json.dumps(self.targets).encode()
        if path == "/metrics":
            return 200, self.metrics().encode()
        if path.startswith("/probe/"):
            name = unquote(path.removeprefix("/probe/"))
            if any(one["name"] == name for one in self.targets):
                status, body = self.health.get(name, (200, "well"))
                return 200, json.dumps({"status": status, "ms": 1.5, "body": body}).encode()
        return 404, b'{"error": "there is no such thing here"}'

    def metrics(self) -> str:
        self.readings += 1
        for one in self.targets:
            if one["release"]:
                key = (one["service"], one["environment"], one["release"])
                found = self.counters.setdefault(key, [0, 0, 0, 0.0])
                more = self.traffic(self.readings)
                found[:] = [was + now for was, now in zip(found, more, strict=True)]
        lines = ["# HELP lotabots_front_requests_total Requests", "other_total 5", ""]
        for (service, environment, release), values in self.counters.items():
            labels = f'service="{service}",environment="{environment}",release="{release}"'
            lines += [
                f"lotabots_front_{name}{{{labels}}} {value}"
                for name, value in zip(FIELDS, values, strict=True)
            ]
            lines.append(f'lotabots_front_latency_seconds_bucket{{{labels},le="+Inf"}} {values[2]}')
        return "\n".join(lines) + "\n"

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
                self.over.set()
                server.shutdown()
                thread.join()


class _Socket(ThreadingHTTPServer):
    daemon_threads = True
    host: Host

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: _Socket
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host = self.server.host
        host.asked.append(self.path)
        host.look(self.path)
        if self.path == host.dripping:
            self.drip()
            return
        if self.path in host.raw:
            self.wfile.write(host.raw[self.path])
            self.close_connection = True
            return
        status, body = host.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """Say a little again and again, for as long as anybody listens."""
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        with suppress(OSError):
            while not self.server.host.over.wait(0.1):
                self.wfile.write(b"y")

    def log_message(self, *_: object) -> None:
        return


@dataclass
class Post:
    """MonitorBot under its own rules, before a door."""

    workshop: Workshop
    host: Host
    address: str
    jobs: int = 0

    @classmethod
    def at(cls, workshop: Workshop, address: str) -> Post:
        """A post before the door of a real host."""
        workshop.bots = ROOT / "bots"
        return cls(workshop, Host(), address)

    def run(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        event: str = "schedule.tick",
        key: str = "",
        timeout: int = 900,
    ) -> Outcome:
        """One run of an action; each is a job of its own unless `key` names it."""
        prepared = self.prepared(action, payload, event=event, key=key, timeout=timeout)
        return self.workshop.run(*prepared)

    def prepared(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        event: str = "schedule.tick",
        key: str = "",
        timeout: int = 900,
    ) -> tuple[SandboxExecutor, Job]:
        """What runs, and the job."""
        self.jobs += 1
        fleet = the_fleet()
        hurried = [
            replace(one, constraints=replace(one.constraints, timeout=timeout))
            for one in fleet.bots
        ]
        self.workshop.relays = {"monitor": self.address}
        executor = self.workshop.executor(replace(fleet, bots=tuple(hurried)))
        assert executor.refusal("MonitorBot", action) == ""
        name = key or f"job{self.jobs}"
        return executor, job(payload, type=event, bot="MonitorBot", action=action, job=name)

    def watch(self, *, timeout: int = 900, **changes: object) -> Outcome:
        """What a watch over a new release says."""
        deployed = {**DEPLOYED, **changes}
        return self.run("watch", deployed, event="deploy.completed", timeout=timeout)

    def state(self) -> dict[str, Any]:
        """What MonitorBot remembers of alerts."""
        path = self.workshop.folder / "state/MonitorBot/alerts.json"
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found

    def baseline(self, known: Mapping[str, float] | None = None) -> dict[str, Any]:
        """What it remembers as usual of the one service that it watched; first made `known`."""
        (note,) = (self.workshop.folder / "state/MonitorBot/baselines").iterdir()
        if known is not None:
            note.write_text(json.dumps(known))
        found: dict[str, Any] = json.loads(note.read_bytes())
        return found

    def report(self, ran: Outcome, kind: str) -> bytes:
        """A file that a `health.reported` handed over."""
        reports = ran.payload("health.reported")["reports"]
        (found,) = [one for one in reports if one["kind"] == kind]
        return self.workshop.blobs.path(found["digest"]).read_bytes()


@contextmanager
def a_post(workshop: Workshop) -> Iterator[Post]:
    """A post before a door behind which all is well."""
    workshop.bots = ROOT / "bots"
    host = Host()
    with host.serving() as address:
        yield Post(workshop, host, address)


def said(ran: Outcome, *, status: int = 0) -> list[str]:
    """The types of the events, all of which must keep the contract."""
    assert (ran.codes, ran.report.status) == ([], status), (ran.judged, ran.report, ran.log)
    return [one.type for one in ran.judged if isinstance(one, Emitted)]
