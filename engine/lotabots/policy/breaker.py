"""The circuit breaker of a bot: a table, and nothing outside it.

Closed: jobs are dispatched, errors within the window are counted. Open: nothing is dispatched
until the cooldown ends. Half-open: one probe was let through; its outcome decides. A probe whose
outcome never comes (its runner died) is forgotten after another cooldown, so that a lost message
cannot close a bot for ever.

| phase     | ask                              | success | error                             |
|-----------|----------------------------------|---------|-----------------------------------|
| closed    | go                               | closed  | count; open at `failures`         |
| open      | wait; after the cooldown: probe  | open    | open                              |
| half-open | wait; after the cooldown: probe  | closed  | open                              |

Times are microseconds since 1970 UTC. An *error* is a run that broke; a run that ended with the
outcome ``failure`` (tests failed, a scan found something) did its work and is no error.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from lotabots.policy.moment import micros, span_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from lotabots.model.bot import BreakerPolicy


class Phase(StrEnum):
    """Where a breaker is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Signal(StrEnum):
    """What a breaker is told: a job asks to be dispatched, a run went well, a run broke."""

    ASK = "ask"
    SUCCESS = "success"
    ERROR = "error"


class Breaker(Struct, frozen=True):
    """The state of one breaker. `errors` are the times of those that count, oldest first.

    `until` is when the cooldown (open) or the patience with the probe (half-open) ends.
    """

    phase: Phase = Phase.CLOSED
    errors: tuple[int, ...] = ()
    until: int = 0


CLOSED: Final = Breaker()


def moved(breaker: Breaker, signal: Signal, *, policy: BreakerPolicy, now: datetime) -> Breaker:
    """The breaker after `signal` at `now`."""
    return _TABLE[breaker.phase, signal](breaker, policy, micros(now))


def lets_through(breaker: Breaker, *, now: datetime) -> bool:
    """Whether a job may be dispatched at `now` (as a probe, if the breaker is not closed)."""
    return breaker.phase is Phase.CLOSED or micros(now) >= breaker.until


def _stay(breaker: Breaker, _policy: BreakerPolicy, _now: int) -> Breaker:
    return breaker


def _close(_breaker: Breaker, _policy: BreakerPolicy, _now: int) -> Breaker:
    return CLOSED


def _count(breaker: Breaker, policy: BreakerPolicy, now: int) -> Breaker:
    start = now - span_micros(policy.window)
    errors = (*(at for at in breaker.errors if at > start), now)
    if len(errors) >= policy.failures:
        return _open(breaker, policy, now)
    return Breaker(Phase.CLOSED, errors)


def _open(_breaker: Breaker, policy: BreakerPolicy, now: int) -> Breaker:
    return Breaker(Phase.OPEN, (), now + span_micros(policy.cooldown))


def _probe(breaker: Breaker, policy: BreakerPolicy, now: int) -> Breaker:
    if now < breaker.until:
        return breaker
    return Breaker(Phase.HALF_OPEN, (), now + span_micros(policy.cooldown))


_TABLE: Final[Mapping[tuple[Phase, Signal], Callable[[Breaker, BreakerPolicy, int], Breaker]]] = {
    (Phase.CLOSED, Signal.ASK): _stay,
    (Phase.CLOSED, Signal.SUCCESS): _stay,
    (Phase.CLOSED, Signal.ERROR): _count,
    (Phase.OPEN, Signal.ASK): _probe,
    (Phase.OPEN, Signal.SUCCESS): _stay,
    (Phase.OPEN, Signal.ERROR): _stay,
    (Phase.HALF_OPEN, Signal.ASK): _probe,
    (Phase.HALF_OPEN, Signal.SUCCESS): _close,
    (Phase.HALF_OPEN, Signal.ERROR): _open,
}
