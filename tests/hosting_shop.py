"""A real host on a folder of its own, with a small sample service to release, for tests.

`hosting(tmp_path)` is a host with the service `shop` in `staging` and `production`; its method
`tree` writes what `pip install --target` would have written of a wheel, `call` speaks through a
door, `get` is a client of a front.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, UnixConnector

from lotabots.adapters.clock import SystemClock
from lotabots.adapters.executor.executor import Sandbox
from lotabots.adapters.hosting.host import Host, Plan
from lotabots.adapters.hosting.releases import incoming
from lotabots.adapters.sandbox.report import Level
from lotabots.policy.hosting import Hosted
from lotabots.service.workers import proved
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from lotabots.policy.hosting import Target
    from lotabots.runtime.ports import Clock

PATIENCE_S: Final = 60.0
"""How long a test waits for what must come; only a failing test waits that long."""

SHOP: Final = '''\
"""A service: says its version at /version, is healthy at /healthz, slow at /slow, ends at /end."""

import http.server
import os
import sys
import threading

VERSION = {version!r}
HEALTH = {health!r}
gate = threading.Event()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = HEALTH if self.path == "/healthz" else 200
        body = VERSION
        if self.path == "/env":
            body = repr(sorted(os.environ.items()))
        elif self.path == "/end":
            os._exit(3)
        elif self.path == "/slow":
            gate.wait()
        elif self.path == "/go":
            gate.set()
        elif self.path == "/write":
            try:
                open(__file__, "a").close()
                body = "written"
            except OSError as error:
                body = type(error).__name__
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, form, *rest):
        sys.stderr.write(form % rest + "\\n")


def main():
    {start}
    where = ("127.0.0.1", int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(where, Answer).serve_forever()
'''


class Answer(NamedTuple):
    """An HTTP answer; `said` is its JSON, or its text where it is none."""

    status: int
    said: Any


def shop(environment: str, **more: Any) -> Hosted:  # noqa: ANN401 - attributes of Hosted
    """The sample service in an environment, on a free port."""
    given = {"run": "shop", "listen": f"127.0.0.1:{free_port()}", "health": "/healthz"} | more
    return Hosted(service="shop", environment=environment, **given)


class Notebook(list[tuple[str, "Mapping[str, Any]"]]):
    """What a host put on record; it takes changes as long as it is not `full`."""

    full = False

    def __call__(self, verb: str, about: Mapping[str, Any], /) -> None:
        """Put on record."""
        self.append((verb, about))


class Hosting:
    """A running host. `records` is what it put on record."""

    def __init__(
        self, state: Path, plan: Plan, sandbox: Sandbox, clock: Clock | None = None
    ) -> None:
        self.state = state
        self.plan = plan
        self.records = Notebook()
        self.host = Host(
            state,
            plan,
            sandbox=sandbox,
            clock=clock or SystemClock(),
            record=self.records,
        )

    def door(self, name: str) -> Path:
        """The socket of a door."""
        return self.host.door(name)

    def hosted(self, environment: str, service: str = "shop") -> Hosted:
        """The configuration of a service."""
        return next(
            one
            for one in self.plan.services
            if (one.service, one.environment) == (service, environment)
        )

    def tree(
        self,
        environment: str,
        name: str,
        *,
        version: str = "1",
        health: int = 200,
        start: str = "pass",
        script: str = "shop",
    ) -> Path:
        """Put an installed sample into `incoming`; `start` is a line that runs before it serves."""
        folder = incoming(self.state, environment) / name
        sample(folder, version=version, health=health, start=start, script=script)
        return folder

    async def call(
        self, door: str, method: str, path: str, body: Mapping[str, Any] | bytes | None = None
    ) -> Answer:
        """Ask the host through a door."""
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        with short(self.door(door)) as way:
            async with (
                ClientSession(
                    connector=UnixConnector(way), timeout=ClientTimeout(PATIENCE_S)
                ) as session,
                session.request(
                    method, f"http://host{path}", data=None if method == "GET" else data
                ) as answer,
            ):
                return Answer(answer.status, _plain(await answer.read()))

    async def release(
        self,
        environment: str,
        *,
        version: str = "1",
        job: str = "",
        **more: Any,  # noqa: ANN401 - of `tree`
    ) -> Answer:
        """Seal and start the sample; its artifact is the digest of its version."""
        name = f"in-{version}"
        self.tree(environment, name, version=version, **more)
        body = {
            "incoming": name,
            "artifact": artifact(version),
            "change": f"c{version}",
            "job": job or f"job-{version}",
        }
        path = f"/services/shop/{environment}/releases"
        return await self.call(f"deploy-{environment}", "POST", path, body)

    async def deploy(self, environment: str, *, version: str = "1", start: str = "pass") -> str:
        """Release the sample and promote it; the release's name."""
        made = await self.release(environment, version=version, start=start)
        assert made.status == 201, made
        promoted = await self.promote(environment, made.said["release"])
        assert promoted.status == 200, promoted
        name: str = made.said["release"]
        return name

    async def promote(self, environment: str, release: str, door: str = "", **more: str) -> Answer:
        """Promote a release."""
        path = f"/services/shop/{environment}/releases/{release}/promote"
        return await self.call(
            door or f"deploy-{environment}", "POST", path, {"job": f"promote-{release}"} | more
        )

    async def status(self, environment: str) -> dict[str, Any]:
        """The status of the sample."""
        said: dict[str, Any] = (
            await self.call("monitor", "GET", f"/services/shop/{environment}")
        ).said
        return said

    async def states(self, environment: str) -> dict[str, str]:
        """The state of each release, by its name."""
        found = (await self.status(environment))["releases"]
        return {row["release"]: row["state"] for row in found}

    async def get(self, environment: str, path: str = "/version") -> Answer:
        """A request of a client to the front."""
        return await get(self.hosted(environment).listen, path)


