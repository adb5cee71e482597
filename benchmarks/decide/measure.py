"""Interleaved rounds: every candidate gets the same slice of events, one after the other.

A shared machine slows everybody down alike, so ratios are formed inside a round and the median of
the rounds is reported. Who is first finds the events of the slice in no cache; so that is somebody
else in each round. Rounds count processor time, all threads: waiting for a turn on the processor is
nobody's fault.

Times of single events are taken in passes of their own, because taking them costs time too. Of an
event the least of three times counts, with all other events in between: what is in no cache stays
in none, and what the rest of the machine did at one time is left out.
"""

from __future__ import annotations

import gc
from statistics import median, quantiles
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING, NamedTuple

from workload import reference

if TYPE_CHECKING:
    from candidates import Candidate
    from workload import Sent, Workload


PASSES = 3


class Result(NamedTuple):
    """`ratio` is our time by this candidate's: 1 is as fast as ours, 0.25 four times slower."""

    name: str
    validated: bool
    per_second: float
    ratio: float
    p50_us: float
    p99_us: float


def wrong_answers(load: Workload, candidates: tuple[Candidate, ...], *, checks: int) -> int:
    """How many of the first `checks` events some candidate answers wrongly."""
    wrong = 0
    for sent in load.events[:checks]:
        expected = {v: reference(load, sent, validated=v) for v in (False, True)}
        wrong += sum(
            c.names(c.answer(sent)) != expected[c.validated] for c in candidates if c.names
        )
    return wrong


def measure(load: Workload, candidates: tuple[Candidate, ...], *, rounds: int) -> list[Result]:
    """Rates, ratios and latencies of all candidates; the first is the yardstick."""
    size = len(load.events) // rounds
    slices = [load.events[n * size : (n + 1) * size] for n in range(rounds)]
    gc.collect()
    gc.freeze()
    times = [_round(candidates, part, first=n % len(candidates)) for n, part in enumerate(slices)]
    passes = [[_singles(c, load.events) for c in candidates] for _ in range(PASSES)]
    singles = [
        [min(those) for those in zip(*each, strict=True)] for each in zip(*passes, strict=True)
    ]
    results = []
    for number, candidate in enumerate(candidates):
        cuts = quantiles(singles[number], n=100)
        results.append(
            Result(
                candidate.name,
                candidate.validated,
                median(size * 1e9 / row[number] for row in times),
                median(row[0] / row[number] for row in times),
                cuts[49] / 1000,
                cuts[98] / 1000,
            )
        )
    gc.unfreeze()
    return results


def _round(candidates: tuple[Candidate, ...], events: tuple[Sent, ...], *, first: int) -> list[int]:
    turns = (*candidates[first:], *candidates[:first])
    taken = {candidate.name: _time(candidate, events) for candidate in turns}
    return [taken[candidate.name] for candidate in candidates]


def _time(candidate: Candidate, events: tuple[Sent, ...]) -> int:
    answer = candidate.answer
    start = process_time_ns()
    for sent in events:
        answer(sent)
    return process_time_ns() - start


def _singles(candidate: Candidate, events: tuple[Sent, ...]) -> list[int]:
    answer, taken = candidate.answer, []
    for sent in events:
        start = perf_counter_ns()
        answer(sent)
        taken.append(perf_counter_ns() - start)
    return taken
