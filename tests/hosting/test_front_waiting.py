"""The front has a bounded number of connections to an instance; requests beyond wait in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hosting_shop import until
from loopback import (
    Release,
    Scripted,
    client,
    error_of,
    fronting,
    say,
    scripted,
    serving,
    status_of,
)
from lotabots.adapters.hosting.body import Pace
from lotabots.adapters.hosting.limits import Limits
from lotabots.adapters.hosting.measures import NO_RELEASE

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from aiohttp import ClientSession

    from lotabots.adapters.hosting.front import Front

ONE = Limits(per_instance=1)
BUSY = "too many requests at once: try again later"


def get(path: str) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode()


def post(path: str) -> bytes:
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"
    return head % path.encode()


async def waiting(front: Front, number: int) -> None:
    async def there() -> bool:
        return front.measures.waiting == number

    await until(there, what=f"{number} requests that wait")


async def held(front: Front, release: Release, path: str = "/held") -> asyncio.Task[bytes]:
    """A request that keeps a connection until the release lets it go."""
    task = asyncio.create_task(say(front, get(path)))
    await release.held.wait()
    return task


@pytest.mark.parametrize("requests", [[get("/")], [post("/")], [get("/"), post("/")]])
async def test_an_instance_never_has_more_connections_than_it_may(requests: list[bytes]) -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=Limits(per_instance=5)) as front,
    ):
        asked = (say(front, requests[number % len(requests)]) for number in range(100))
        answers = await asyncio.gather(*asked)
        assert {status_of(answer) for answer in answers} == {200}
        assert (release.most, len(release.seen)) == (5, 100)
        counted = front.measures.releases["1-a"]
        assert (counted.requests, counted.errors, counted.under_way) == (100, 0, 0)
        assert (front.measures.refused, front.measures.waiting) == (0, 0)
        assert front.measures.waited >= 1


async def test_a_kept_connection_makes_room_for_what_needs_a_new_one() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE) as front,
    ):
        for request in (get("/"), post("/"), get("/"), get("/"), post("/"), post("/")):
            assert status_of(await say(front, request)) == 200
        assert release.most == 1


async def test_those_that_wait_are_served_in_order() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE) as front,
    ):
        asked = [await held(front, release)]
        for number in range(10):
            request = post(f"/{number}") if number % 3 else get(f"/{number}")
            asked.append(asyncio.create_task(say(front, request)))
            await waiting(front, number + 1)
        release.let_go.set()
        assert {status_of(answer) for answer in await asyncio.gather(*asked)} == {200}
        assert [one["path"] for one in release.seen[1:]] == [f"/{number}" for number in range(10)]


@pytest.mark.parametrize("request_", [get("/"), post("/")])
async def test_one_too_many_to_wait_is_told_to_come_back(request_: bytes) -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE._replace(waiting=1)) as front,
    ):
        asked = [await held(front, release), asyncio.create_task(say(front, get("/")))]
        await waiting(front, 1)
        answer = await say(front, request_)
        assert (status_of(answer), error_of(answer)) == (503, BUSY)
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert front.measures.refused == 1
        release.let_go.set()
        assert {status_of(answer) for answer in await asyncio.gather(*asked)} == {200}
        counted = front.measures.releases["1-a"]
        assert (counted.requests, counted.errors) == (2, 0)


async def test_who_has_waited_long_enough_is_told_to_come_back() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE._replace(wait_s=0.05)) as front,
    ):
        first = await held(front, release)
        answer = await say(front, post("/"))
        assert (status_of(answer), error_of(answer)) == (503, BUSY)
        assert b"\r\nRetry-After: 1\r\n" in answer
        measures = front.measures
        assert (measures.refused, measures.waiting, measures.waited) == (1, 0, 1)
        release.let_go.set()
        assert status_of(await first) == 200
        assert measures.releases.keys() == {"1-a"}
        assert (measures.releases["1-a"].requests, measures.releases["1-a"].errors) == (1, 0)
        assert len(release.seen) == 1


async def test_a_client_that_goes_away_leaves_the_queue() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE) as front,
    ):
        first = await held(front, release)
        _, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(get("/gone"))
        await waiting(front, 1)
        last = asyncio.create_task(say(front, get("/last")))
        await waiting(front, 2)
        writer.close()
        await writer.wait_closed()
        await waiting(front, 1)
        release.let_go.set()
        assert [status_of(await one) for one in (first, last)] == [200, 200]
        assert [one["path"] for one in release.seen] == ["/held", "/last"]


@pytest.mark.parametrize("gives_up", [True, False])
async def test_a_place_is_not_given_away_before_the_instance_closes_it(gives_up: bool) -> None:
    """A server with a thread for each connection does not see that a client has gone."""
    begun, let_go = asyncio.Event(), asyncio.Event()
    most = now = 0

    async def thread(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        await let_go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read()
        now -= 1

    async with (
        scripted("1-a", Scripted(thread)) as upstream,
        fronting([upstream], limits=ONE._replace(answer_s=0.05 if not gives_up else 60)) as front,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(get("/"))
        await begun.wait()
        writer.close()
        await writer.wait_closed()
        following = asyncio.create_task(say(front, get("/")))
        if gives_up:
            await waiting(front, 1)
            let_go.set()
            assert (await following).endswith(b"ok")
            assert most == 1
        else:
            # The bound: nobody waits for ever for an instance that does not end.
            assert status_of(await following) == 504
            let_go.set()


async def test_a_probe_passes_those_that_wait() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE._replace(waiting=1)) as front,
    ):
        asked = [await held(front, release), asyncio.create_task(say(front, get("/")))]
        await waiting(front, 1)
        assert status_of(await say(front, get("/healthz"))) == 503
        probes = await asyncio.gather(*(front.probe("/healthz") for _ in range(2)))
        assert [probe.status for probe in probes] == [200, 200]
        assert release.most == 2
        release.let_go.set()
        assert {status_of(answer) for answer in await asyncio.gather(*asked)} == {200}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])  # noqa: S104 - a test
async def test_a_probe_passes_clients_that_take_every_connection(host: str) -> None:
    async with (
        serving(Release("1-a")) as upstream,
        fronting([upstream], limits=Limits(connections=0), host=host) as front,
    ):
        assert (await front.probe("/")).status == 200
        assert front.measures.refused == 0


async def test_no_client_looks_like_a_probe() -> None:
    async with fronting(limits=Limits(connections=0)) as front:
        await front.probe("/")
        assert error_of(await say(front, b"")) == "too many connections: try again later"


@pytest.mark.parametrize("request_", [get("/next"), post("/next")])
async def test_a_switch_takes_those_that_wait_along(request_: bytes) -> None:
    async with (
        serving(first := Release("1-a")) as old,
        serving(second := Release("2-b")) as new,
        fronting([old], limits=ONE) as front,
    ):
        slow = await held(front, first)
        following = [asyncio.create_task(say(front, request_)) for _ in range(5)]
        await waiting(front, 5)
        drain = await front.switch([new])
        assert {status_of(answer) for answer in await asyncio.gather(*following)} == {200}
        assert (len(first.seen), len(second.seen), drain.under_way) == (0, 5, 1)
        first.let_go.set()
        assert status_of(await slow) == 200
        assert (await drain).cut == 0


async def test_a_switch_to_nothing_lets_nobody_wait() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=ONE) as front,
    ):
        slow = await held(front, release)
        following = asyncio.create_task(say(front, get("/")))
        await waiting(front, 1)
        await front.switch([])
        assert error_of(await following) == "nothing is released here: try again later"
        assert front.measures.releases[NO_RELEASE].errors == 1
        release.let_go.set()
        assert status_of(await slow) == 200


async def test_one_more_instance_serves_those_that_wait() -> None:
    async with (
        serving(first := Release("1-a")) as one,
        serving(second := Release("1-a")) as other,
        fronting([one], limits=ONE) as front,
    ):
        slow = await held(front, first)
        following = asyncio.create_task(say(front, get("/")))
        await waiting(front, 1)
        await front.switch([one, other])
        assert status_of(await following) == 200
        assert len(second.seen) == 1
        first.let_go.set()
        await slow


async def test_the_instance_with_the_fewest_requests_under_way_is_next() -> None:
    first, second = Release("1-a"), Release("1-a")
    async with (
        serving(first) as one,
        serving(second) as other,
        fronting([one, other], limits=Limits(per_instance=9)) as front,
        client(front) as session,
    ):
        slow = await held(front, first)
        for _ in range(5):
            await status(session)
        assert (len(first.seen), len(second.seen)) == (0, 5)
        first.let_go.set()
        await slow


async def status(session: ClientSession) -> int:
    async with session.get("/") as answer:
        return answer.status


class Later(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    later = 0.0

    def time(self) -> float:
        return super().time() + self.later


def test_the_wait_is_no_part_of_the_latency() -> None:
    loop = Later()

    async def turn() -> str:
        loop.later += 1_000
        return "turn"

    async def scenario() -> float:
        async with asyncio.timeout(None) as timeout:
            pace = Pace(timeout, Limits(total_s=10_000))
            assert await pace.wait(turn(), 5_000) == "turn"
            assert not pace.waiting
            return pace.passed

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert 0 <= runner.run(scenario()) < 500
