"""The front passes requests on to the active release, and nothing is lost when that changes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from conftest import SOAK
from loopback import Release, client, fronting, say, serving
from lotabots.adapters.hosting.front import Front, Listen
from lotabots.adapters.hosting.limits import Limits
from lotabots.adapters.hosting.measures import NO_RELEASE
from lotabots.adapters.hosting.upstream import Upstream
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientSession

SWITCHES = 300 if SOAK else 25
CLIENTS = 8


async def release_of(
    session: ClientSession, path: str = "/", *, method: str = "GET", data: bytes | None = None
) -> str:
    async with session.request(method, path, data=data) as answer:
        assert answer.status == 200, await answer.text()
        name: str = (await answer.json())["release"]
        return name


async def test_without_a_release_the_answer_is_to_come_back_later() -> None:
    async with fronting() as front, client(front) as session, session.get("/") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert await answer.json() == {"error": "nothing is released here: try again later"}
        assert front.measures.releases[NO_RELEASE].errors == 1


@pytest.mark.parametrize("path", ["/", "//", "/a/../b", "/%2F%2e%41?q=%20&q=ä&=", "/a;b=c?x?y"])
async def test_the_path_reaches_the_release_as_it_was_sent(path: str) -> None:
    sent = path.replace("ä", "%c3%A4").encode()
    async with serving(release := Release("1-a")) as upstream, fronting([upstream]) as front:
        await say(front, b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % sent)
        assert release.seen[0]["path"] == sent.decode()


@pytest.mark.parametrize("method", ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"])
@pytest.mark.parametrize("body", [None, "", "some text"])
async def test_method_and_body_reach_the_release(method: str, body: str | None) -> None:
    async with (
        serving(Release("1-a")) as upstream,
        fronting([upstream]) as front,
        client(front) as session,
        session.request(method, "/x?status=418", data=body) as answer,
    ):
        assert answer.status == 418
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        seen = await answer.json()
        assert (seen["method"], seen["body"]) == (method, body or "")


async def test_a_body_of_unknown_length_reaches_the_release() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d," % number

    async with (
        serving(Release("1-a")) as upstream,
        fronting([upstream]) as front,
        client(front) as session,
        session.post("/", data=pieces()) as answer,
    ):
        assert (await answer.json())["body"] == "".join(f"{number}," for number in range(100))


async def test_the_answer_to_head_has_the_length_and_no_body() -> None:
    async with (
        serving(Release("1-a")) as upstream,
        fronting([upstream]) as front,
        client(front) as session,
        session.head("/") as answer,
    ):
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert await answer.read() == b""


async def test_a_kept_connection_survives_a_switch() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    async with (
        serving(Release("1-a")) as old,
        serving(Release("2-b")) as new,
        fronting([old]) as front,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        releases = []
        for upstream in (old, new, old):
            await front.switch([upstream])
            writer.write(request)
            header = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in header.split(b"\r\n") if b"Content-Length" in line)
            await reader.readexactly(int(length.split(b":")[1]))
            releases.append(upstream.release.encode() in header)
        writer.close()
        await writer.wait_closed()
        assert releases == [True, True, True]


async def test_what_is_under_way_is_finished_by_the_old_release() -> None:
    first = Release("1-a")
    async with (
        serving(first) as old,
        serving(Release("2-b")) as new,
        fronting([old]) as front,
        client(front) as session,
    ):
        slow = asyncio.create_task(release_of(session, "/held"))
        await first.held.wait()
        drain = await front.switch([new])
        assert (drain.done, drain.under_way) == (False, 1)
        assert front.measures.releases["1-a"].under_way == 1
        assert await release_of(session) == "2-b"
        first.let_go.set()
        assert await slow == "1-a"
        assert (await drain).cut == 0
        assert front.measures.releases["1-a"].under_way == 0


async def test_a_drain_ends_at_its_bound_and_says_what_it_cut() -> None:
    first = Release("1-a")
    async with (
        serving(first) as old,
        serving(Release("2-b")) as new,
        fronting([old], limits=Limits(drain_s=0)) as front,
        client(front) as session,
    ):
        slow = asyncio.create_task(session.post("/held", data=b"x"))
        await first.held.wait()
        assert (await (await front.switch([new]))).cut == 1
        async with await slow as answer:
            assert answer.status == 502
        await first.cancelled.wait()


async def test_an_instance_that_is_named_again_goes_on() -> None:
    first, second = Release("1-a"), Release("1-a")
    async with (
        serving(first) as one,
        serving(second) as other,
        fronting([one]) as front,
        client(front) as session,
    ):
        slow = asyncio.create_task(release_of(session, "/held"))
        await first.held.wait()
        assert (await (await front.switch([one, other]))).cut == 0
        assert front.upstreams == (one, other)
        first.let_go.set()
        assert await slow == "1-a"
        for _ in range(19):
            await release_of(session)
        assert len(first.seen) == len(second.seen) == 10


@pytest.mark.parametrize("body", [None, b"some text"])
async def test_an_instance_that_is_gone_is_passed_over(body: bytes | None) -> None:
    gone = Upstream("1-a", free_port())
    async with (
        serving(Release("1-a")) as upstream,
        fronting([gone, upstream]) as front,
        client(front) as session,
    ):
        for _ in range(4):
            assert await release_of(session, method="POST", data=body) == "1-a"
        assert front.measures.releases["1-a"].errors == 0


async def test_if_all_instances_are_gone_the_answer_says_so() -> None:
    gone = Upstream("1-a", free_port())
    async with fronting([gone]) as front:
        answer = await front.probe("/")
        assert (answer.status, answer.body) == (502, '{"error": "the release cannot be reached"}')
        assert front.measures.releases["1-a"].errors == 1


async def test_a_probe_sees_what_a_client_sees() -> None:
    async with serving(Release("1-a")) as upstream, fronting([upstream]) as front:
        good = await front.probe("/healthz")
        assert (good.status, good.healthy, "1-a" in good.body) == (200, True, True)
        assert not (await front.probe("/healthz?status=500")).healthy
        assert (await front.probe("no-path")).body == "`no-path` is not a path: it starts with `/`"
        assert (await front.probe("//example.org/")).status == 200


async def test_a_closed_front_refuses_connections_and_ends_idle_ones() -> None:
    async with fronting() as front:
        port = front.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await front.probe("/")
        await front.close()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_port_that_is_taken_is_an_error_at_the_start() -> None:
    async with fronting() as front:
        second = Front(Listen("127.0.0.1", front.port))
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await second.close()


async def test_what_is_sent_at_once_is_answered_in_order() -> None:
    requests = [b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(200)]
    requests.append(b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    async with serving(release := Release("1-a")) as upstream, fronting([upstream]) as front:
        answers = await say(front, b"".join(requests))
        assert answers.count(b"HTTP/1.1 200 OK") == 201
        paths = [one["path"] for one in release.seen]
        assert paths == [f"/{number}" for number in range(200)] + ["/last"]


class Load:
    """Clients on kept connections that ask again and again."""

    def __init__(self, front: Front) -> None:
        self.current = 0
        """The release that was switched to last; releases are named by their number."""
        self.count = 0
        self.stopped = False
        self._front = front
        self._more = asyncio.Semaphore(0)

    async def answers(self, count: int) -> None:
        """Wait until so many more have come."""
        goal = self.count + count
        while self.count < goal:
            await self._more.acquire()

    async def run(self, number: int) -> None:
        """Ask until it is stopped: clients with odd numbers with a body, the others without."""
        method, body = ("POST", b"x" * number * 1000) if number % 2 else ("GET", None)
        async with client(self._front) as session:
            while not self.stopped:
                newest = self.current
                release = int(await release_of(session, method=method, data=body))
                assert newest <= release <= self.current + 1
                self.count += 1
                self._more.release()


@pytest.mark.parametrize("connections", [2, 32])
async def test_no_request_is_lost_in_many_switches(connections: int) -> None:
    """Every request is answered 200, by a release that was active when it was sent or later."""
    releases = [Release(str(number)) for number in range(SWITCHES + 1)]
    limits = Limits(per_instance=connections)
    async with fronting(limits=limits) as front, AsyncExitStack() as last:
        served = AsyncExitStack()
        await front.switch([await served.enter_async_context(serving(releases[0]))])
        load = Load(front)
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(load.run(number))
            for number, release in enumerate(releases[1:], start=1):
                await load.answers(2 * CLIENTS)
                before, served = served, AsyncExitStack()
                upstream = await served.enter_async_context(serving(release))
                drain = await front.switch([upstream])
                load.current = number
                assert (await drain).cut == 0
                seen = len(releases[number - 1].seen)
                await load.answers(2 * CLIENTS)
                assert len(releases[number - 1].seen) == seen
                await before.aclose()
            load.stopped = True
        last.push_async_callback(served.aclose)
        assert sum(len(one.seen) for one in releases) == load.count
        counted = front.measures.releases.values()
        assert sum(one.errors for one in counted) == 0
        assert all(len(one.seen) >= 2 for one in releases)
        assert all(one.most <= connections for one in releases)
        assert (front.measures.waited > 0) == (connections < CLIENTS)
        assert (front.measures.waiting, front.measures.refused) == (0, 0)
