"""False alarms of MonitorBot's detector on steady loads, and how long it takes to see a change.

Time is simulated: half-second intervals of requests that arrive at random, by the distributions
named. A day is 144 watches of ten minutes, each with the baseline of the one before; the delay is
what a change in the middle of a watch takes to be said, in intervals. Budgets: no false alarm on
the loads that are not marked; from 50 requests a second, twice as slow and half failing are found.
``--json`` prints the numbers for machines.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from math import log
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "bots/monitor"))

import detector

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S, WATCH = 0.5, 1_200
WATCHES = 24
RATES = (2, 10, 50, 200)


class Load(NamedTuple):
    """Latencies of a service: lognormal, of which a share takes many times as long."""

    name: str
    median_s: float
    spread: float
    odd: float = 0.0
    times: float = 1.0
    hard: bool = False

    def latency(self, dice: random.Random) -> float:
        """How long one request takes, in seconds."""
        usual = dice.lognormvariate(log(self.median_s), self.spread)
        return usual * self.times if dice.random() < self.odd else usual


LOADS = (
    Load("20 ms, narrow", 0.02, 0.3),
    Load("20 ms, usual", 0.02, 0.6),
    Load("20 ms, wide", 0.02, 1.0),
    Load("20 ms, 1 % take 10 times", 0.02, 0.5, 0.01, 10),
    Load("20 ms, 1 % take 50 times", 0.02, 0.5, 0.01, 50, hard=True),
    Load("0.2 ms, usual", 0.0002, 0.6),
)
CHANGES: dict[str, tuple[float, float]] = {
    "twice as slow": (2.0, 0.0),
    "three times as slow": (3.0, 0.0),
    "10 % fail": (1.0, 0.1),
    "half fail": (1.0, 0.5),
    "all fail": (1.0, 1.0),
}


def main() -> int:
    """Print both tables; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--watches", type=int, default=WATCHES, help="watches for each load")
    options = parser.parse_args()
    false = {
        load: [steady(load, rate, watches=options.watches) for rate in RATES] for load in LOADS
    }
    delays = {name: [delay(*change, rate) for rate in RATES] for name, change in CHANGES.items()}
    if options.json:
        named = {load.name: alarms for load, alarms in false.items()}
        print(json.dumps({"rates": RATES, "false_alarms": named, "delay": delays}))
    else:
        _print(f"false alarms in {options.watches} watches of ten minutes", _named(false))
        _print("intervals until it is said (median of 25; -: not in five minutes)", delays)
    missed = any(sum(alarms) for load, alarms in false.items() if not load.hard)
    return int(missed or "-" in (*delays["twice as slow"][2:], *delays["half fail"]))


def steady(load: Load, rate: int, *, watches: int) -> int:
    """How many watches over a service that stays as it is end with an alarm."""
    dice = random.Random(f"{load.name} {rate}")
    base, alarms = detector.Baseline(), 0
    for _ in range(watches):
        watching = detector.Watching(base)
        for _ in range(WATCH):
            watching, found = detector.observe(watching, interval(dice, load.latency, rate, 0.005))
            if found is not None:
                alarms += 1
                break
        base = watching.baseline
    return alarms


def delay(factor: float, failing: float, rate: int) -> str:
    """Intervals from a change of the usual load until it is said."""
    load, taken = LOADS[1], []
    for seed in range(25):
        dice = random.Random(f"{factor} {failing} {rate} {seed}")
        watching = detector.Watching()
        for _ in range(WATCH // 2):
            watching, _ = detector.observe(watching, interval(dice, load.latency, rate, 0.0))

        def changed(dice: random.Random) -> float:
            return load.latency(dice) * factor

        count, found = 0, None
        while found is None and count < WATCH // 2:
            count += 1
            watching, found = detector.observe(watching, interval(dice, changed, rate, failing))
        taken.append(count if found else WATCH)
    middle = round(median(taken))
    return "-" if middle >= WATCH // 2 else str(middle)


def interval(
    dice: random.Random, latency: Callable[[random.Random], float], rate: int, failing: float
) -> detector.Interval:
    """Half a second of a Poisson process, and the look at the health that the watch adds."""
    requests, errors, seconds, at = 1, 0, 0.002, dice.expovariate(rate)
    while at < INTERVAL_S:
        requests += 1
        errors += dice.random() < failing
        seconds += latency(dice)
        at += dice.expovariate(rate)
    return detector.Interval(requests, errors, requests, seconds)


def _named(false: dict[Load, list[int]]) -> dict[str, list[str]]:
    return {
        load.name + (" (not in the budget)" if load.hard else ""): [str(one) for one in alarms]
        for load, alarms in false.items()
    }


def _print(title: str, rows: dict[str, list[str]]) -> None:
    print(f"{title}\n{'requests a second':46}" + "".join(f"{rate:>7}" for rate in RATES))
    for name, cells in rows.items():
        print(f"{name:46}" + "".join(f"{cell:>7}" for cell in cells))
    print()


if __name__ == "__main__":
    sys.exit(main())
