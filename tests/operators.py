"""Operators at the command line of a service that runs in this process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from click.testing import CliRunner

from lotabots.cli.main import cli
from lotabots.service.folder import Lock, StateFolder
from running import config_of, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from click.testing import Result

    from running import Running


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
    command = [words[0], "-C", str(root), *words[1:]]
    return await asyncio.to_thread(CliRunner().invoke, cli, command)