@contextlib.asynccontextmanager
async def hosting(
    folder: Path,
    sandbox: Sandbox,
    services: tuple[Hosted, ...] = (),
    targets: tuple[Target, ...] = (),
    clock: Clock | None = None,
) -> AsyncIterator[Hosting]:
    """A host that runs as long as the context lasts."""
    plan = Plan(services or (shop("staging"), shop("production")), targets)
    running = Hosting(folder / ".lotabots", plan, sandbox, clock)
    async with running.host:
        yield running


@pytest.fixture(scope="session")
def hosting_sandbox() -> Iterator[Sandbox]:
    """The strict sandbox; where the host cannot make one, tests skip at home and fail in CI."""
    launcher, finding = proved(Level.STRICT)
    if launcher is None or not finding.holds:
        if os.environ.get("CI"):
            pytest.fail(f"the sandbox must work in CI: {finding.reason}")
        pytest.skip(f"this host has no such sandbox: {finding.reason}")
    with launcher:
        yield Sandbox(launcher)


def sample(
    folder: Path,
    *,
    version: str = "1",
    health: int = 200,
    start: str = "pass",
    script: str = "shop",
) -> None:
    """Write the installed tree of the sample wheel."""
    info = folder / f"shop-{version}.dist-info"
    info.mkdir(parents=True)
    text = SHOP.format(version=version, health=health, start=start)
    (folder / "shop.py").write_text(text, encoding="utf-8")
    points = f"[console_scripts]\n{script} = shop:main\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def artifact(version: str) -> str:
    """The digest that stands for the wheel of a version."""
    return f"sha256:{hashlib.sha256(version.encode()).hexdigest()}"


async def get(listen: str, path: str) -> Answer:
    """One request on a connection of its own; status 0 where nobody answers."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(PATIENCE_S)) as session,
            session.get(f"http://{listen}{path}") as answer,
        ):
            return Answer(answer.status, _plain(await answer.read()))
    except (OSError, ClientError) as error:
        return Answer(0, str(error))


async def until(holds: Any, *, what: str = "it") -> None:  # noqa: ANN401 - an asynchronous question
    """Wait until something holds."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 - another process has no event for it
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited {PATIENCE_S} s for {what}") from None


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """A short way to `path`: that of a socket has at most 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _plain(data: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
