"""What a front counts, for each release, and its text for Prometheus.

The format is the text exposition format 0.0.4 of Prometheus.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BUCKETS_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Upper bounds of the histogram's buckets, in seconds; one more has no bound."""

NO_RELEASE: Final = "none"
"""The label of requests that came while nothing was released: each of them is an error."""

KEPT: Final = 32
"""Releases that are remembered; the counters of older ones are forgotten."""


class Where(NamedTuple):
    """The labels that all numbers of one front have."""

    service: str
    environment: str


class ReleaseMeasures:
    """Counters of one release since the front started.

    `errors` are answers with a status of 500 or above and requests without an answer of the
    release; a client that went away is neither. Latency is from the header of a request to the
    header of the answer, without the wait for a connection, in seconds; requests without an answer
    have none.
    """

    __slots__ = ("buckets", "errors", "requests", "seconds", "under_way")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.under_way = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS_S) + 1)

    def answered(self, seconds: float) -> None:
        """Count the latency of one answer."""
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS_S, seconds)] += 1


class Measures:
    """The counters of one front: by release, the newest last, and of what it refused by itself."""

    def __init__(self) -> None:
        self._releases: dict[str, ReleaseMeasures] = {}
        self.refused = 0
        """Requests and connections that no release saw: malformed, too large, too many."""

        self.waiting = 0
        """Requests that wait for a connection to an instance."""

        self.waited = 0
        """Requests that had to wait, whatever became of them."""

        self.waited_s = 0.0
        """How long they waited, all together. No part of a release's latency."""

    @property
    def releases(self) -> Mapping[str, ReleaseMeasures]:
        """The releases that got a request or were switched to; `NO_RELEASE` stands for none."""
        return self._releases

    def of(self, release: str) -> ReleaseMeasures:
        """The counters of `release`, which thereby is the newest; made the first time."""
        found = self._releases.pop(release, None) or ReleaseMeasures()
        self._releases[release] = found
        self._forget()
        return found

    def _forget(self) -> None:
        idle = [name for name, one in self._releases.items() if not one.under_way]
        for name in idle[: max(0, len(self._releases) - KEPT)]:
            del self._releases[name]


def prometheus(fronts: Mapping[Where, Measures]) -> str:
    """The numbers of all fronts of a host, with labels service, environment and release."""
    lines: list[str] = []
    for name, kind, doc, lines_of in _METRICS:
        lines += [f"# HELP {name} {doc}", f"# TYPE {name} {kind}"]
        for where, measures in fronts.items():
            for release, one in measures.releases.items():
                labels = _labels({**where._asdict(), "release": release})
                lines += lines_of(name, labels, one)
    for name, kind, doc, number_of in _OWN_METRICS:
        lines += [f"# HELP {name} {doc}", f"# TYPE {name} {kind}"]
        for where, measures in fronts.items():
            lines.append(f"{name}{{{_labels(where._asdict())}}} {number_of(measures)!r}")
    return "\n".join(lines) + "\n"


def _labels(pairs: Mapping[str, str]) -> str:
    return ",".join(f'{key}="{_escaped(value)}"' for key, value in pairs.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _requests(name: str, labels: str, one: ReleaseMeasures) -> Iterator[str]:
    yield f"{name}{{{labels}}} {one.requests}"


def _errors(name: str, labels: str, one: ReleaseMeasures) -> Iterator[str]:
    yield f"{name}{{{labels}}} {one.errors}"


def _in_flight(name: str, labels: str, one: ReleaseMeasures) -> Iterator[str]:
    yield f"{name}{{{labels}}} {one.under_way}"


def _latency(name: str, labels: str, one: ReleaseMeasures) -> Iterator[str]:
    total = 0
    for bound, count in zip((*map(repr, BUCKETS_S), "+Inf"), one.buckets, strict=True):
        total += count
        yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
    yield f"{name}_sum{{{labels}}} {one.seconds!r}"
    yield f"{name}_count{{{labels}}} {total}"


_METRICS: Final[
    tuple[tuple[str, str, str, Callable[[str, str, ReleaseMeasures], Iterator[str]]], ...]
] = (
    ("lotabots_front_requests_total", "counter", "Requests for a release.", _requests),
    ("lotabots_front_errors_total", "counter", "Answers from 500 on, or none.", _errors),
    ("lotabots_front_in_flight", "gauge", "Requests under way.", _in_flight),
    ("lotabots_front_latency_seconds", "histogram", "Until the answer's header.", _latency),
)
_OWN_METRICS: Final[tuple[tuple[str, str, str, Callable[[Measures], float]], ...]] = (
    (
        "lotabots_front_refused_total",
        "counter",
        "Requests that the front itself refused.",
        lambda one: one.refused,
    ),
    (
        "lotabots_front_waiting",
        "gauge",
        "Requests that wait for a connection to an instance.",
        lambda one: one.waiting,
    ),
    (
        "lotabots_front_waited_total",
        "counter",
        "Requests that had to wait for one.",
        lambda one: one.waited,
    ),
    (
        "lotabots_front_waited_seconds_total",
        "counter",
        "How long they waited.",
        lambda one: one.waited_s,
    ),
)
