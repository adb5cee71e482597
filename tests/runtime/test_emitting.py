"""What `lotabots emit` is told by a server that does not take an event."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest

from lotabots.service.folder import Lock
from lotabots.service.wire import ENGINE
from running import SENDER, lay_out, running

if TYPE_CHECKING:
    from pathlib import Path

MISFIT, USAGE = 1, 2


async def emit(root: Path, *words: str) -> tuple[int | None, str]:
    """The exit code, and all that it says on standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lotabots", "emit", "-C", str(root), "--as", SENDER, *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    said = (await process.communicate())[1].decode()
    return process.returncode, said


@pytest.mark.parametrize("payload", ['{"n": 1}', "{}"])
async def test_who_may_not_send_an_event_is_told_who_may(tmp_path: Path, payload: str):
    async with running(lay_out(tmp_path), roles=(ENGINE,)) as watcher:
        with Lock(watcher.service.folder):
            code, said = await emit(tmp_path, "make.done", payload)
    assert code == USAGE
    assert said == (
        f"error: the server refused the event: `{SENDER}` may not send `make.done`, "
        "only `MakeBot` may (see `lotabots explain make.done`)\n"
    )


async def test_what_does_not_fit_is_refused_unless_it_shall_not_be_checked(tmp_path: Path):
    async with running(lay_out(tmp_path), roles=(ENGINE,)) as watcher:
        with Lock(watcher.service.folder):
            refused = await emit(tmp_path, "make.asked", "{}")
            sent = await emit(tmp_path, "make.asked", "{}", "--id", "odd", "--unchecked")
        await watcher.until_count(1, "LB_DECISIONS", "lb.dec.*")
        (event,) = (await watcher.ask("trace", "odd"))["ok"]["spans"]
    assert refused[0] == MISFIT
    assert "`payload`: object missing required field `n`" in refused[1]
    assert sent == (0, "accepted; `lotabots why odd` says what was decided\n")
    assert [verdict["code"] for verdict in event["verdicts"]] == ["LR006"]
