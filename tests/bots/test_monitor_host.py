"""MonitorBot at the door of the real host, with a real release and clients behind it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientError, ClientSession

from bots.monitoring import DEPLOYED, Post, said
from hosting_shop import Hosting, hosting, shop
from lotabots.adapters.executor.executor import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from executor.workshop import Outcome, Workshop
    from lotabots.adapters.sandbox.launch import Launcher

STEADY = (
    "import time; answer = Answer.do_GET; "
    "Answer.do_GET = lambda self: (time.sleep(0.05), answer(self))"
)
"""Takes a twentieth of a second for each answer, far more than this machine adds to it."""

SLOW = STEADY.replace("0.05", "0.3")
LATER = (
    "import itertools; count = itertools.count(); say = Answer.send_response; "
    "Answer.send_response = lambda self, code, *rest: "
    "say(self, 500 if self.path != '/healthz' and next(count) > 100 else code, *rest)"
)
"""Answers a hundred requests, and then fails; it says of itself that it is well."""

CLIENTS = 6
EMITTED = ["alert.triggered"]


class Scene:
    """A host with a service, clients of it, and a post that watches."""

    def __init__(self, hosted: Hosting, post: Post) -> None:
        self.hosted = hosted
        self.post = post

    async def watch(self, release: str) -> Outcome:
        """A watch over a release, as its deployment starts it."""
        deployed = {**DEPLOYED, "release": release, "active": release}
        executor, cause = self.post.prepared("watch", deployed, event="deploy.completed")
        return await self.post.workshop.run_async(executor, cause)

    async def run(self, action: str) -> Outcome:
        executor, cause = self.post.prepared(action)
        return await self.post.workshop.run_async(executor, cause)

    async def deploy(self, version: str, start: str = "pass", *, health: int = 200) -> str:
        made = await self.hosted.release("production", version=version, start=start, health=health)
        assert made.status == 201, made
        release: str = made.said["release"]
        assert (await self.hosted.promote("production", release)).status == 200
        return release

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Clients that ask one request after the other."""
        url = f"http://{self.hosted.hosted('production').listen}/version"

        async def client(session: ClientSession) -> None:
            while True:
                try:
                    async with session.get(url) as answer:
                        await answer.read()
                except ClientError:
                    continue

        async with ClientSession() as session:
            tasks = [asyncio.create_task(client(session)) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def play(
    workshop: Workshop, launcher: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Callable[[Scene], Awaitable[None]]], None]:
    """Play a scene before a running host."""
    folder = tmp_path_factory.mktemp("h")  # short: the path of a socket has at most 107 bytes

    def played(scene: Callable[[Scene], Awaitable[None]], **more: Any) -> None:  # noqa: ANN401
        async def all_of_it() -> None:
            service = shop("production", **more)
            async with hosting(folder, Sandbox(launcher), (service,)) as hosted:
                address = f"unix:{hosted.door('monitor')}"
                await scene(Scene(hosted, Post.at(workshop, address)))

        asyncio.run(all_of_it())

    return played


def test_a_slower_release_is_found_and_a_steady_one_is_not(play: Any):  # noqa: ANN401
    async def scene(here: Scene) -> None:
        first = await here.deploy("1", STEADY)
        async with here.busy():
            assert said(await here.watch(first)) == []
            slower = await here.deploy("2", SLOW)
            ran = await here.watch(slower)
        assert said(ran) == EMITTED
        alert = ran.payload("alert.triggered")
        assert (alert["rule"], alert["severity"]) == ("latency-anomaly", "high")
        assert (alert["service"], alert["environment"]) == ("shop", "production")
        assert alert["release"] == slower
        assert alert["value"] > 0.25
        assert 0.04 < alert["baseline"] < 0.2

    play(scene, watch=18.0)


def test_a_release_that_begins_to_fail_is_found(play: Any):  # noqa: ANN401
    async def scene(here: Scene) -> None:
        release = await here.deploy("1", LATER)
        async with here.busy():
            ran = await here.watch(release)
        assert said(ran) == EMITTED
        alert = ran.payload("alert.triggered")
        assert (alert["rule"], alert["release"]) == ("error-burst", release)

    play(scene)


def test_a_release_that_says_it_is_not_well_is_found(play: Any):  # noqa: ANN401
    async def scene(here: Scene) -> None:
        release = await here.deploy("1", health=500)
        ran = await here.watch(release)
        assert said(ran) == EMITTED
        alert = ran.payload("alert.triggered")
        assert (alert["rule"], alert["severity"]) == ("health-check", "critical")
        assert (alert["value"], alert["release"]) == (500, release)

    play(scene)


def test_a_probe_and_a_sample_of_the_real_host(play: Any):  # noqa: ANN401
    async def scene(here: Scene) -> None:
        await here.deploy("1", STEADY)
        async with here.busy():
            seen, used = await here.run("probe"), await here.run("sample")
        assert said(seen) == ["health.reported"]
        report = json.loads(here.post.report(seen, "health-report"))
        (row,) = report["targets"]
        assert (row["name"], row["state"], row["status"]) == ("shop.production", "passing", 200)
        payload = used.payload("metrics.sampled")
        assert (payload["service"], payload["instances"]) == ("shop", 1)
        assert payload["utilization"] > 0

    play(scene, capacity=50.0)


def test_a_service_without_a_release_is_no_failure(play: Any):  # noqa: ANN401
    async def scene(here: Scene) -> None:
        for _ in range(3):
            ran = await here.run("probe")
            assert said(ran) == ["health.reported"]
            assert ran.payload("health.reported")["outcome"] == "success"
        (row,) = json.loads(here.post.report(ran, "health-report"))["targets"]
        assert (row["state"], row["status"], row["release"]) == ("idle", 503, "")
        assert said(await here.run("sample")) == []

    play(scene)
