"""What MonitorBot's detector promises, whatever it is given."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from executor.workshop import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType


def the_detector() -> ModuleType:
    """The module as the program imports it; it knows nothing of the rest."""
    name = "lotabots_monitor_detector"
    spec = importlib.util.spec_from_file_location(name, ROOT / "bots/monitor/detector.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


detector: Any = the_detector()
FULL = detector.MIN_REQUESTS
latencies = st.floats(0, 1e6)
noise = st.lists(st.floats(0.9, 1.1), min_size=detector.WARM, max_size=3 * detector.WARM)
counts = st.integers(0, 10_000)
intervals = st.builds(
    lambda requests, errors, answered, mean: detector.Interval(
        requests, min(requests, errors), answered, answered * mean
    ),
    counts,
    counts,
    counts,
    st.floats(0, 1000),
)
odd = st.one_of(
    st.sampled_from([float("nan"), float("inf"), -float("inf"), -1e-300, -1, 2e9, 1e300]),
    st.floats(max_value=-1e-9),
)


def mean_of(seconds: float, *, requests: int = FULL, errors: int = 0) -> Any:  # noqa: ANN401
    """An interval that is a sample by itself."""
    return detector.Interval(requests, errors, requests, seconds * requests)


def watched(
    seen: Iterable[Any],
    start: Any = None,  # noqa: ANN401
    wanted: Any = detector.NOTHING,  # noqa: ANN401
) -> tuple[Any, list[Any]]:
    """Where a watch stands after intervals, and what it said to each."""
    watching = start or detector.Watching()
    said = []
    for one in seen:
        watching, found = detector.observe(watching, one, wanted)
        said.append(found)
    return watching, said


def warm(values: Iterable[float]) -> Any:  # noqa: ANN401
    watching, said = watched(mean_of(value) for value in values)
    assert not any(said)
    return watching


@given(latencies, st.integers(1, 200))
def test_what_stays_the_same_is_never_odd(value: float, times: int):
    _, said = watched([mean_of(value)] * times)
    assert not any(said)


@given(st.floats(0.001, 1000), noise)
def test_small_noise_is_never_odd(level: float, factors: list[float]):
    _, said = watched(mean_of(level * factor) for factor in factors)
    assert not any(said)


@given(st.floats(0, 1000), noise, st.floats(1.0001, 100))
def test_a_step_of_more_than_k_sigma_is_found_after_just_so_many_samples(
    level: float, factors: list[float], more: float
):
    watching = warm(level * factor for factor in factors)
    base = watching.baseline
    step = base.mean + detector.K * detector.sigma(base) * more
    assume(step * FULL / FULL > base.mean + detector.K * detector.sigma(base))
    after, said = watched([mean_of(step)] * detector.HOLD, watching._replace(reference=base))
    assert [one is not None for one in said] == [False] * (detector.HOLD - 1) + [True]
    assert said[-1][:2] == ("latency-anomaly", "latency_mean_s")
    assert said[-1].baseline == base.mean
    assert after.baseline == base


@given(st.floats(0, 1000), noise, st.floats(0, 0.999))
def test_a_step_of_less_than_k_sigma_is_learned_and_not_said(
    level: float, factors: list[float], less: float
):
    watching = warm(level * factor for factor in factors)
    base = watching.baseline
    step = base.mean + detector.K * detector.sigma(base) * less
    after, said = watched([mean_of(step)], watching)
    assert said == [None]
    assert after.hot == 0
    assert after.baseline.mean >= base.mean * (1 - 1e-9)


@given(st.floats(0, 1000), noise, st.lists(st.floats(2, 1000), max_size=detector.HOLD - 1))
def test_nothing_is_learned_while_it_is_hot(level: float, factors: list[float], hot: list[float]):
    watching = warm(level * factor for factor in factors)
    seen = [mean_of((level + 1) * factor * 2) for factor in hot]
    after, said = watched(seen, watching)
    assert not any(said)
    assert after.baseline == watching.baseline


def ramp(start: float, end: float, samples: int) -> list[Any]:
    """Samples that grow little by little, each far below `K` sigma above the one before."""
    return [mean_of(start + (end - start) * count / samples) for count in range(samples)]


def test_a_release_that_gets_slower_little_by_little_is_found_when_it_is_twice_as_slow():
    before = warm([0.02] * 100).baseline
    _, said = watched(ramp(0.02, 0.08, 1_000), detector.begin(before))
    first = next(one for one in said if one is not None)
    assert first[:2] == ("latency-anomaly", "latency_mean_s")
    far = before.mean + detector.FAR * detector.sigma(before)
    assert far < first.value < 1.05 * far
    assert first.baseline == before.mean


def test_a_release_that_fails_more_and_more_is_found():
    before = detector.Baseline(100, 0.01, 0.0, 10_000, 50)
    seen = [mean_of(0.01, requests=1_000, errors=count) for count in range(300)]
    _, said = watched(seen, detector.begin(before))
    first = next(one for one in said if one is not None)
    assert (first.rule, first.baseline) == ("error-burst", 0.005)
    assert 0.105 < first.value < 0.12


def test_a_machine_that_gets_busy_and_calm_again_is_no_fault_of_a_release():
    watching = detector.begin(warm([0.02] * 100).baseline)
    there_and_back = [*ramp(0.02, 0.032, 300), *ramp(0.032, 0.02, 300)]
    _, said = watched(there_and_back, watching)
    assert not any(said)


@given(noise, st.lists(intervals, max_size=60))
def test_what_a_watch_began_with_stays(factors: list[float], seen: list[Any]):
    before = warm(0.02 * factor for factor in factors).baseline
    after, _ = watched(seen, detector.begin(before))
    assert after.reference == before


@given(st.integers(0, 3 * detector.WARM))
def test_a_first_release_is_held_against_its_own_beginning(samples: int):
    watching, _ = watched([mean_of(0.02)] * samples)
    warmed, _ = watched([mean_of(0.02)] * min(samples, detector.WARM))
    assert watching.reference == (warmed.baseline if samples >= detector.WARM else ((0,) * 5))


def test_of_a_release_that_was_not_well_nothing_is_learned():
    before = warm([0.02] * 100).baseline
    after, _ = watched(ramp(0.02, 0.035, 300), detector.begin(before))
    assert detector.usual(after, well=False) == before
    assert detector.usual(after, well=True).mean > 0.025
    first, _ = watched([mean_of(0.02)] * (detector.WARM - 1))
    assert detector.usual(first, well=False) == first.baseline


def test_a_first_release_that_is_slower_than_it_should_be_is_found():
    wanted = detector.Objective(latency_s=0.3)
    _, said = watched([mean_of(0.29)] * 50, wanted=wanted)
    assert not any(said)
    _, said = watched([mean_of(0.31)] * detector.HOLD, wanted=wanted)
    assert said[:-1] == [None] * (detector.HOLD - 1)
    assert said[-1] == ("latency-objective", "latency_mean_s", pytest.approx(0.31), 0.3)


def test_more_errors_than_should_be_are_found_also_where_they_are_usual():
    base = detector.Baseline(100, 0.01, 0.0, 10_000, 500)
    seen = [mean_of(0.01, requests=100, errors=5)] * 20
    assert not any(watched(seen, detector.begin(base))[1])
    _, said = watched(seen, detector.begin(base), detector.Objective(error_share=0.01))
    first = next(one for one in said if one is not None)
    assert first == ("error-objective", "error_share", pytest.approx(0.05), 0.01)


def test_a_few_errors_more_than_should_be_may_be_chance():
    base = detector.Baseline(100, 0.01, 0.0, 10_000, 100)
    seen = [mean_of(0.01, requests=25), mean_of(0.01, requests=25, errors=1)] * 10
    _, said = watched(seen, detector.begin(base), detector.Objective(error_share=0.01))
    assert not any(said)


def test_one_slow_sample_among_others_is_not_said():
    watching = warm([0.02] * detector.WARM)
    pattern = [mean_of(9.0)] * (detector.HOLD - 1) + [mean_of(0.02)]
    _, said = watched(pattern * 20, watching)
    assert not any(said)


def test_without_a_warm_baseline_no_latency_is_odd():
    seen = [mean_of(0.001)] * (detector.WARM - 1) + [mean_of(1.0)]
    _, said = watched(seen)
    assert not any(said)


def test_microseconds_are_below_the_floor():
    _, said = watched(mean_of(value) for value in [0.0001] * 50 + [0.0025] * 50)
    assert not any(said)


@given(st.integers(1, FULL - 1), st.integers(1, 50))
def test_few_requests_are_gathered_until_they_are_a_sample(each: int, times: int):
    one = detector.Interval(each, 0, each, each * 0.5)
    watching, _ = watched([one] * times)
    per_sample = -(-FULL // each)
    assert watching.baseline.samples == min(times // per_sample, 100)
    assert watching.partial[0] == times % per_sample * each


@given(st.integers(5, 1000))
def test_a_release_of_which_all_fails_is_found_at_once(requests: int):
    _, (said,) = watched([mean_of(0.01, requests=requests, errors=requests)])
    assert said == ("error-burst", "error_share", 1.0, 0.0)


@given(st.integers(0, 4))
def test_a_few_errors_are_no_burst(errors: int):
    watching, said = watched([mean_of(0.01, requests=errors, errors=errors)])
    assert said == [None]
    assert watching.baseline.asked == 0 or errors == 0


@given(st.lists(intervals, max_size=60))
def test_errors_that_were_usual_are_not_odd(seen: list[Any]):
    usual = [mean_of(0.01, requests=100, errors=0)] * 10
    before, _ = watched(usual)
    share = detector.Baseline(*before.baseline[:3], asked=10_000, failed=2_000)
    calm, said = watched([mean_of(0.01, requests=100, errors=20)] * 30, detector.Watching(share))
    assert not any(said)
    _, said = watched(seen, calm)
    for one in said:
        if one is not None and one.rule == "error-burst":
            assert one.value > one.baseline + detector.MARGIN


def test_errors_of_a_release_are_held_against_those_before_it():
    base = detector.Baseline(100, 0.01, 0.0, 10_000, 100)
    fine, bad = ([mean_of(0.01, requests=50, errors=errors)] * 20 for errors in (2, 5))
    assert not any(watched(fine, detector.Watching(base))[1])
    assert any(watched(bad, detector.Watching(base))[1])


def test_errors_long_ago_are_forgotten():
    few = [mean_of(0.01, requests=100, errors=1)] * 4
    none = [mean_of(0.01, requests=100)] * detector.WINDOW
    watching, said = watched([*few, *none])
    assert not any(said)
    assert sum(errors for _, errors in watching.window) == 0


@given(st.lists(intervals, max_size=100))
def test_a_watch_is_of_constant_size_and_its_baseline_survives_json(seen: list[Any]):
    watching, _ = watched(seen)
    assert len(watching.window) <= detector.WINDOW
    dumped = json.loads(json.dumps(detector.dump(watching.baseline), allow_nan=False))
    assert detector.restore(dumped) == watching.baseline


@given(intervals, st.sampled_from(["requests", "errors", "answered", "seconds"]), odd)
def test_what_cannot_have_happened_is_refused(interval: Any, name: str, value: float):  # noqa: ANN401
    with pytest.raises(ValueError, match=r"is not between|more errors"):
        detector.observe(detector.Watching(), interval._replace(**{name: value}))


@given(st.sampled_from(["samples", "mean", "variance", "asked", "failed"]), odd)
def test_a_baseline_of_impossible_numbers_is_refused(name: str, value: float):
    whole = detector.dump(detector.Baseline(20, 1.0, 1.0, 200, 100))
    assume(not (name == "variance" and 0 <= value <= 1e18))
    with pytest.raises(ValueError, match=r"baseline|between"):
        detector.restore({**whole, name: value})


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_note_that_is_no_baseline_is_refused(found: object):
    with pytest.raises(ValueError, match="baseline"):
        detector.restore(found)


@pytest.mark.parametrize("rate", [2, 20, 200])
def test_a_steady_load_raises_no_alarm_for_an_hour(rate: int):
    """README: as measured over days by benchmarks/bench_monitor.py."""
    dice = random.Random(rate)  # noqa: S311 - repeatable, not secret
    seen = (interval_of(dice, rate) for _ in range(7_200))
    _, said = watched(seen)
    assert not any(said)


def interval_of(dice: random.Random, rate: int) -> Any:  # noqa: ANN401
    """Half a second of requests that take 20 ms, more or less; 1 of 200 fails."""
    requests = sum(dice.random() < 0.1 for _ in range(rate * 5))
    seconds = sum(dice.lognormvariate(-4, 0.6) for _ in range(requests))
    errors = sum(dice.random() < 0.005 for _ in range(requests))
    return detector.Interval(requests, errors, requests, seconds)
