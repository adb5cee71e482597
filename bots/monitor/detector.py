"""Tells whether a release is worse than what was in service before it: values in, values out.

Latency: the mean of at least `MIN_REQUESTS` requests is a sample. The baseline is an exponentially
weighted mean and variance of samples (West, 1979). A sample is hot if it is more than `K` sigma
above the mean; `HOLD` hot samples in a row are an anomaly. Errors: at least `MIN_ERRORS` of the
requests of the last `WINDOW` intervals, and a share above that of the baseline (a p-chart).
Nothing is learned while anything is hot.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import NamedTuple

K = 5.0
"""How many sigma above its baseline a value is odd."""

FLOOR_SHARE, FLOOR_S = 0.10, 0.0005
"""Sigma of latencies is at least this share of their mean, and this many seconds more."""

HOLD = 5
MIN_REQUESTS = 25
WARM = 20
"""Samples without which a baseline means nothing."""

WEIGHT = 0.01
"""Of a sample in the baseline, once there were 1 / `WEIGHT` of them."""

WINDOW = 20
MIN_ERRORS = 5
MARGIN = 0.05
"""A share of errors is odd only if it is so much above the baseline's."""

WARM_REQUESTS = 100
MEMORY = 10_000
"""Requests on which the baseline's share of errors rests; what is older fades."""

MAX_VALUE = 1e9
"""No latency in seconds and no count in an interval is larger than this."""


class Interval(NamedTuple):
    """What happened between two readings: `answered` requests took `seconds` together."""

    requests: int = 0
    errors: int = 0
    answered: int = 0
    seconds: float = 0.0


class Baseline(NamedTuple):
    """What is usual: latencies in seconds, and of how many requests how many failed (fading)."""

    samples: int = 0
    mean: float = 0.0
    variance: float = 0.0
    asked: float = 0.0
    failed: float = 0.0


class Watching(NamedTuple):
    """Where a watch stands: of constant size, however long it lasts."""

    baseline: Baseline = Baseline()
    window: tuple[tuple[int, int], ...] = ()
    partial: tuple[int, float] = (0, 0.0)
    hot: int = 0


class Finding(NamedTuple):
    """Something that is worse than it was."""

    rule: str
    metric: str
    value: float
    baseline: float


def observe(watching: Watching, interval: Interval) -> tuple[Watching, Finding | None]:
    """One more interval: where the watch stands then, and what is wrong, if anything is.

    Raises:
        ValueError: the interval holds what cannot have happened (negative, not finite, too large).
    """
    _check(interval)
    window = (*watching.window, (interval.requests, interval.errors))[-WINDOW:]
    failing, finding = _errors(watching.baseline, window)
    sample, partial = _sample(watching.partial, interval)
    slow = sample is not None and is_slow(watching.baseline, sample)
    hot = watching.hot if sample is None else watching.hot + 1 if slow else 0
    if finding is None and sample is not None and hot >= HOLD:
        finding = Finding("latency-anomaly", "latency_mean_s", sample, watching.baseline.mean)
    learned = watching.baseline
    if not failing and not hot:
        learned = _learn(learned, interval, sample)
    return Watching(learned, window, partial, hot), finding


def is_slow(baseline: Baseline, sample: float) -> bool:
    """Whether a mean latency is odd; never before the baseline is warm."""
    return baseline.samples >= WARM and sample > baseline.mean + K * sigma(baseline)


def sigma(baseline: Baseline) -> float:
    """How much samples scatter, in seconds; never less than the floor, which is above any noise."""
    return max(sqrt(baseline.variance), FLOOR_SHARE * baseline.mean + FLOOR_S)


def error_limit(baseline: Baseline, requests: int) -> float:
    """The share of `requests` that may fail before it is odd."""
    share = error_share(baseline)
    return share + max(MARGIN, K * sqrt(share * (1 - share) / requests))


def error_share(baseline: Baseline) -> float:
    """The share of requests that usually fail; 0 as long as too few were seen."""
    return baseline.failed / baseline.asked if baseline.asked >= WARM_REQUESTS else 0.0


def dump(baseline: Baseline) -> dict[str, float]:
    """The baseline as plain data, for JSON."""
    return baseline._asdict()


def restore(found: object) -> Baseline:
    """The baseline of plain data.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(found, dict) or set(found) != set(Baseline._fields):
        raise ValueError("no baseline")
    numbers = [found[name] for name in Baseline._fields]
    if not all(type(one) in {int, float} for one in numbers):
        raise ValueError("a baseline holds numbers only")
    made = Baseline(*numbers)
    _within(made, MAX_VALUE**2)
    fits = made.mean <= MAX_VALUE and made.failed <= made.asked <= MEMORY
    if not fits or type(made.samples) is not int or made.samples > round(1 / WEIGHT):
        raise ValueError("no baseline that was ever learned")
    return made


def _check(interval: Interval) -> None:
    _within(interval, MAX_VALUE)
    if interval.errors > interval.requests or (interval.seconds and not interval.answered):
        raise ValueError("more errors than requests, or time that no request took")


def _within(numbers: tuple[float, ...], most: float) -> None:
    for one in numbers:
        if not (isfinite(one) and 0 <= one <= most):
            raise ValueError(f"{one} is not between 0 and {most:g}")


def _errors(baseline: Baseline, window: tuple[tuple[int, int], ...]) -> tuple[bool, Finding | None]:
    """Whether the share of errors is odd, and whether there are enough of them to say so."""
    requests = sum(one for one, _ in window)
    errors = sum(one for _, one in window)
    if not errors or errors / requests <= error_limit(baseline, requests):
        return False, None
    if errors < MIN_ERRORS:
        return True, None
    share = error_share(baseline)
    return True, Finding("error-burst", "error_share", errors / requests, share)


def _sample(
    partial: tuple[int, float], interval: Interval
) -> tuple[float | None, tuple[int, float]]:
    """The mean latency of the requests since the last sample, if there were enough."""
    answered, seconds = partial[0] + interval.answered, partial[1] + interval.seconds
    if answered < MIN_REQUESTS:
        return None, (answered, seconds)
    return seconds / answered, (0, 0.0)


def _learn(baseline: Baseline, interval: Interval, sample: float | None) -> Baseline:
    asked = baseline.asked + interval.requests
    failed = baseline.failed + interval.errors
    if asked > MEMORY:
        asked, failed = MEMORY, failed * MEMORY / asked
    samples, mean, variance = baseline[:3]
    if sample is not None:
        samples = min(samples + 1, round(1 / WEIGHT))
        weight = 1 / samples
        step = sample - mean
        mean += weight * step
        variance = (1 - weight) * (variance + weight * step * step)
    # Rounding must not let more fail than were asked.
    return Baseline(samples, max(0.0, mean), variance, asked, min(failed, asked))
