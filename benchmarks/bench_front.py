"""Requests a second through the front of a release, against the same release without it.

One process serves a release (aiohttp, a constant answer), this one runs the front, and a third
asks on kept connections, in turns straight and by way of the front. The ratio is of the median of
interleaved rounds. It is what a deployment without interruption costs: a hop that reads, judges
and writes each request once more. All of them share the processors of one machine.

Measured on 2 cores with CPython 3.11: see docs/adr/0011. No budget: a release that must serve more
than one front can has several hosts and something in front of them. ``--enforce`` makes an answer
that is not 200 exit status 1; ``--json`` prints the numbers for machines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import sys
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

from lotabots.adapters.hosting.front import Front, Listen
from lotabots.adapters.hosting.upstream import Upstream

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

ANSWER: Final = b'{"status": "ok"}' * 8


class Rate(NamedTuple):
    """Requests a second, seconds that half and 99 of 100 of them took, and wrong answers."""

    per_s: float
    p50_s: float
    p99_s: float
    wrong: int


def main() -> int:
    """Measure in turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--requests", type=int, default=4_000, help="requests for each round")
    parser.add_argument("--clients", type=int, default=8, help="kept connections")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--enforce", action="store_true", help="fail if an answer is wrong")
    arguments = parser.parse_args()
    report = asyncio.run(_measured(arguments))
    if arguments.json:
        print(json.dumps({"python": platform.python_version(), **report}))
    else:
        _print(report)
    return 1 if arguments.enforce and report["wrong"] else 0


async def _measured(arguments: argparse.Namespace) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    release = context.Process(target=_serve, args=(theirs,), daemon=True)
    release.start()
    asks, asked = context.Pipe()
    clients = context.Process(target=_ask, args=(asked,), daemon=True)
    clients.start()
    port: int = await asyncio.to_thread(ours.recv)
    pairs: list[tuple[Rate, Rate]] = []
    busy = 0.0
    async with Front(Listen("127.0.0.1", 0)) as front:
        await front.switch([Upstream("1-bench", port)])
        for _ in range(arguments.rounds + 1):
            straight = await _round(asks, port, arguments)
            start = process_time()
            pairs.append((straight, await _round(asks, front.port, arguments)))
            busy += process_time() - start
    asks.send(None)
    ours.send(None)
    for process in (release, clients):
        process.join()
    return _report(pairs[1:], busy / (len(pairs) * arguments.requests))


async def _round(asks: Connection, port: int, arguments: argparse.Namespace) -> Rate:
    asks.send((port, arguments.requests, arguments.clients))
    return Rate(*await asyncio.to_thread(asks.recv))


def _report(pairs: list[tuple[Rate, Rate]], cpu_s: float) -> dict[str, float]:
    """The first pair is left out: it warms up."""
    return {
        "straight_per_s": median(straight.per_s for straight, _ in pairs),
        "front_per_s": median(front.per_s for _, front in pairs),
        "ratio": median(front.per_s / straight.per_s for straight, front in pairs),
        "straight_p50_ms": median(straight.p50_s for straight, _ in pairs) * 1000,
        "front_p50_ms": median(front.p50_s for _, front in pairs) * 1000,
        "straight_p99_ms": median(straight.p99_s for straight, _ in pairs) * 1000,
        "front_p99_ms": median(front.p99_s for _, front in pairs) * 1000,
        "front_cpu_us": cpu_s * 1e6,
        "wrong": sum(straight.wrong + front.wrong for straight, front in pairs),
    }


def _serve(pipe: Connection) -> None:
    """The release, until something comes by the pipe."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=ANSWER, content_type="application/json")

    async def serve() -> None:
        runner = web.ServerRunner(web.Server(answer, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(runner.addresses[0][1])
        await asyncio.to_thread(pipe.recv)
        await runner.cleanup()

    asyncio.run(serve())


def _ask(pipe: Connection) -> None:
    """The clients: a round for each order that comes by the pipe."""
    while (order := pipe.recv()) is not None:
        pipe.send(tuple(asyncio.run(_rate(*order))))


async def _rate(port: int, requests: int, clients: int) -> Rate:
    took: list[float] = []
    wrong = 0

    async def one(session: ClientSession) -> None:
        nonlocal wrong
        for _ in range(requests // clients):
            begun = perf_counter()
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                right = answer.status == 200 and await answer.read() == ANSWER
            wrong += not right
            took.append(perf_counter() - begun)

    connector = TCPConnector(limit=clients)
    async with ClientSession(connector=connector, cookie_jar=DummyCookieJar()) as session:
        start = perf_counter()
        await asyncio.gather(*(one(session) for _ in range(clients)))
        passed = perf_counter() - start
    took.sort()
    return Rate(len(took) / passed, median(took), took[len(took) * 99 // 100], wrong)


def _print(report: dict[str, float]) -> None:
    print(f"{'':12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}")
    for name in ("straight", "front"):
        rate, p50, p99 = (report[f"{name}_{part}"] for part in ("per_s", "p50_ms", "p99_ms"))
        print(f"{name:12}{rate:12,.0f}{p50:9.2f}{p99:9.2f}")
    print(f"\nratio {report['ratio']:.2f}; {report['front_cpu_us']:.0f} us of processor each")
    print(f"wrong answers: {report['wrong']:.0f}")


if __name__ == "__main__":
    sys.exit(main())
