"""Tells whether a release is worse than what was in service before it: values in, values out.

Latency: the mean of at least `MIN_REQUESTS` requests is a sample. The baseline is an exponentially
weighted mean and variance of samples (EWMA; West, 1979). A sample is hot if it is more than `K`
sigma above the mean, which moves (a moving centre line; Montgomery and Mastrangelo, 1991), or more
than `FAR` sigma above the mean that the watch began with, which does not (a Shewhart chart with the
limits of phase I; Montgomery, Introduction to Statistical Quality Control). `HOLD` hot samples in a
row are an anomaly. Errors: at least `MIN_ERRORS` of the requests of the last `WINDOW` intervals,
and a share above that of the baseline, as it is now or as the watch began with (p-charts).
Nothing is learned while anything is hot.
"""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import NamedTuple

K = 5.0
"""How many sigma above its baseline a value is odd."""

FAR = 10.0
"""How many sigma above the baseline that a watch began with: so much a slow change may add up to.

More than `K`, since a machine that gets busy makes every release slower, and slowly as a rule.
"""

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

FAR_MARGIN = 0.10
"""The same, above the share of the baseline that a watch began with."""

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


class Objective(NamedTuple):
    """What people want of a service, whatever is usual: nothing, unless they say so."""

    latency_s: float = inf
    error_share: float = 1.0


class Watching(NamedTuple):
    """Where a watch stands: of constant size, however long it lasts.

    `reference` is the baseline when the watch began or, if nothing was usual then, when it became
    warm; it stays as it is from then on.
    """

    baseline: Baseline = Baseline()
    window: tuple[tuple[int, int], ...] = ()
    partial: tuple[int, float] = (0, 0.0)
    hot: int = 0
    reference: Baseline = Baseline()


class Finding(NamedTuple):
    """Something that is worse than it was, or than it should be (`baseline`, either way)."""

    rule: str
    metric: str
    value: float
    baseline: float


NOTHING = Objective()


def begin(baseline: Baseline) -> Watching:
    """A watch over a release that is held against `baseline`."""
    return Watching(baseline, reference=baseline if _is_warm(baseline) else Baseline())


def observe(
    watching: Watching, interval: Interval, wanted: Objective = NOTHING
) -> tuple[Watching, Finding | None]:
    """One more interval: where the watch stands then, and what is wrong, if anything is.

    What is worse than `wanted` is wrong also where it is usual, or nothing is usual yet.

    Raises:
        ValueError: the interval holds what cannot have happened (negative, not finite, too large).
    """
    _check(interval)
    window = (*watching.window, (interval.requests, interval.errors))[-WINDOW:]
    failing, finding = _errors(watching, window, wanted)
    sample, partial = _sample(watching.partial, interval)
    slow = None if sample is None else _slow(watching, sample, wanted)
    hot = watching.hot if sample is None else 0 if slow is None else watching.hot + 1
    if finding is None and hot >= HOLD:
        finding = slow
    learned, reference = watching.baseline, watching.reference
    if not failing and not hot:
        learned = _learn(learned, interval, sample)
    if not _is_warm(reference) and _is_warm(learned):
        reference = learned
    return Watching(learned, window, partial, hot, reference), finding


def usual(watching: Watching, *, well: bool) -> Baseline:
    """What the next release is held against: of one that was not `well` to the end not this one."""
    return watching.baseline if well or not _is_warm(watching.reference) else watching.reference


def slower_than(watching: Watching, sample: float) -> Baseline | None:
    """The baseline above which a mean latency is odd; None before any is warm, or if none is."""
    for baseline, sigmas in ((watching.baseline, K), (watching.reference, FAR)):
        if _is_warm(baseline) and sample > baseline.mean + sigmas * sigma(baseline):
            return baseline
    return None


def sigma(baseline: Baseline) -> float:
    """How much samples scatter, in seconds; never less than the floor, which is above any noise."""
    return max(sqrt(baseline.variance), FLOOR_SHARE * baseline.mean + FLOOR_S)


def error_limit(baseline: Baseline, requests: int, *, margin: float = MARGIN) -> float:
    """The share of `requests` that may fail before it is odd."""
    share = error_share(baseline)
    return share + max(margin, _chance(share, requests))


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


def _is_warm(baseline: Baseline) -> bool:
    return baseline.samples >= WARM


def _slow(watching: Watching, sample: float, wanted: Objective) -> Finding | None:
    against = slower_than(watching, sample)
    if against is not None:
        return Finding("latency-anomaly", "latency_mean_s", sample, against.mean)
    if sample > wanted.latency_s:
        return Finding("latency-objective", "latency_mean_s", sample, wanted.latency_s)
    return None


def _errors(
    watching: Watching, window: tuple[tuple[int, int], ...], wanted: Objective
) -> tuple[bool, Finding | None]:
    """Whether the share of errors is odd, and whether there are enough of them to say so."""
    requests = sum(one for one, _ in window)
    errors = sum(one for _, one in window)
    if not errors:
        return False, None
    share = errors / requests
    against, rule = _failing_more_than(watching, share, requests), "error-burst"
    usual_share = None if against is None else error_share(against)
    if usual_share is None and share > wanted.error_share + _chance(wanted.error_share, requests):
        usual_share, rule = wanted.error_share, "error-objective"
    if usual_share is None or errors < MIN_ERRORS:
        return usual_share is not None, None
    return True, Finding(rule, "error_share", share, usual_share)


def _chance(share: float, requests: int) -> float:
    """By how much the share of so few requests may be above `share` by mere chance."""
    return K * sqrt(share * (1 - share) / requests)


def _failing_more_than(watching: Watching, share: float, requests: int) -> Baseline | None:
    if share > error_limit(watching.baseline, requests):
        return watching.baseline
    begun = watching.reference
    if _is_warm(begun) and share > error_limit(begun, requests, margin=FAR_MARGIN):
        return begun
    return None


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
