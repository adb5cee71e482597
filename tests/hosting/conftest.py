"""Tests of hosting that are coroutines, each in an event loop of its own."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from hosting_shop import hosting_sandbox

__all__ = ["hosting_sandbox"]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine; a wait for what never comes ends it."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}

    async def scenario() -> None:
        async with asyncio.timeout(120):
            await pyfuncitem.function(**arguments)

    asyncio.run(scenario())
    return True
