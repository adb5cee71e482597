"""DeployBot: puts a release in service, or withdraws one.

Reads one job as JSON from standard input, writes one event per line to standard output. It starts
nothing itself: it installs a wheel into a folder and asks the host, by a door that allows only a
few verbs. A release that is bad is a result, not an error of this program: it ends with 0.
"""

from __future__ import annotations

import json
import sys
import time

from deployment import Deployment
from rollback import Rollback

TASKS = {"deploy": Deployment, "rollback": Rollback}


def main() -> None:
    """One job, from standard input to standard output."""
    started = time.monotonic()
    job = json.load(sys.stdin)
    TASKS[sys.argv[1]](job, started).run()


if __name__ == "__main__":
    main()
