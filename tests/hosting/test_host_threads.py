"""A release that takes a thread for each connection survives any number of clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hosting_shop import Answer, Hosting, get, hosting, shop, until

if TYPE_CHECKING:
    from pathlib import Path

    from lotabots.adapters.executor.executor import Sandbox
    from lotabots.adapters.hosting.front import Front

CLIENTS = 200
SITE = "/services/shop/staging"


def front_of(host: Hosting) -> Front:
    return host.host.site("shop", "staging").front


async def crowd(host: Hosting, path: str) -> list[asyncio.Task[Answer]]:
    listen = host.hosted("staging").listen
    return [asyncio.create_task(get(listen, path)) for _ in range(CLIENTS)]


@pytest.mark.parametrize(
    "bounds", [{}, {"processes": 16, "connections": 8}], ids=["by default", "narrow"]
)
async def test_clients_at_once_are_all_answered_by_the_same_instance(
    tmp_path: Path, hosting_sandbox: Sandbox, bounds: dict[str, int]
):
    async with hosting(tmp_path, hosting_sandbox, (shop("staging", **bounds),)) as host:
        await host.deploy("staging", version="v1")
        instances = front_of(host).upstreams
        for _ in range(3):
            answers = await asyncio.gather(*await crowd(host, "/version"))
            assert {answer.status for answer in answers} <= {200, 503}
            assert {answer.said for answer in answers if answer.status == 200} == {"v1"}
        assert (await host.get("staging")).said == "v1"
        assert front_of(host).upstreams == instances
        (measures,) = front_of(host).measures.releases.values()
        assert measures.errors == 0


async def test_clients_that_do_not_wait_for_slow_answers_leave_no_thread_behind(
    tmp_path: Path, hosting_sandbox: Sandbox
):
    service = shop("staging", processes=16, connections=8)
    async with hosting(tmp_path, hosting_sandbox, (service,)) as host:
        release = await host.deploy("staging", version="v1")
        front = front_of(host)
        instances = front.upstreams
        asked = await crowd(host, "/slow")

        async def full() -> bool:
            return front.measures.waiting == CLIENTS - 8

        async def all_wait() -> bool:
            return front.measures.waiting == CLIENTS

        async def empty() -> bool:
            return front.measures.waiting == front.measures.releases[release].under_way == 0

        await until(full, what="a queue of clients")
        for one in asked:
            one.cancel()
        await until(empty, what="the end of the queue")
        following = await crowd(host, "/version")
        await until(all_wait, what="a queue behind nobody")
        await until(all_wait, what="a queue behind nobody")
        # While they wait for threads that are still at work, it is known to be well.
        assert (await host.call("monitor", "GET", "/probe/shop.staging")).said["status"] == 200
        check = f"{SITE}/releases/{release}/check"
        asked_of = [host.call("deploy-staging", "POST", check) for _ in range(10)]
        assert {one.said["status"] for one in await asyncio.gather(*asked_of)} == {200}
        assert (await front.probe("/go")).status == 200
        answers = await asyncio.gather(*following)
        assert {answer.said for answer in answers if answer.status == 200} == {"v1"}
        assert front.upstreams == instances
        assert (await host.get("staging")).said == "v1"
