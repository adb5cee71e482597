"""What clients may not do to the front, nor to a release by way of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback import (
    Release,
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
    from lotabots.adapters.hosting.front import Front

SMALL = Limits(body=1000, linger_s=0.05)

NOT_HTTP = "this is not a valid HTTP/1.1 request"
NO_PATH = "the request target is not a path: send `/...` and the host in Host"
ONLY_CHUNKED = "the only Transfer-Encoding is `chunked`, and only in HTTP/1.1"
TOO_LONG = "the first line or a line of the header is too long"

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

REFUSED = {
    "length and coding": (
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        NOT_HTTP,
    ),
    "coding and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        400,
        NOT_HTTP,
    ),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400, NOT_HTTP),
    "a list of lengths": (POST + b"Content-Length: 1, 1\r\n\r\na", 400, NOT_HTTP),
    "a signed length": (POST + b"Content-Length: +1\r\n\r\na", 400, NOT_HTTP),
    "two codings": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, ONLY_CHUNKED),
    "another coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, NOT_HTTP),
    "a space in a name": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, NOT_HTTP),
    "a coding in HTTP/1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        ONLY_CHUNKED,
    ),
    "a chunk without a size": (CHUNKED + b"ZZ\r\n", 400, NOT_HTTP),
    "a negative chunk": (CHUNKED + b"-1\r\n", 400, NOT_HTTP),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: a\n\n", 400, NOT_HTTP),
    "a bare carriage return": (GET + b"X: a\rY: b\r\n\r\n", 400, NOT_HTTP),
    "a folded line": (GET + b"X: a\r\n b\r\n\r\n", 400, NOT_HTTP),
    "a zero byte": (GET + b"X: a\x00b\r\n\r\n", 400, NOT_HTTP),
    "not UTF-8": (GET + b"X: \xff\r\n\r\n", 400, "the header has characters that are not allowed"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, NOT_HTTP),
    "two hosts": (GET + b"Host: b\r\n\r\n", 400, NOT_HTTP),
    "no host at all": (b"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400, "Host is not a host"),
    "a path for a host": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host is not a host"),
    "an absolute target": (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, NO_PATH),
    "the star": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, NO_PATH),
    "a fragment": (b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400, NO_PATH),
    "a tunnel": (
        b"CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        405,
        "this method is not passed on",
    ),
    "an echo": (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "this method is not passed on"),
    "an upgrade": (
        GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GET + b"\r\n",
        501,
        "other protocols are not passed on: send no Upgrade",
    ),
    "another expectation": (
        GET + b"Expect: 200-ok\r\n\r\n",
        417,
        "only `100-continue` can be expected",
    ),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505, "the front speaks HTTP/1.1"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, NOT_HTTP),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, NOT_HTTP),
    "a long path": (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 9000), 431, TOO_LONG),
    "a long line": (GET + b"X: %s\r\n\r\n" % (b"a" * 9000), 431, TOO_LONG),
    "many lines": (GET + b"X: y\r\n" * 200 + b"\r\n", 400, NOT_HTTP),
    "a large header": (
        GET + (b"X: %s\r\n" % (b"a" * 4000)) * 9 + b"\r\n",
        431,
        "the header is larger than 32768 bytes",
    ),
    "a large body": (
        POST + b"Content-Length: 1001\r\n\r\n",
        413,
        "the body is larger than 1000 bytes",
    ),
    "a large body in chunks": (
        CHUNKED + b"1f4\r\n%s\r\n" % (b"a" * 500) + b"1f5\r\n%s\r\n" % (b"a" * 501) + b"0\r\n\r\n",
        413,
        "the body is larger than 1000 bytes",
    ),
}


async def said_before_the_end(front: Front, data: bytes) -> bytes:
    """Like `say`; a front that ends a connection need not wait for what is still on its way."""
    try:
        return await say(front, data)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("what", REFUSED)
async def test_a_hostile_request_never_reaches_the_release(what: str) -> None:
    data, status, text = REFUSED[what]
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=SMALL) as front,
    ):
        answer = await say(front, data)
        assert (status_of(answer), error_of(answer)) == (status, text)
        assert b"\r\nConnection: close\r\n" in answer or not answer.startswith(b"HTTP/1.1")
        assert release.seen == []
        assert front.measures.releases["1-a"].errors == 0
        assert (await front.probe("/")).status == 200


@given(junk=st.binary(max_size=200))
def test_any_bytes_get_errors_or_nothing(junk: bytes) -> None:
    async def scenario() -> None:
        async with (
            serving(release := Release("1-a")) as upstream,
            fronting([upstream], limits=Limits(idle_s=0.01)) as front,
        ):
            answer = await said_before_the_end(front, junk)
            assert not answer or status_of(answer) >= 400
            assert release.seen == []

    asyncio.run(scenario())


async def test_the_header_of_the_hop_and_what_clients_say_of_their_way_are_dropped() -> None:
    lines = (
        b"Connection: close, X-Mine, X-Forwarded-For, Content-Length, Host\r\nX-Mine: 1\r\n"
        b"Keep-Alive: 1\r\nTE: trailers\r\nProxy-Authorization: b\r\nProxy: c\r\nVia: d\r\n"
        b"Forwarded: for=e\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Prefix: /f\r\nX-Real-IP: 1.2.3.4\r\nX_Forwarded_For: 1.2.3.4\r\n"
        b"X-Kept: g\r\nX-Kept: h\r\nContent-Length: 4\r\n\r\nbody"
    )
    async with serving(release := Release("1-a")) as upstream, fronting([upstream]) as front:
        assert status_of(await say(front, POST + lines)) == 200
        assert release.seen[0]["body"] == "body"
        assert sorted(release.seen[0]["header"]) == [
            ["Connection", "close"],
            ["Content-Length", "4"],
            ["Host", "a"],
            ["X-Forwarded-For", "127.0.0.1"],
            ["X-Forwarded-Host", "a"],
            ["X-Forwarded-Proto", "http"],
            ["X-Kept", "g"],
            ["X-Kept", "h"],
        ]


async def test_the_release_of_a_client_that_waits_is_asked_before_its_body_comes() -> None:
    async with serving(Release("1-a")) as upstream, fronting([upstream]) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
        await writer.wait_closed()


async def test_cookies_of_one_client_do_not_reach_another() -> None:
    async with serving(release := Release("1-a")) as upstream, fronting([upstream]) as front:
        for _ in range(2):
            await front.probe("/")
        assert not any(name == "Cookie" for one in release.seen for name, _ in one["header"])


async def test_one_connection_too_many_is_refused_and_a_free_place_is_used() -> None:
    async with fronting(limits=Limits(connections=2)) as front:
        held = [await asyncio.open_connection("127.0.0.1", front.port) for _ in range(2)]
        answer = await say(front, b"")
        assert (status_of(answer), front.measures.refused) == (503, 1)
        assert error_of(answer) == "too many connections: try again later"
        held[0][1].write(b"GET / HTTP/1.0\r\n\r\n")
        await held[0][0].read()
        assert error_of(await say(front, b"GET / HTTP/1.0\r\n\r\n")).startswith("nothing")
        for _, writer in held:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", GET, GET + b"X: "])
async def test_a_header_that_never_ends_ends_the_connection(begun: bytes) -> None:
    async with fronting(limits=Limits(idle_s=0.05)) as front:
        assert await said_before_the_end(front, begun) == b""


@pytest.mark.parametrize("begun", [POST + b"Content-Length: 4\r\n\r\nbod", CHUNKED + b"1\r\n"])
async def test_a_body_that_never_ends_is_refused(begun: bytes) -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream], limits=Limits(upload_s=0.3, linger_s=0.05)) as front,
    ):
        answer = await say(front, begun)
        assert (status_of(answer), error_of(answer)) == (408, "the body did not come in time")
        assert release.seen == []
        counted = front.measures.releases["1-a"]
        assert (counted.requests, counted.errors, counted.under_way) == (1, 0, 0)


async def test_a_client_that_goes_away_takes_its_request_along() -> None:
    async with (
        serving(release := Release("1-a")) as upstream,
        fronting([upstream]) as front,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        await release.held.wait()
        writer.close()
        await writer.wait_closed()
        await release.cancelled.wait()
        assert (await (await front.switch([]))).cut == 0
        counted = front.measures.releases["1-a"]
        assert (counted.requests, counted.errors, counted.under_way) == (1, 0, 0)


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + b"a" * 20_000_000
    async with (
        scripted("1-a", saying(endless)) as upstream,
        fronting([upstream], limits=Limits(stall_s=0.1)) as front,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port, limit=1024)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert (await (await front.switch([]))).cut == 0
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_what_comes_together_with_an_error_is_refused_with_it() -> None:
    async with serving(release := Release("1-a")) as upstream, fronting([upstream]) as front:
        answer = await say(front, GET + b"\r\n" + GET + b"X : y\r\n\r\n" + GET + b"\r\n")
        assert (status_of(answer), answer.count(b"400 Bad Request")) == (400, 1)
        assert release.seen == []


async def test_a_client_may_speak_http_1_0() -> None:
    async with serving(Release("1-a")) as upstream, fronting([upstream]) as front:
        answer = await say(front, b"GET / HTTP/1.0\r\n\r\n")
        assert (status_of(answer), b"chunked" in answer) == (200, False)
        async with client(front) as session, session.get("/") as modern:
            assert modern.status == 200
