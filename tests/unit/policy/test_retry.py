from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotabots.model.bot import Backoff, RetryPolicy
from lotabots.policy.retry import delay

if TYPE_CHECKING:
    from decimal import Decimal

WAITS = [
    (Backoff.EXPONENTIAL, [2, 4, 8, 16, 20, 20]),
    (Backoff.LINEAR, [2, 4, 6, 8, 10, 12]),
    (Backoff.CONSTANT, [2, 2, 2, 2, 2, 2]),
]


@pytest.mark.parametrize(("backoff", "seconds"), WAITS)
def test_waits_grow_as_declared_less_a_bounded_jitter(backoff: Backoff, seconds: list[int]) -> None:
    policy = RetryPolicy(max_attempts=7, backoff=backoff, initial=2, max=20)
    for attempt, whole in enumerate(seconds, start=1):
        wait = delay(policy, attempt, key="job")
        assert wait is not None
        assert timedelta(seconds=whole) * 3 / 4 <= wait <= timedelta(seconds=whole)


def test_the_last_attempt_has_no_next() -> None:
    policy = RetryPolicy(max_attempts=3)
    assert delay(policy, 2, key="job") is not None
    assert delay(policy, 3, key="job") is None
    assert delay(policy, 4, key="job") is None


def test_a_single_attempt_is_never_repeated() -> None:
    assert delay(RetryPolicy(max_attempts=1), 1, key="job") is None


@given(
    attempt=st.integers(1, 10**9),
    key=st.text(),
    backoff=st.sampled_from(Backoff),
    initial=st.decimals(0, 10**12, places=3) | st.integers(0, 10**12),
)
def test_every_wait_is_capped_and_the_same_again(
    attempt: int, key: str, backoff: Backoff, initial: Decimal | int
) -> None:
    policy = RetryPolicy(max_attempts=10**10, backoff=backoff, initial=initial, max=300)
    wait = delay(policy, attempt, key=key)
    assert wait is not None
    assert timedelta(0) <= wait <= timedelta(seconds=300)
    assert wait == delay(policy, attempt, key=key)


def test_jobs_that_fail_together_come_back_apart() -> None:
    policy = RetryPolicy(initial=60)
    assert len({delay(policy, 1, key=f"job-{number}") for number in range(20)}) == 20
