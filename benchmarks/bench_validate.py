"""What `lotabots validate` costs as a whole process, beside the two things nobody can save.

Three commands take turns on the same files: a Python that does nothing, a Python that reads the
files as events of PyYAML's C parser and drops them, and `lotabots validate`. A shared machine slows
all three down alike, so besides the median of the rounds the ratios inside a round are given. CPU
is user and system time of the process. Modules are compiled before the first round, as they are
in an installation; what is measured is cold otherwise: nothing is kept between two runs.

Budgets: 0.1 s for 15 bots, 0.6 s for 1,500, on a machine that does nothing else. They are shown
and not asserted. ``--json`` prints the numbers for machines.

The first is kept, the second is not. This repository's own 15 bots, with three and a half times
the lines, policy tests to read and invariants to prove, take 1.8 times the time of the 15 here.
Where the CPU time goes (CPython 3.11, two shared cores, the least of several runs; of 15 bots
83 ms, of 1,500 about 1.1 s):

=================================================  =======  ==========
part                                               15 bots  1,500 bots
=================================================  =======  ==========
Python's own start                                  10 ms      10 ms
modules of the standard library                     12 ms      12 ms
PyYAML, most of it patterns that nobody asks        10 ms      10 ms
our own modules, 150 of them                        33 ms      33 ms
files                                                1 ms      13 ms
events of libyaml, as Python objects                 3 ms     200 ms
nodes with their places                              4 ms     240 ms
decoding                                             4 ms     190 ms
the graph, with an analysis of every condition       3 ms     160 ms
the checks                                           3 ms     200 ms
=================================================  =======  ==========

Of twice the fleet every part takes twice the time, and none stands out. What is left to save has
been weighed:

- a YAML reader of our own, by regular expressions: see docs/adr/0008-one-yaml-reader.md;
- half of the files in a second process: to write a bot as a pickle takes 0.2 ms and to read it
  0.1 ms, where its file takes 0.4 ms; by these numbers two idle cores would save a fifth of the
  time, and everybody else would pay a sixth more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "validate"))

from fleet import TEAM, write_fleet

SIZES = (15, 150, 1_500)
BUDGETS = {15: 0.1, 1_500: 0.6}

NOTHING = "pass"
EVENTS = """
import gc, pathlib, sys
from yaml._yaml import CParser
from yaml.events import StreamEndEvent
gc.disable()
for path in pathlib.Path(sys.argv[1]).rglob("*.yaml"):
    following = CParser(path.read_text(encoding="utf-8")).get_event
    while following().__class__ is not StreamEndEvent:
        pass
"""
VALIDATE = """
import sys
from lotabots.cli.start import main
sys.argv[:2] = ["lotabots", "validate", sys.argv[1]]
main()
"""
COMMANDS = {"python": NOTHING, "yaml events": EVENTS, "validate": VALIDATE}


class Cost(NamedTuple):
    """Seconds of one process."""

    wall: float
    cpu: float


def main() -> int:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=SIZES, help=f"numbers of bots, multiples of {TEAM}"
    )
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = [_one_size(size, Path(folder), arguments.rounds) for size in arguments.sizes]
    if arguments.json:
        print(json.dumps({"python": platform.python_version(), "sizes": report}))
    else:
        _print(report)
    return 0


def _one_size(bots: int, folder: Path, rounds: int) -> dict[str, object]:
    root = folder / str(bots)
    files = write_fleet(root, bots)
    caches = folder / "pycache"
    for code in COMMANDS.values():
        _cost(code, root, caches)  # compiles what it imports
    costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, code in COMMANDS.items():
            costs[name].append(_cost(code, root, caches))
    ours = costs["validate"]
    return {
        "bots": bots,
        "files": len(files),
        "lines": sum(path.read_bytes().count(b"\n") for path in files),
        "budget_s": BUDGETS.get(bots),
        "commands": {
            name: {
                "wall_s": median(cost.wall for cost in those),
                "cpu_s": median(cost.cpu for cost in those),
                "least_cpu_s": min(cost.cpu for cost in those),
                "validate_times": median(
                    our.cpu / cost.cpu for our, cost in zip(ours, those, strict=True)
                ),
            }
            for name, those in costs.items()
        },
    }


def _cost(code: str, root: Path, caches: Path) -> Cost:
    """One process; it must succeed, for a fleet with findings would measure their report."""
    command = [sys.executable, "-I", "-X", f"pycache_prefix={caches}", "-c", code, os.fspath(root)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ourselves
    wall, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _print(report: list[dict[str, object]]) -> None:
    print(f"python {platform.python_version()}; whole processes, medians, ratios in one round")
    print(
        f"{'bots':>5}{'lines':>8}  {'command':<14}{'wall ms':>9}{'CPU ms':>9}{'least':>8}{'x':>8}"
    )
    for one in report:
        for name, row in one["commands"].items():  # type: ignore[attr-defined]
            print(
                f"{one['bots']:>5}{one['lines']:>8}  {name:<14}{row['wall_s'] * 1000:>9.0f}"
                f"{row['cpu_s'] * 1000:>9.0f}{row['least_cpu_s'] * 1000:>8.0f}"
                f"{row['validate_times']:>8.1f}"
            )
        if one["budget_s"]:
            least = one["commands"]["validate"]["least_cpu_s"]  # type: ignore[index]
            print(
                f"      budget {one['budget_s'] * 1000:.0f} ms: {least / one['budget_s']:.0%} used"
            )  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
