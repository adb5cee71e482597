"""Tests that are coroutines, on a workspace of their own."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

from executor.workshop import launcher
from running import lay_out

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["launcher"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace with the small fleet."""
    return lay_out(tmp_path)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.function(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
