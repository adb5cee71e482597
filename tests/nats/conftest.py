"""The real nats-server in a folder of the test's own, and tests that are coroutines."""

from __future__ import annotations

import asyncio
import inspect
import os
from typing import TYPE_CHECKING

import pytest

from fleet_server import NatsFleet
from lotabots.adapters.nats.server import ServerError, find_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def nats_fleet(tmp_path: Path) -> Iterator[NatsFleet]:
    """A running server with all accounts, streams and consumers of a small fleet."""
    try:
        find_binary()
    except ServerError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    fleet = NatsFleet(tmp_path)
    asyncio.run(fleet.start())
    yield fleet
    asyncio.run(fleet.server.stop())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine; its connections end with it."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def scenario() -> None:
        try:
            await pyfuncitem.function(**arguments)
        finally:
            for value in arguments.values():
                if isinstance(value, NatsFleet):
                    await value.close()

    asyncio.run(scenario())
    return True
