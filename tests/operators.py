"""Operators at the command line of a service that runs in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from lotabots.cli.main import cli
from lotabots.policy.project_broker import outside_account
from lotabots.service.folder import Lock, StateFolder
from running import SENDER, config_of, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from click.testing import Result

    from running import Running, Watcher


@contextlib.asynccontextmanager
async def operated(root: Path) -> AsyncIterator[Running]:
    """Run a service that commands find: it has the lock of its state folder, as `run` sees to."""
    state = config_of(root).state
    state.mkdir(exist_ok=True)
    with Lock(StateFolder(state)):
        async with running(root) as service:
            yield service


async def typed(root: Path, *words: str) -> Result:
    """What a command says and ends with, typed while the service goes on."""
    command = [*words, "-C", str(root)]
    return await asyncio.to_thread(CliRunner().invoke, cli, command)


async def ordered(service: Watcher, verb: str, **about: str) -> dict[str, Any]:
    """The answer to an order that the sender of events gives."""
    client = await service.client(outside_account(SENDER))
    answer = await client.request(f"do.{verb}", json.dumps(about).encode(), timeout=10)
    said: dict[str, Any] = json.loads(answer.data)
    return said


async def logged(root: Path, subject: str, count: int) -> list[dict[str, Any]]:
    """The records of the audit log on `subject`, once there are so many, and the log is whole."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        said = await typed(root, "audit", "show", "--subject", subject, "--format", "json")
        found[:] = json.loads(said.stdout)["entries"] if said.exit_code == 0 else []
        return len(found) >= count

    await until(are_there, what=f"{count} records on {subject}")
    whole = await typed(root, "audit", "verify")
    assert whole.exit_code == 0, whole.output
    return [entry["record"] for entry in found]
