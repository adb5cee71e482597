"""The numbers of a front, and their text for Prometheus."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lotabots.adapters.hosting.measures import (
    BUCKETS_S,
    KEPT,
    Measures,
    ReleaseMeasures,
    Where,
    prometheus,
)


def sample(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(name)]


def test_all_numbers_are_there_with_their_labels() -> None:
    measures = Measures()
    one = measures.of("1-a")
    one.requests, one.errors, one.under_way, measures.refused = 3, 1, 2, 4
    measures.waiting, measures.waited, measures.waited_s = 5, 6, 7.5
    one.answered(0.02)
    one.answered(60)
    text = prometheus({Where("shop", "staging"): measures})
    labels = 'service="shop",environment="staging"'
    release = f'{labels},release="1-a"'
    assert sample(text, "lotabots_front_requests_total") == [
        f"lotabots_front_requests_total{{{release}}} 3"
    ]
    assert f"lotabots_front_errors_total{{{release}}} 1\n" in text
    assert f"lotabots_front_in_flight{{{release}}} 2\n" in text
    assert f'lotabots_front_latency_seconds_bucket{{{release},le="0.01"}} 0\n' in text
    assert f'lotabots_front_latency_seconds_bucket{{{release},le="0.025"}} 1\n' in text
    assert f'lotabots_front_latency_seconds_bucket{{{release},le="30.0"}} 1\n' in text
    assert f'lotabots_front_latency_seconds_bucket{{{release},le="+Inf"}} 2\n' in text
    assert f"lotabots_front_latency_seconds_sum{{{release}}} 60.02\n" in text
    assert f"lotabots_front_latency_seconds_count{{{release}}} 2\n" in text
    assert f"lotabots_front_refused_total{{{labels}}} 4\n" in text
    assert f"lotabots_front_waiting{{{labels}}} 5\n" in text
    assert f"lotabots_front_waited_total{{{labels}}} 6\n" in text
    assert f"lotabots_front_waited_seconds_total{{{labels}}} 7.5\n" in text
    assert text.endswith("\n")


def test_each_metric_is_described_once_for_all_fronts() -> None:
    fronts = {Where("shop", name): Measures() for name in ("staging", "production")}
    for measures in fronts.values():
        measures.of("1-a")
    text = prometheus(fronts)
    types = sample(text, "# TYPE")
    assert len(types) == len({line.split()[2] for line in types}) == 8
    assert len(sample(text, "lotabots_front_in_flight")) == 2


def test_labels_are_escaped() -> None:
    measures = Measures()
    measures.of('a"b\\c\nd')
    assert 'release="a\\"b\\\\c\\nd"' in prometheus({Where("shop", "staging"): measures})


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_each_latency_is_in_the_first_bucket_that_holds_it(latencies: list[float]) -> None:
    one = ReleaseMeasures()
    for latency in latencies:
        one.answered(latency)
    for number, bound in enumerate(BUCKETS_S):
        below = sum(latency <= bound for latency in latencies)
        assert sum(one.buckets[: number + 1]) == below
    assert sum(one.buckets) == len(latencies)


def test_only_the_newest_releases_are_remembered() -> None:
    measures = Measures()
    busy = measures.of("busy")
    busy.under_way = 1
    for number in range(2 * KEPT):
        measures.of(f"{number}-a")
        measures.of("again")
    assert len(measures.releases) == KEPT
    assert {"busy", "again", f"{2 * KEPT - 1}-a"} <= measures.releases.keys()
    assert "0-a" not in measures.releases
