"""False alarms of MonitorBot's detector on steady loads, and how long it takes to see a change.

Time is simulated: half-second intervals of requests that arrive at random, by the distributions
named. A day is 144 watches of ten minutes, each with the baseline of the one before; the delay is
what a change in the middle of a watch takes to be said, in intervals. A ramp grows from the
beginning of a watch to its end. On a busy machine every release gets slower in the first half of
each watch, and fast again in the second. Budgets: no false alarm on the loads that are not marked,
and none on a machine that is busy up to 1.6 times; from 50 requests a second, twice as slow, half
failing and a ramp to three times as slow or to a fifth failing are found.
``--json`` prints the numbers for machines.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from math import log, pi, sin
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "bots/monitor"))

import detector

INTERVAL_S, WATCH = 0.5, 1_200
WATCHES = 24
RATES = (2, 10, 50, 200)
USUALLY_FAILING = 0.005


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
RAMPS: dict[str, tuple[float, float]] = {
    "up to 1.6 times as slow": (1.6, 0.0),
    "up to twice as slow": (2.0, 0.0),
    "up to three times as slow": (3.0, 0.0),
    "up to five times as slow": (5.0, 0.0),
    "up to 20 % fail": (1.0, 0.2),
}
BUSY: dict[str, tuple[float, bool]] = {
    "1.3 times": (1.3, True),
    "1.6 times": (1.6, True),
    "twice": (2.0, False),
    "three times": (3.0, False),
}
"""How slow everything becomes, and whether that is in the budget."""


def main() -> int:
    """Print all tables; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--watches", type=int, default=WATCHES, help="watches for each load")
    options = parser.parse_args()
    false = {
        load: [steady(load, rate, watches=options.watches) for rate in RATES] for load in LOADS
    }
    busy = {
        name: [steady(LOADS[1], rate, watches=options.watches, busy=times) for rate in RATES]
        for name, (times, _) in BUSY.items()
    }
    delays = {name: [delay(*change, rate) for rate in RATES] for name, change in CHANGES.items()}
    ramps = {name: [ramp(*change, rate) for rate in RATES] for name, change in RAMPS.items()}
    if options.json:
        named = {load.name: alarms for load, alarms in false.items()}
        found = {"false_alarms": named, "busy": busy, "delay": delays, "ramp": ramps}
        print(json.dumps({"rates": RATES, **found}))
    else:
        _print(f"false alarms in {options.watches} watches of ten minutes", _named(false))
        _print("the same while the machine gets so many times as slow, and fast again", _said(busy))
        _print("intervals until it is said (median of 25; -: not in five minutes)", delays)
        _print("intervals of a ramp over ten minutes until it is said (the same)", ramps)
    alarms = [sum(row) for load, row in false.items() if not load.hard]
    alarms += [sum(busy[name]) for name, (_, bound) in BUSY.items() if bound]
    sure = (delays["twice as slow"], ramps["up to three times as slow"], ramps["up to 20 % fail"])
    return int(any(alarms) or "-" in (*delays["half fail"], *(x for row in sure for x in row[2:])))


def steady(load: Load, rate: int, *, watches: int, busy: float = 1.0) -> int:
    """How many watches over releases that are all the same end with an alarm."""
    dice = random.Random(f"{load.name} {rate}")
    base, alarms = detector.Baseline(), 0
    for _ in range(watches):
        watching, found = detector.begin(base), None
        for count in range(WATCH):
            times = 1 + (busy - 1) * sin(pi * count / WATCH)
            watching, found = detector.observe(watching, _interval(dice, load, rate, times=times))
            if found is not None:
                alarms += 1
                break
        base = detector.usual(watching, well=found is None)
    return alarms


def ramp(factor: float, failing: float, rate: int) -> str:
    """Intervals of a watch over a release that gets worse from its beginning to its end."""
    taken = []
    for seed in range(25):
        dice = random.Random(f"{factor} {failing} {rate} {seed}")
        watching = detector.Watching()
        for _ in range(WATCH):
            watching, _ = detector.observe(watching, _interval(dice, LOADS[1], rate))
        watching = detector.begin(detector.usual(watching, well=True))
        count, found = 0, None
        while found is None and count < WATCH:
            count += 1
            share = count / WATCH
            times = 1 + (factor - 1) * share
            one = _interval(dice, LOADS[1], rate, times=times, failing=failing * share)
            watching, found = detector.observe(watching, one)
        taken.append(count if found else WATCH)
    middle = round(median(taken))
    return "-" if middle >= WATCH else str(middle)


def delay(factor: float, failing: float, rate: int) -> str:
    """Intervals from a change of the usual load until it is said."""
    load, taken = LOADS[1], []
    for seed in range(25):
        dice = random.Random(f"{factor} {failing} {rate} {seed}")
        watching = detector.Watching()
        for _ in range(WATCH // 2):
            watching, _ = detector.observe(watching, _interval(dice, load, rate))
        count, found = 0, None
        while found is None and count < WATCH // 2:
            count += 1
            one = _interval(dice, load, rate, times=factor, failing=failing)
            watching, found = detector.observe(watching, one)
        taken.append(count if found else WATCH)
    middle = round(median(taken))
    return "-" if middle >= WATCH // 2 else str(middle)


def _interval(
    dice: random.Random, load: Load, rate: int, *, times: float = 1.0, failing: float = 0.0
) -> detector.Interval:
    """Half a second of a Poisson process, and the look at the health that the watch adds."""
    failing = max(failing, USUALLY_FAILING)
    requests, errors, seconds, at = 1, 0, 0.002, dice.expovariate(rate)
    while at < INTERVAL_S:
        requests += 1
        errors += dice.random() < failing
        seconds += load.latency(dice) * times
        at += dice.expovariate(rate)
    return detector.Interval(requests, errors, requests, seconds)


def _said(rows: dict[str, list[int]]) -> dict[str, list[str]]:
    marked = {name: "" if bound else " (not in the budget)" for name, (_, bound) in BUSY.items()}
    return {name + marked[name]: [str(one) for one in row] for name, row in rows.items()}


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
