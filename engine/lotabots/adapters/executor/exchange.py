"""Talks to a run without ever waiting for one side alone, and never leaves before it has ended.

Everything is a plain pipe and a callback of the event loop. While a line is being dealt with,
nothing is read: a bot that writes faster than its lines are published waits.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lotabots.adapters.sandbox.report import Report, from_entries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lotabots.adapters.executor.output import Lines
    from lotabots.adapters.sandbox.launch import Run

    _Result = TypeVar("_Result")

_CHUNK: Final = 65_536


async def converse(
    run: Run,
    document: bytes,
    *,
    lines: Lines,
    on_line: Callable[[bytes], Awaitable[None]],
    on_log: Callable[[bytes], Awaitable[None]],
) -> Report:
    """Give `document` to the run, its lines to `on_line`, its standard error to `on_log`.

    However this ends, no process of the run is left. An exception of either and a cancellation
    end the run first.
    """
    for fd in (run.stdin, run.stdout, run.stderr, run.control.fileno()):
        os.set_blocking(fd, False)
    report = asyncio.ensure_future(_collect(run))
    talk = [
        asyncio.ensure_future(_feed(run, document)),
        asyncio.ensure_future(_read_lines(run.stdout, lines, on_line)),
        asyncio.ensure_future(_read_log(run.stderr, on_log)),
    ]
    try:
        await _all(talk)
    except BaseException:
        await to_the_end(_end(run, talk, report))
        raise
    else:
        return await to_the_end(report)
    finally:
        run.close()


async def to_the_end(work: Awaitable[_Result]) -> _Result:
    """Wait until `work` is done, also when cancelled; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001, S110 - it is the task's, and raised below
            pass
    if cancelled is not None:
        raise cancelled
    return task.result()


async def _all(talk: Sequence[asyncio.Future[None]]) -> None:
    done, _ = await asyncio.wait(talk, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


async def _end(run: Run, talk: Sequence[asyncio.Future[None]], report: asyncio.Future[Any]) -> None:
    for task in talk:
        task.cancel()
    await asyncio.gather(*talk, return_exceptions=True)
    with suppress(OSError):  # it has ended by itself, or its supervisor has
        run.stop()
    # The supervisor delivers what it still holds; somebody has to take it.
    drains = [asyncio.ensure_future(_drain(fd)) for fd in (run.stdout, run.stderr)]
    await asyncio.wait([report])
    for drain in drains:
        drain.cancel()
    await asyncio.gather(*drains, return_exceptions=True)


async def _feed(run: Run, document: bytes) -> None:
    """A bot that does not read its job to the end may have a reason; its lines will tell."""
    try:
        while document:
            await _ready(run.stdin, write=True)
            with suppress(BlockingIOError):
                document = document[os.write(run.stdin, document) :]
    except BrokenPipeError:
        pass
    run.close_stdin()


async def _read_lines(fd: int, lines: Lines, on_line: Callable[[bytes], Awaitable[None]]) -> None:
    while chunk := await _read(fd):
        for line in lines.feed(chunk):
            await on_line(line)
    for line in lines.end():
        await on_line(line)


async def _read_log(fd: int, on_log: Callable[[bytes], Awaitable[None]]) -> None:
    while chunk := await _read(fd):
        await on_log(chunk)


async def _drain(fd: int) -> None:
    while await _read(fd):
        pass


async def _collect(run: Run) -> Report:
    """The report; the supervisor closes its end when everything is over."""
    data = b""
    while chunk := await _read(run.control.fileno()):
        data += chunk
    return from_entries(run.level, tuple(json.loads(line) for line in data.splitlines()))


async def _read(fd: int) -> bytes:
    while True:
        await _ready(fd)
        try:
            return os.read(fd, _CHUNK)
        except BlockingIOError:
            continue
        except ConnectionResetError:
            return b""


async def _ready(fd: int, *, write: bool = False) -> None:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    add, remove = (
        (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    )
    add(fd, wake)
    try:
        await waiter
    finally:
        remove(fd)
