"""A cancellation that the client loses is raised all the same.

Before Python 3.12 `asyncio.wait_for` returns its result when it is cancelled at the moment when the
result comes (CPython issue 86296), and nats-py lets a cancellation pass while it hands over what is
to be sent. A loop of the service that lost its cancellation would run for ever.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def heeding(
    work: Callable[_Given, Awaitable[_Result]],
) -> Callable[_Given, Coroutine[Any, Any, _Result]]:
    """`work`, after which a cancellation that came during it is raised, whatever it returned.

    What came before, as in the clean-up of a task that is cancelled already, does not count.
    """

    @functools.wraps(work)
    async def heeded(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        before = task.cancelling()
        try:
            return await work(*args, **kwargs)
        finally:
            if task.cancelling() > before:
                raise asyncio.CancelledError

    return heeded
