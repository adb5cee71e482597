"""What a release may do to the front: anything, and clients still get an answer or a clear end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback import (
    Release,
    Scripted,
    client,
    error_of,
    fronting,
    say,
    saying,
    scripted,
    serving,
    status_of,
)
from lotabots.adapters.hosting.limits import Limits

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"
OK = b"HTTP/1.1 200 OK\r\n"
NOT_HTTP = "the answer of the release is not valid HTTP"

BAD_HEADERS = {
    "garbage": b"\x00\x01\x02\xff\r\n\r\n",
    "a text": b"hello\r\n\r\n",
    "another protocol": b"SSH-2.0-x\r\n",
    "an unknown version": b"HTTP/9.9 200 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status out of range": b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length of letters": OK + b"Content-Length: a\r\n\r\nab",
    "a line without a colon": OK + b"X\r\n\r\n",
    "a zero byte": OK + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "a long line": OK + b"X: %s\r\n\r\n" % (b"a" * 100_000),
    "many lines": OK + b"X: y\r\n" * 10_000 + b"\r\n",
    "not UTF-8": OK + b"X: \xff\r\nContent-Length: 0\r\n\r\n",
    "a chunk without a size": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nZZ\r\n",
    "a bare carriage return": OK + b"X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
}

SHORTENED = {
    "less than its length": OK + b"Content-Length: 10\r\n\r\nhalf",
    "no last chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "half a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
}


@pytest.mark.parametrize("what", BAD_HEADERS)
@pytest.mark.parametrize("request_", [GET, POST])
async def test_an_answer_that_is_not_http_is_a_bad_gateway(what: str, request_: bytes) -> None:
    async with (
        scripted("1-a", saying(BAD_HEADERS[what])) as upstream,
        fronting([upstream]) as front,
    ):
        answer = await say(front, request_)
        assert (status_of(answer), error_of(answer)) == (502, NOT_HTTP)
        assert front.measures.releases["1-a"].errors == 1


@pytest.mark.parametrize("what", SHORTENED)
async def test_a_shortened_answer_does_not_look_whole(what: str) -> None:
    async with scripted("1-a", saying(SHORTENED[what])) as upstream, fronting([upstream]) as front:
        for version in (b"1.1", b"1.0"):
            with pytest.raises(ConnectionResetError):
                await say(front, GET.replace(b"1.1", version))
        counted = front.measures.releases["1-a"]
        assert (counted.requests, counted.errors, counted.under_way) == (2, 2, 0)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 20"])
async def test_a_release_that_ends_without_an_answer_is_a_bad_gateway(said: bytes) -> None:
    async with scripted("1-a", saying(said)) as upstream, fronting([upstream]) as front:
        assert status_of(await say(front, GET)) == 502
        assert error_of(await say(front, POST)) == "the release gave no answer"


async def test_what_may_have_had_an_effect_is_not_sent_twice() -> None:
    bad = saying(b"")
    async with (
        scripted("1-a", bad) as first,
        serving(release := Release("1-a")) as second,
        fronting([first, second]) as front,
    ):
        assert status_of(await say(front, POST)) == 502
        assert (bad.connections, release.seen) == (1, [])


async def test_a_read_that_got_no_answer_is_sent_to_another_instance() -> None:
    bad = saying(b"")
    async with (
        scripted("1-a", bad) as first,
        serving(release := Release("1-a")) as second,
        fronting([first, second]) as front,
    ):
        assert status_of(await say(front, GET)) == 200
        assert len(release.seen) == 1
        counted = front.measures.releases["1-a"]
        assert (counted.requests, counted.errors, counted.under_way) == (1, 0, 0)


async def test_a_kept_connection_that_was_closed_meanwhile_is_nobodys_error() -> None:
    async def once(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")
        await writer.drain()

    async with (
        scripted("1-a", Scripted(once)) as upstream,
        fronting([upstream]) as front,
        client(front) as session,
    ):
        for _ in range(20):
            answers = await asyncio.gather(*(session.get("/") for _ in range(5)))
            assert [answer.status for answer in answers] == [200] * 5
            for answer in answers:
                answer.release()
        assert front.measures.releases["1-a"].errors == 0


@pytest.mark.parametrize(
    ("said", "limits"),
    [(b"", Limits(answer_s=0.05)), (OK, Limits(answer_s=0.05)), (b"", Limits(total_s=0.05))],
)
async def test_a_release_that_says_nothing_is_a_timeout(said: bytes, limits: Limits) -> None:
    async def silent(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(said)
        await reader.read()

    async with (
        scripted("1-a", Scripted(silent)) as upstream,
        fronting([upstream], limits=limits) as front,
    ):
        for request in (GET, POST):
            answer = await say(front, request)
            assert status_of(answer) == 504
            assert error_of(answer) == "the release did not answer in time"
        assert front.measures.releases["1-a"].errors == 2


async def test_a_release_that_stalls_in_its_answer_is_cut_off() -> None:
    async def stalling(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 10\r\n\r\nhalf")
        await reader.read()

    async with (
        scripted("1-a", Scripted(stalling)) as upstream,
        fronting([upstream], limits=Limits(stall_s=0.05)) as front,
    ):
        with pytest.raises(ConnectionResetError):
            await say(front, GET)
        assert front.measures.releases["1-a"].errors == 1


async def test_a_release_that_answers_before_the_body_is_heard() -> None:
    early = saying(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    begun = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nsome"
    async with (
        scripted("1-a", early) as upstream,
        fronting([upstream], limits=Limits(linger_s=0.05)) as front,
    ):
        answer = await say(front, begun)
        assert (status_of(answer), answer.endswith(b"no")) == (403, True)
        assert (await (await front.switch([]))).cut == 0


async def test_the_header_of_the_hop_stays_between_release_and_front() -> None:
    header = (
        b"Connection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 1\r\nTrailer: a\r\n"
        b"Proxy-Authenticate: b\r\nServer: mine\r\nX-Kept: c\r\n"
    )
    chunked = b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    async with (
        scripted("1-a", saying(OK + header + chunked)) as upstream,
        fronting([upstream]) as front,
        client(front) as session,
        session.get("/") as answer,
    ):
        assert await answer.text() == "ok"
        assert answer.headers.keys() - {"Date", "Content-Type"} <= {
            *("Server", "X-Kept", "Content-Length", "Transfer-Encoding"),
        }
        assert answer.headers["X-Kept"] == "c"
        assert answer.headers["Server"] == "mine"


async def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    async with (
        scripted("1-a", saying(b"HTTP/1.0 200 OK\r\n\r\nall of it")) as upstream,
        fronting([upstream]) as front,
        client(front) as session,
        session.get("/") as answer,
    ):
        assert await answer.text() == "all of it"


async def test_what_is_compressed_stays_so() -> None:
    body = OK + b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnot gzip"
    async with scripted("1-a", saying(body)) as upstream, fronting([upstream]) as front:
        answer = await say(front, GET)
        assert answer.endswith(b"\r\n\r\nnot gzip")
        assert b"\r\nContent-Encoding: gzip\r\n" in answer


@given(junk=st.binary(max_size=300), start=st.sampled_from([b"", b"HTTP/1.1 ", OK]))
def test_any_answer_is_passed_on_or_refused(junk: bytes, start: bytes) -> None:
    async def scenario() -> None:
        async with (
            scripted("1-a", saying(start + junk)) as upstream,
            fronting([upstream], limits=Limits(answer_s=0.05, stall_s=0.05)) as front,
        ):
            try:
                answer = await say(front, POST)
            except ConnectionResetError:
                return
            assert 200 <= status_of(answer) <= 599
            assert (await (await front.switch([]))).cut == 0

    asyncio.run(scenario())
