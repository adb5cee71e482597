"""What a start costs: a bare process, bubblewrap alone, and a whole run from a warm launcher.

The three take turns in one run, so that they meet the same load: compare the medians with each
other, not with another day's. Budget: at most 20 ms above the bare process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from lotabots.adapters.sandbox import bubblewrap
from lotabots.adapters.sandbox.launch import Launcher, run_policy
from lotabots.policy.project_kernel import KernelPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET_MS = 20
POLICY = KernelPolicy(runtime=("/usr/lib", "/lib", "/lib64"), exec=("/bin/true",))


def main(rounds: int) -> int:
    """Print the table; 1 when over budget."""
    tool = bubblewrap.find()
    if tool is None:
        print("no bubblewrap on this host")
        return 2
    alone = [tool.path, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "/bin/true"]
    with Launcher(tool=tool) as launcher:
        cases: dict[str, Callable[[], object]] = {
            "bare process": lambda: subprocess.run(["/bin/true"], check=True),
            "bubblewrap alone": lambda: subprocess.run(alone, check=True),  # noqa: S603 - ours
            "strict run, warm launcher": lambda: run_policy(POLICY, ["true"], launcher=launcher),
        }
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, case in cases.items():
                begin = time.perf_counter()
                case()
                times[name].append((time.perf_counter() - begin) * 1000)
    bare = statistics.median(times["bare process"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:28} {middle:8.2f} ms   x{middle / bare:5.1f}   best {min(found):.2f} ms")
    above = statistics.median(times["strict run, warm launcher"]) - bare
    print(f"above bare: {above:.1f} ms (budget {BUDGET_MS} ms)")
    return int(above > BUDGET_MS)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))
