"""Decisions per second, from bytes, against the fastest rule engine one can install with pip.

Budgets: at least four times zen-engine behind the same router and the standard library's decoder,
with the payload validated on our side; and p99 at 20,000 rules within twice that at 20.
``--enforce`` makes a missed budget exit status 1; ``--json`` prints the numbers for machines. What
they mean: benchmarks/decide/README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib.metadata import version
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "decide"))

from candidates import candidates
from measure import Result, measure, wrong_answers
from workload import workload

SIZES = (20, 2_000, 20_000)
BUDGET_RIVAL = "zen + router, json.loads"
BUDGET_RATIO = 4.0
BUDGET_FLAT = 2.0


def main() -> int:
    """Measure all sizes and compare with the budgets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of rules")
    parser.add_argument("--events", type=int, default=48_000, help="events for each size")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--checks", type=int, default=2_000, help="answers compared first")
    parser.add_argument("--enforce", action="store_true", help="fail if a budget is missed")
    arguments = parser.parse_args()
    report = [_one_size(size, arguments) for size in arguments.sizes]
    verdict = _verdict(report)
    if arguments.json:
        print(json.dumps({"python": platform.python_version(), "sizes": report, **verdict}))
    else:
        _print(report, verdict)
    return 1 if arguments.enforce and not verdict["met"] else 0


def _one_size(size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    load = workload(size, events=arguments.events)
    start = perf_counter()
    those, _ = candidates(load)
    prepared = perf_counter() - start
    wrong = wrong_answers(load, those, checks=max(50, min(arguments.checks, 4_000_000 // size)))
    if wrong:
        raise SystemExit(f"{wrong} wrong answers at {size} rules: nothing is timed")
    results = measure(load, those, rounds=arguments.rounds)
    return {"rules": size, "prepare_s": prepared, "results": [r._asdict() for r in results]}


def _verdict(report: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [[Result(**row) for row in one["results"]] for one in report]
    times: dict[str, float] = {}
    for rival in (row for size in rows for row in size if row.name.startswith("zen")):
        times[rival.name] = min(times.get(rival.name, inf), 1 / rival.ratio)
    flat = rows[-1][0].p99_us / rows[0][0].p99_us
    met = times[BUDGET_RIVAL] >= BUDGET_RATIO and flat <= BUDGET_FLAT
    return {"times_faster": times, "p99_growth": flat, "met": met}


def _print(report: list[dict[str, Any]], verdict: dict[str, Any]) -> None:
    versions = f"python {platform.python_version()}, zen-engine {version('zen-engine')}"
    print(f"{versions}; x = our time by theirs, within one round")
    print(f"{'rules':>7}  {'candidate':<38}{'events/s':>10}{'x':>7}{'p50 us':>9}{'p99 us':>9}")
    for one in report:
        for row in one["results"]:
            print(
                f"{one['rules']:>7}  {row['name']:<38}{row['per_second']:>10,.0f}"
                f"{row['ratio']:>7.3f}{row['p50_us']:>9.2f}{row['p99_us']:>9.2f}"
            )
    print("times faster at the least favourable size:")
    for name, times in verdict["times_faster"].items():
        budget = f" (budget {BUDGET_RATIO:g})" if name == BUDGET_RIVAL else ""
        print(f"{'':>9}{name:<38}{times:>10.2f}{budget}")
    print(
        f"p99 grows {verdict['p99_growth']:.2f} times (budget {BUDGET_FLAT:g}); "
        f"budgets {'met' if verdict['met'] else 'MISSED'}"
    )


if __name__ == "__main__":
    sys.exit(main())
