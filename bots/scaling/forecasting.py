"""What a service will need: the seasonal naive method, hour by hour, and how wrong it was so far.

The load of an hour is expected to be that of the same hour a season ago. A method with parameters
was not better on real series of this kind, see Hyndman & Athanasopoulos, "Forecasting: Principles
and Practice", 5.2, for the method and 5.8 for measuring its error.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wanted import Sample

HOUR_S = 3600
DAY, WEEK = 24, 7 * 24
ENOUGH = 0.75
"""Share of the hours of a season that must be known for it to be one."""

LEAST = 0.5
"""Loads below half an instance count as that in the error: a share of nothing says nothing."""


class Forecast(NamedTuple):
    """`instances` are enough for the coming hours; `error` is the mean absolute percentage error.

    `season` in hours, 0 when there is none yet and the last hour is all that is known.
    """

    instances: int
    error: float
    season: int


def forecast(samples: Sequence[Sample], *, now: float, hours: int) -> Forecast:
    """What is needed in the `hours` after `now`, from at least one sample."""
    known = hourly(samples)
    start = int(now // HOUR_S)
    season = _season(known, start)
    coming = [
        _expected(known, hour, season, last=start) for hour in range(start, start + hours + 1)
    ]
    expected = max([*coming, known[max(known)]])
    return Forecast(max(1, ceil(expected - 1e-9)), _error(known, season), season)


def hourly(samples: Sequence[Sample]) -> dict[int, float]:
    """The highest load of each hour: what must be served is the peak, not the mean."""
    found: dict[int, float] = {}
    for one in samples:
        hour = int(one.at // HOUR_S)
        found[hour] = max(found.get(hour, 0.0), one.load)
    return found


def _season(known: Mapping[int, float], start: int) -> int:
    """The longest season of which enough is known, twice: once to look at, once to compare."""
    for season in (WEEK, DAY):
        if sum(hour in known for hour in range(start - 2 * season, start)) >= 2 * season * ENOUGH:
            return season
    return 0


def _expected(known: Mapping[int, float], hour: int, season: int, *, last: int) -> float:
    """The load of the same hour in the newest season that knows it; else of the newest hour."""
    if season:
        before = hour - season
        while before >= min(known):
            if before <= last and before in known:
                return known[before]
            before -= season
    return known[max(one for one in known if one <= last)] if min(known) <= last else 0.0


def _error(known: Mapping[int, float], season: int) -> float:
    """How wrong the method would have been for each hour that it can be tried on."""
    errors = list(_errors(known, season or 1))
    return sum(errors) / len(errors) if errors else 0.0


def _errors(known: Mapping[int, float], season: int) -> Iterator[float]:
    for hour, load in known.items():
        if (before := known.get(hour - season)) is not None:
            yield abs(load - before) / max(load, LEAST)
