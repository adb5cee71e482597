from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lotabots.model.bot import BreakerPolicy
from lotabots.policy.breaker import CLOSED, Breaker, Phase, Signal, lets_through, moved

POLICY = BreakerPolicy(failures=2, window=600, cooldown=60)
START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def after(*signals: tuple[Signal, int]) -> Breaker:
    breaker = CLOSED
    for signal, seconds in signals:
        breaker = moved(breaker, signal, policy=POLICY, now=at(seconds))
    return breaker


OPEN = ((Signal.ERROR, 0), (Signal.ERROR, 10))
PROBING = (*OPEN, (Signal.ASK, 70))

TABLE = [
    ((), Phase.CLOSED),
    (((Signal.ASK, 0),), Phase.CLOSED),
    (((Signal.ERROR, 0),), Phase.CLOSED),
    (OPEN, Phase.OPEN),
    (((Signal.ERROR, 0), (Signal.ERROR, 600)), Phase.CLOSED),
    (((Signal.ERROR, 0), (Signal.SUCCESS, 1), (Signal.ERROR, 2)), Phase.OPEN),
    ((*OPEN, (Signal.ASK, 69)), Phase.OPEN),
    ((*OPEN, (Signal.SUCCESS, 20)), Phase.OPEN),
    (PROBING, Phase.HALF_OPEN),
    ((*PROBING, (Signal.SUCCESS, 80)), Phase.CLOSED),
    ((*PROBING, (Signal.ERROR, 80)), Phase.OPEN),
    ((*PROBING, (Signal.ASK, 100)), Phase.HALF_OPEN),
]


@pytest.mark.parametrize(("signals", "phase"), TABLE)
def test_the_breaker_moves_as_its_table_says(
    signals: tuple[tuple[Signal, int], ...], phase: Phase
) -> None:
    assert after(*signals).phase is phase


def test_an_open_breaker_lets_nothing_through_before_its_cooldown_ends() -> None:
    assert not lets_through(after(*OPEN), now=at(69))
    assert lets_through(after(*OPEN), now=at(70))


def test_a_probe_that_never_answers_is_forgotten() -> None:
    probing = after(*PROBING)
    assert not lets_through(probing, now=at(129))
    assert lets_through(probing, now=at(130))


def test_a_closed_breaker_always_lets_through() -> None:
    assert lets_through(after((Signal.ERROR, 0)), now=at(0))
