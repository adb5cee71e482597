"""How many instances ScalingBot asks for, and what it foresees, whatever it is given."""

from __future__ import annotations

import importlib.util
import sys
from math import ceil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.workshop import ROOT

if TYPE_CHECKING:
    from types import ModuleType


def module(name: str) -> ModuleType:
    """A module of the program that knows nothing of the rest."""
    known = f"lotabots_scaling_{name}"
    spec = importlib.util.spec_from_file_location(known, ROOT / f"bots/scaling/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[known] = made
    spec.loader.exec_module(made)
    return made


class Load(NamedTuple):
    """What the modules call a sample."""

    at: float
    instances: int
    utilization: float

    @property
    def load(self) -> float:
        return self.instances * self.utilization


wanted: Any = module("wanted")
forecasting: Any = module("forecasting")
POLICY = SimpleNamespace(tolerance=0.1, window_s=600, grow_factor=2.0, grow_least=4)
HOUR = forecasting.HOUR_S
DAY, WEEK = 24 * HOUR, 7 * 24 * HOUR
NOW = 600 * WEEK

samples = st.builds(
    Load,
    st.floats(0, 10_000),
    st.integers(1, 1000),
    st.floats(0, 100),
)


def sample(instances: int, utilization: float, at: float = 1000.0) -> Load:
    return Load(at, instances, utilization)


@pytest.mark.parametrize(
    ("instances", "utilization", "number"),
    [
        (2, 1.0, 2),
        (2, 1.1, 2),  # within the tolerance
        (2, 0.9, 2),
        (2, 1.2, 3),
        (3, 2.0, 6),
        (4, 0.4, 2),
        (4, 0.0, 1),  # never none
        (3, 1.0000000000000002, 3),
    ],
)
def test_what_is_needed_is_proportional_to_utilization(
    instances: int, utilization: float, number: int
):
    assert wanted.needed(sample(instances, utilization), POLICY) == number


@pytest.mark.parametrize(
    ("instances", "utilization", "number"), [(1, 9.0, 5), (3, 9.0, 7), (10, 9.0, 20), (10, 1.5, 15)]
)
def test_growing_is_at_most_twofold_or_by_four(instances: int, utilization: float, number: int):
    assert wanted.grown(sample(instances, utilization), POLICY) == number


def test_nothing_is_given_back_that_the_window_needed():
    recent = [sample(6, load, at) for at, load in ((400, 0.3), (500, 0.8), (700, 0.2))]
    assert wanted.given_back(sample(6, 0.2), recent, POLICY) == ceil(6 * 0.8)
    assert wanted.given_back(sample(6, 0.2, at=1101), recent, POLICY) == 6  # 500 is out of it
    quiet = [sample(6, 0.3, at) for at in (400, 600, 800)]
    assert wanted.given_back(sample(6, 0.2), quiet, POLICY) == 2


@pytest.mark.parametrize("recent", [[], [sample(6, 0.1, 900.0)], [sample(6, 0.1, 1001.0)]])
def test_who_has_not_seen_the_window_gives_nothing_back(recent: list[Load]):
    assert wanted.given_back(sample(6, 0.1), recent, POLICY) == 6


@given(samples, st.lists(samples))
def test_growing_never_takes_away_and_giving_back_never_adds(now: Load, recent: list[Load]):
    recent.sort()
    assert wanted.needed(now, POLICY) >= 1
    if now.utilization > 1.1:
        assert (
            now.instances < wanted.grown(now, POLICY) <= max(2 * now.instances, now.instances + 4)
        )
    assert 1 <= wanted.given_back(now, recent, POLICY) <= now.instances


@given(samples)
def test_with_what_is_needed_no_instance_has_more_than_its_share(now: Load):
    number = wanted.needed(now, POLICY)
    assert now.load / number <= 1.1 + 1e-6
    if abs(now.utilization - 1) > 0.1 and number > 1:
        assert now.load / (number - 1) > 1 - 1e-6


@given(st.from_type(type) | st.integers() | st.floats() | st.none() | st.text(), st.floats())
def test_only_counts_and_finite_shares_are_a_sample(instances: object, utilization: float):
    if wanted.is_sound(instances, utilization):
        assert isinstance(instances, int)
        assert instances >= 1
        assert 0 <= utilization < float("inf")


def busy_by_day(days: float, *, step: int = HOUR) -> list[Load]:
    """A load of 4 from 9 to 17 o'clock and 1 otherwise, up to `NOW`."""
    first = int(NOW - days * DAY)
    return [
        sample(2, 2.0 if 9 <= at % DAY // HOUR < 17 else 0.5, float(at))
        for at in range(first, NOW, step)
    ]


def test_a_day_that_repeats_is_foreseen_and_the_error_is_nothing():
    """`NOW` is midnight: within six hours nothing happens, within twelve it does."""
    known = busy_by_day(3)
    assert forecasting.forecast(known, now=NOW, hours=6) == (1, 0.0, 24)
    assert forecasting.forecast(known, now=NOW, hours=12) == (4, 0.0, 24)


def test_a_week_is_seen_where_two_of_them_are_known():
    known = [one for one in busy_by_day(15) if one.at % WEEK // DAY < 5 or one.load < 2]
    assert forecasting.forecast(known, now=NOW, hours=6).season == 7 * 24


def test_without_a_season_the_last_hour_is_all_that_is_known():
    known = [sample(2, 1.6, NOW - 2 * HOUR), sample(3, 0.9, NOW - 60.0)]
    found = forecasting.forecast(known, now=NOW, hours=6)
    assert (found.instances, found.season) == (3, 0)
    assert found.error == pytest.approx((3.2 - 2.7) / 2.7)  # had it been asked an hour ago


def test_an_hour_counts_by_its_peak():
    known = [sample(2, 0.2, NOW - 90.0), sample(2, 2.0, NOW - 80.0), sample(2, 0.2, NOW - 10.0)]
    assert forecasting.forecast(known, now=NOW, hours=1).instances == 4


@given(st.lists(samples, min_size=1, max_size=200), st.integers(1, 168), st.floats(0, 1e6))
def test_every_history_gives_a_number_and_an_error(known: list[Load], hours: int, later: float):
    known.sort()
    found = forecasting.forecast(known, now=known[-1].at + later, hours=hours)
    assert 1 <= found.instances <= ceil(max(one.load for one in known)) + 1
    assert 0 <= found.error < float("inf")
    assert found.season in {0, 24, 168}
