"""DeployBot with a host: real wheels, real releases, the real sandbox, and a wire in between."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace as replace_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bots.checking import ATTEMPTS, REPORT_ATTEMPTS, the_fleet, toolbox
from bots.trials import wheel
from bots.wires import Wire
from executor.workshop import COMMIT, ROOT, job
from hosting_shop import get, hosting, shop
from lotabots.adapters.hosting.releases import incoming
from lotabots.frozen import replace
from lotabots.policy.contract import Emitted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from bots.wires import Asked, Fault, Way
    from executor.workshop import Outcome, Workshop
    from hosting_shop import Answer, Hosting
    from lotabots.adapters.executor.executor import Sandbox, SandboxExecutor
    from lotabots.policy.contract import Job

ENVIRONMENTS = ("staging", "production")
DOORS = ("deploy-staging", "deploy-production", "rollback")
ACTIONS = {name: f"deploy-{name}" for name in ENVIRONMENTS}
SERVES = """
import http.server, os, sys
VERSION = {version!r}
class Handler(http.server.BaseHTTPRequestHandler):
    count = 0
    def do_GET(self):
        Handler.count += 1
        status, body = 200, VERSION.encode()
{health}
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
def main():
{start}
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
BAD_IN_PRODUCTION = 'if os.environ.get("SHOP_PLACE") == "production": status, body = 500, b"no"'

PRELUDE = """
import http.client
given = job["event"]["payload"]["given"]
def ask(method, path, body=None):
    (address,) = paths["relays"].values()
    host, _, port = address.partition(":")
    door = http.client.HTTPConnection(host, int(port), timeout=10)
    data = None if body is None else json.dumps(body)
    door.request(method, path, data, {"Connection": "close"})
    answer = door.getresponse()
    return f"{answer.status} {answer.read().decode()}"
def connect(host, port):
    with socket.create_connection((host, port), timeout=5):
        return "connected"
"""


def service(
    version: str = "1.0",
    *,
    name: str = "shop",
    health: str = "pass",
    start: str = "pass",
    needs: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
) -> tuple[str, bytes]:
    """The wheel of a service, by its file name; `health` and `start` are statements in it."""
    code = SERVES.format(version=version, health=f"        {health}", start=f"    {start}")
    entry = f"[console_scripts]\n{name} = {name}:main\n"
    held = {f"{name}.py": code, f"{name}-{version}.dist-info/entry_points.txt": entry}
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    built = wheel({**held, **(files or {})}, metadata=metadata, stem=f"{name}-{version}")
    return f"{name}-{version}-py3-none-any.whl", built


