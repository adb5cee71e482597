"""False insights of LogBot on loads that are usual, and how many bursts it finds.

Time is simulated: two weeks of hours, 100 templates, so many lines an hour of each. `steady` lines
come by chance at one rate; `daily` ones at a rate that follows the hour of the day (from a fifth to
1.8 times its mean); `restless` and `bursting` ones at a rate that is drawn anew each hour (gamma
distributions with a standard deviation of 0.7 and 1.4 times the mean). A burst is an hour at 3, 5
or 10 times the rate. Budgets: no false insight on steady loads, at most one in ten thousand hours
of a template on daily ones; on steady ones from 50 lines an hour each fivefold burst is found.
``--json`` prints the numbers for machines.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from math import exp, pi, sin, sqrt
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bots/log"))

import insights
from templates import Group, Template

HOURS, TEMPLATES = 14 * 24, 100
LOADS = ("steady", "daily", "restless", "bursting")
MEANS = (0.5, 5, 50, 500)
TIMES = (3, 5, 10)
NORMAL_FROM = 50
TRIED = 10


def rate(load: str, hour: int, mean: float, dice: random.Random) -> float:
    """Lines that are to be expected in an hour."""
    if load == "steady":
        return mean
    daily = mean * (1 + 0.8 * sin(2 * pi * hour / 24))
    shapes = {"restless": (2.0, 0.5), "bursting": (0.5, 2.0)}
    return daily if load == "daily" else daily * dice.gammavariate(*shapes[load])


def lines(expected: float, dice: random.Random) -> int:
    """A number of the Poisson distribution; of a large mean, of the normal one."""
    if expected > NORMAL_FROM:
        return max(0, round(dice.gauss(expected, sqrt(expected))))
    count, left, least = 0, dice.random(), exp(-expected)
    while left > least:
        count, left = count + 1, left * dice.random()
    return count


def measure(load: str, mean: float) -> dict[str, float]:
    """False insights in 10,000 hours of a template, and the share of bursts that is found."""
    dice = random.Random(f"{load} {mean}")
    counts = {
        number: {
            hour: found
            for hour in range(HOURS)
            if (found := lines(rate(load, hour, mean, dice), dice))
        }
        for number in range(TEMPLATES)
    }
    group = Group("shop", "production", 4)
    known = [Template(number, group, str(number), ("x",), 0, HOURS) for number in counts]
    hours = range(insights.WARM, HOURS)
    false = sum(len(insights.find(known, counts, hour)) for hour in hours)
    found = {"false": false / (len(hours) * TEMPLATES) * 10_000}
    for times in TIMES:
        found[f"x{times}"] = share(known, counts, (load, mean, times), dice)
    return found


def share(
    known: list[Template],
    counts: dict[int, dict[int, int]],
    burst: tuple[str, float, int],
    dice: random.Random,
) -> float:
    """Of hours that are bursts, how many are found."""
    load, mean, times = burst
    judged: list[bool] = []
    for hour in range(insights.BEFORE, HOURS, 12):
        for one in known[:TRIED]:
            now = lines(rate(load, hour, mean, dice) * times, dice)
            seen = {**counts[one.id], hour: now}
            found = insights.judge(one, seen, hour, hours=insights.BEFORE, tested=TEMPLATES)
            judged.append(now > 0 and found is not None)
    return sum(judged) / len(judged)


def main() -> int:
    """Measure, print, and compare with the budgets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print numbers for machines")
    wanted = parser.parse_args()
    found = {load: {str(mean): measure(load, mean) for mean in MEANS} for load in LOADS}
    if wanted.json:
        print(json.dumps(found, indent=1))
    else:
        for load, rows in found.items():
            for mean, row in rows.items():
                shown = "  ".join(f"{name} {value:.2f}" for name, value in row.items())
                print(f"{load:9} {mean:>4} lines an hour  {shown}")
    kept = (
        all(row["false"] == 0 for row in found["steady"].values())
        and all(row["false"] <= 1 for row in found["daily"].values())
        and all(found["steady"][mean]["x5"] == 1 for mean in ("50", "500"))
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
