"""When a failed run is tried again: pure arithmetic, with a jitter that replays the same.

Jobs that fail together must not come back together, so each wait is shortened by up to a quarter.
The share comes from a key (the job's id), not from a random source: a replay of the log waits
exactly as long as the first time.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final, assert_never

from lotabots.model.bot import Backoff
from lotabots.policy.moment import span_micros

if TYPE_CHECKING:
    from lotabots.model.bot import RetryPolicy

_JITTER: Final = 4
"""A wait is shortened by less than one part in this many."""

_MANY: Final = 64
"""Doubling stops to matter here: 2**64 times any wait is beyond every cap."""


def delay(policy: RetryPolicy, attempt: int, *, key: str) -> timedelta | None:
    """How long to wait after run `attempt` (1 = the first) failed.

    None when no attempt is left: the job becomes a dead letter.
    """
    if attempt >= policy.max_attempts:
        return None
    whole = min(_wait(policy, max(attempt, 1)), span_micros(policy.max))
    share = int.from_bytes(sha256(f"{key}/{attempt}".encode()).digest()[:4], "big")
    return timedelta(microseconds=whole - whole * share // (_JITTER * 2**32))


def _wait(policy: RetryPolicy, attempt: int) -> int:
    initial = span_micros(policy.initial)
    match policy.backoff:
        case Backoff.EXPONENTIAL:
            return initial << min(attempt - 1, _MANY)
        case Backoff.LINEAR:
            return initial * attempt
        case Backoff.CONSTANT:
            return initial
        case _:
            assert_never(policy.backoff)