class Quay:
    """DeployBot under its own rules, and the host that it talks to by wires."""

    restart: Callable[[], None]
    """End the host and start it again with what it has on disk."""

    def __init__(self, workshop: Workshop, host: Hosted, wires: Mapping[str, Wire]) -> None:
        toolbox("deploy")
        workshop.bots = ROOT / "bots"
        self.workshop = workshop
        self.host = host
        self.wires = wires
        self.fleet = the_fleet()
        self.wheelhouse = workshop.folder / "wheelhouse"
        self.wheelhouse.mkdir()
        for name in ENVIRONMENTS:
            workshop.places[f"releases:{name}"] = host.incoming(name)
        workshop.places["wheelhouse"] = self.wheelhouse

    def deploy(
        self,
        built: tuple[str, bytes],
        *,
        to: str = "staging",
        service: str = "shop",
        job: str = "job1",
        **artifact: Any,  # noqa: ANN401 - members of the artifact
    ) -> Outcome:
        """What comes of asking for a deployment."""
        payload = self.asked("deploy", built, to=to, service=service)
        payload["artifact"] |= artifact
        return self.run(ACTIONS[to], payload, job=job)

    def rollback(
        self, release: str | None, *, to: str = "production", job: str = "job9"
    ) -> Outcome:
        """What comes of asking for the withdrawal of a release."""
        payload = self.asked("rollback", service(), to=to, service="shop")
        payload |= {"reason": "a serious alert", **({"release": release} if release else {})}
        return self.run("rollback", payload, job=job)

    def asked(
        self, action: str, built: tuple[str, bytes], *, to: str, service: str
    ) -> dict[str, Any]:
        """The payload of `deploy.requested`."""
        blob = self.workshop.blobs.put_bytes(built[1])
        return {
            "action": action,
            "environment": to,
            "service": service,
            "repository": "shop",
            "change": {"id": COMMIT},
            "artifact": {
                "name": built[0], "kind": "wheel", "digest": blob.digest, "size": blob.size
            },
        }  # fmt: skip

    def run(self, action: str, payload: Mapping[str, Any], *, job: str) -> Outcome:
        return self.workshop.run(*self._prepared(action, payload, job))

    def rogue(self, script: str, action: str, **given: object) -> tuple[Outcome, dict[str, str]]:
        """Put `script` in DeployBot's place, under its grants; what it did and what it tried."""
        home = self.workshop.folder / "rogue/deploy"
        home.mkdir(parents=True)
        (home / "manifest.yaml").write_bytes((ROOT / "bots/deploy/manifest.yaml").read_bytes())
        (home / "__main__.py").write_text(ATTEMPTS + PRELUDE + script + REPORT_ATTEMPTS)
        self.workshop.bots = home.parent
        to = "production" if action == "deploy-production" else "staging"
        payload = self.asked("deploy", service(), to=to, service="shop")
        ran = self.run(action, {**payload, "given": given}, job="job1")
        assert ran.log, (ran.report, ran.judged)
        tried: dict[str, str] = json.loads(ran.log.splitlines()[-1])
        return ran, tried

    def crash(self, verb: str, action: str, payload: Mapping[str, Any], *, job: str) -> None:
        """Kill the bot when the host has done `verb`, before anybody hears of it."""
        asyncio.run(self._crash(verb, *self._prepared(action, payload, job)))

    async def _crash(self, verb: str, executor: SandboxExecutor, cause: Job) -> None:
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()

        def last(way: Way) -> None:
            way.ask()
            loop.call_soon_threadsafe(reached.set)
            way.over.wait()

        with self.failing(verb, last):
            task = asyncio.ensure_future(self.workshop.run_async(executor, cause))
            await asyncio.wait_for(reached.wait(), 60)
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()

    def _prepared(
        self, action: str, payload: Mapping[str, Any], name: str
    ) -> tuple[SandboxExecutor, Job]:
        executor = self.workshop.executor(self.fleet)
        assert executor.refusal("DeployBot", action) == ""
        return executor, job(
            payload, type="deploy.requested", bot="DeployBot", action=action, job=name
        )

    @contextmanager
    def failing(self, verb: str, fault: Fault | bytes, *, times: int = 1) -> Iterator[None]:
        """The next requests for `verb` go wrong, on all wires."""
        left = threading.Semaphore(times)

        def choose(asked: Asked) -> Fault | bytes | None:
            return fault if asked.verb == verb and left.acquire(blocking=False) else None

        for wire in self.wires.values():
            wire.fault = choose
        try:
            yield
        finally:
            for wire in self.wires.values():
                wire.fault = lambda _asked: None

    def hurry(self, timeout: int) -> None:
        """Give jobs only `timeout` seconds."""
        bots = (
            replace(one, constraints=replace(one.constraints, timeout=timeout))
            for one in self.fleet.bots
        )
        self.fleet = replace(self.fleet, bots=tuple(bots))

    def status(self, to: str = "staging", service: str = "shop") -> dict[str, Any]:
        """What the host says of a service."""
        path = f"/services/{service}/{to}"
        said: dict[str, Any] = self.host.call("monitor", "GET", path).said
        return said

    def active(self, to: str = "staging", service: str = "shop") -> str | None:
        """The release in service."""
        active: str | None = self.status(to, service)["active"]
        return active

    def states(self, to: str = "staging", service: str = "shop") -> list[str]:
        """The states of all releases that are still there, the oldest first."""
        return [row["state"] for row in reversed(self.status(to, service)["releases"])]

    def serves(self, to: str = "staging", service: str = "shop") -> str:
        """What clients get."""
        return self.host.get(self.status(to, service)["listen"])

    def incoming(self, to: str = "staging") -> list[str]:
        """What lies where DeployBot writes."""
        return [path.name for path in self.host.incoming(to).iterdir()]

    def report(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The deployment history of a result."""
        (found,) = [one for one in payload["reports"] if one["kind"] == "deployment-history"]
        value: dict[str, Any] = json.loads(self.workshop.blobs.path(found["digest"]).read_bytes())
        return value


class Hosted:
    """A real host in a thread of its own, for callers that do not wait for anything else."""

    def __init__(self, hosting: Hosting, loop: asyncio.AbstractEventLoop) -> None:
        self._hosting = hosting
        self._loop = loop

    def incoming(self, environment: str) -> Path:
        return incoming(self._hosting.state, environment)

    def door(self, name: str) -> Path:
        return self._hosting.door(name)

    def call(self, door: str, method: str, path: str, body: Any = None) -> Answer:  # noqa: ANN401 - JSON
        return self._do(self._hosting.call(door, method, path, body))

    def get(self, listen: str) -> str:
        return str(self._do(get(listen, "/")).said)

    def _do(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(60)


@contextmanager
def _hosted(folder: Path, sandbox: Sandbox) -> Iterator[Hosted]:
    """A host with two services in two environments."""
    services = tuple(
        replace_fields(shop(environment, env={"SHOP_PLACE": environment}), service=name, run=name)
        for name in ("shop", "desk")
        for environment in ENVIRONMENTS
    )
    ready: Future[tuple[Hosting, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        try:
            async with hosting(folder, sandbox, services) as made:
                over = asyncio.Event()
                ready.set_result((made, asyncio.get_running_loop(), over))
                await over.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    made, loop, over = ready.result(60)
    try:
        yield Hosted(made, loop)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@contextmanager
def quay(workshop: Workshop, sandbox: Sandbox) -> Iterator[Quay]:
    """A host with the services `shop` and `desk`, and DeployBot before its doors."""
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="lb-") as folder, ExitStack() as stack:
        hosts = stack.enter_context(ExitStack())
        host = hosts.enter_context(_hosted(Path(folder), sandbox))
        wires = {}
        for door in DOORS:
            end = Path(folder, f"{door}.wire")
            wires[door] = stack.enter_context(Wire(host.door(door)).at(end))
            workshop.relays[door] = f"unix:{end}"
        made = Quay(workshop, host, wires)

        def restart() -> None:
            hosts.close()
            made.host = hosts.enter_context(_hosted(Path(folder), sandbox))

        made.restart = restart
        yield made


def completed(ran: Outcome) -> dict[str, Any]:
    """The payload of `deploy.completed`, which must keep the contract."""
    return _only(ran, "deploy.completed")


def failed(ran: Outcome) -> dict[str, Any]:
    """The payload of `deploy.failed`, which must keep the contract."""
    return _only(ran, "deploy.failed")


def _only(ran: Outcome, event: str) -> dict[str, Any]:
    said = [one.type for one in ran.judged if isinstance(one, Emitted)]
    assert said == ["deploy.started", event], (ran.judged, ran.report, ran.log)
    assert (ran.report.status, ran.codes) == (0, []), (ran.judged, ran.log)
    payload = ran.payload(event)
    assert "\n" not in payload.get("reason", "")
    return payload
