"""A cancellation that somebody swallowed is raised all the same, and no other."""

from __future__ import annotations

import asyncio

import pytest

from lotabots.adapters.nats.heeding import heeding


async def stubborn(begun: asyncio.Event) -> str:
    """As `asyncio.wait_for` before Python 3.12, when the result comes with the cancellation."""
    begun.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "a result"
    return "never"


def test_a_cancellation_that_was_swallowed_is_raised():
    async def main() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(heeding(stubborn)(begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_cancellation_is_raised_instead_of_the_error_that_it_became():
    async def failing(begun: asyncio.Event) -> None:
        await stubborn(begun)
        raise ValueError

    async def main() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(heeding(failing)(begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_a_cancelled_task_does_to_clean_up_is_not_disturbed():
    async def main() -> str:
        begun = asyncio.Event()

        async def work() -> str:
            try:
                return await stubborn(begun)
            finally:
                assert await heeding(asyncio.sleep)(0, "cleaned") == "cleaned"

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        return await task

    assert asyncio.run(main()) == "a result"


def test_a_timeout_around_it_stays_a_timeout():
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await heeding(stubborn)(asyncio.Event())

    asyncio.run(main())


def test_a_timeout_within_is_none_of_its_business():
    @heeding
    async def patient() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "went on"
        return "never"

    assert asyncio.run(patient()) == "went on"
